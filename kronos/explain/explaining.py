"""The judges of an instant, in order, and the explanation that they add up to."""

from collections.abc import Callable, Sequence

from kronos.alert_rows import OpenAlert
from kronos.explain import accounts, closures, delivery, schedule
from kronos.explain.facts import Explanation, Facts, Judged, Verdict
from kronos.sql import statement

FACTS = statement("explain.get_facts", Facts)

# In the order in which a tick meets them. The first verdict decides; the steps of all judges are shown.
_JUDGES: tuple[Callable[[Facts], Judged], ...] = (
    schedule.version,
    accounts.fault,
    schedule.schedule,
    schedule.window,
    accounts.pause,
    closures.closure,
    accounts.overlap,
    accounts.missed,
    accounts.entry,
    accounts.alarm,
    delivery.execution,
    delivery.attempts,
    delivery.waiting,
    delivery.callbacks,
)
_UNKNOWN = Verdict(decision="NOT_DUE", code="nothing_to_run", because="The job has nothing to run at this instant.")


def decided(facts: Facts) -> Verdict:
    """Return the decision, without its steps."""
    return next((verdict for judge in _JUDGES if (verdict := judge(facts)[1]) is not None), _UNKNOWN)


def explained(facts: Facts, alerts: Sequence[OpenAlert] = ()) -> Explanation:
    """Return the explanation that the facts give, with the job's alerts."""
    judged = [judge(facts) for judge in _JUDGES]
    verdict = next((verdict for _, verdict in judged if verdict is not None), _UNKNOWN)
    return Explanation(
        job_id=facts.job_id,
        version_id=facts.version_id,
        at=facts.at,
        tick=facts.due_at,
        decision=verdict.decision,
        code=verdict.code,
        because=verdict.because,
        steps=[step for step, _ in judged if step is not None],
        alerts=list(alerts),
    )
