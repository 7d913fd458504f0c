"""Why a job did or did not run at an instant: the decision, each step to it, and the evidence."""

from collections.abc import Callable
from datetime import datetime

from kronos import errors
from kronos.database import WorkspaceView
from kronos.explain import accounts, delivery, schedule
from kronos.explain.facts import Explanation, Facts, Judged, Verdict
from kronos.sql import statement

_FACTS = statement("explain.get_facts", Facts)

# In the order in which a tick meets them; the first that has a verdict decides, the rest are shown all the same.
_JUDGES: tuple[Callable[[Facts], Judged], ...] = (
    schedule.version,
    accounts.fault,
    schedule.schedule,
    schedule.window,
    accounts.pause,
    accounts.overlap,
    accounts.missed,
    accounts.entry,
    accounts.alarm,
    delivery.execution,
    delivery.attempts,
    delivery.waiting,
    delivery.callbacks,
)


async def explain(view: WorkspaceView, job: str, *, at: datetime | None) -> Explanation:
    """Why the job did or did not run at `at` (None: now). Raises JobNotFound."""
    if (facts := await view.one_or_none(_FACTS, {"job": job, "at": at})) is None:
        raise errors.JobNotFound(f"no job {job!r} in workspace {view.workspace}")
    return explained(facts)


def explained(facts: Facts) -> Explanation:
    """The answer that the facts give."""
    judged = [judge(facts) for judge in _JUDGES]
    unknown = Verdict(decision="NOT_DUE", code="nothing_to_run", because="The job has nothing to run at this instant.")
    verdict = next((verdict for _, verdict in judged if verdict is not None), unknown)
    return Explanation(
        job_id=facts.job_id,
        version_id=facts.version_id,
        at=facts.at,
        tick=facts.due_at,
        decision=verdict.decision,
        code=verdict.code,
        because=verdict.because,
        steps=[step for step, _ in judged if step is not None],
    )
