"""Judges the tick's execution: its attempts, its endpoint's gate, and the workers that could claim it."""

from kronos.counting import plural
from kronos.explain.facts import Facts, Judged, Step, Verdict, document, instant, said, seconds
from kronos.model import JsonObject
from kronos.readiness import WAITS_LONG

_WAITS_LONG_SECONDS = WAITS_LONG.total_seconds()
_BY = {"MANUAL": " by hand", "BACKFILL": " by a backfill", "CATCH_UP": " to catch up"}


def execution(facts: Facts) -> Judged:
    """Judge how the execution ended; if there is none, whether one will come."""
    run = facts.run
    if run is None:
        return _no_execution(facts)
    by = _BY.get(run["cause"], "")
    detail = f"execution {run['execution_id']}, cause {run['cause']}, is {run['status']}"
    if cause := document(run.get("caused_by")):
        by = f" by {cause.get('event')} of execution {cause.get('execution_id')}"
        detail += f"; it was triggered{by}"
    verdict = _ended(facts, run, by) or _under_way(facts, run)
    holds = run["status"] not in ("FAILED", "CANCELLED", "SKIPPED", "MISSED", "EXPIRED")
    return Step(step="execution", holds=holds, detail=detail, evidence=run), verdict


def _no_execution(facts: Facts) -> Judged:
    if facts.due_at is None:
        return None, None
    if not facts.is_past:
        detail = f"the tick is {seconds((facts.due_at - facts.now).total_seconds())} ahead"
        because = f"The tick is in the future: it will run at {said(facts.due_at)}."
        return Step(step="execution", holds=True, detail=detail), Verdict(
            decision="WILL_RUN", code="in_the_future", because=because
        )
    if facts.is_pending:  # an earlier judge has said what keeps it from being accounted for
        return Step(step="execution", holds=False, detail="the tick is not yet accounted for"), None
    detail = "no row accounts for the tick"
    if facts.retained_from is not None and facts.due_at < facts.retained_from:
        detail = f"history is complete only from {said(facts.retained_from)} on, and the tick is older"
        because = f"The outcome is no longer known: {detail}."
        return Step(step="execution", holds=False, detail=detail), Verdict(
            decision="UNKNOWN", code="beyond_retention", because=because
        )
    because = (
        f"The tick lies before the job's pointer, but {detail}: its row was deleted by hand. `kronos doctor` counts "
        "such ticks."
    )
    return Step(step="execution", holds=False, detail=detail), Verdict(
        decision="UNACCOUNTED", code="unaccounted", because=because
    )


def _ended(facts: Facts, run: JsonObject, by: str) -> Verdict | None:
    why = facts.reason.get("detail") or facts.run_error.get("message") or "no reason was given"
    if run["status"] == "SUCCESS":
        late = (instant(run["completed_at"]) or facts.now) - (instant(run["scheduled_at"]) or facts.now)
        because = (
            f"It ran{by}: delivered at {said(run['completed_at'])}, {seconds(late.total_seconds())} after "
            f"{said(run['scheduled_at'])}."
        )
        return Verdict(decision="RAN", code="ran", because=because)
    if run["status"] == "FAILED":
        code = "delivery_lost" if facts.reason.get("code") == "lease_expired" else "delivery_failed"
        because = (
            f"Its delivery failed after {run['attempt_count']} of {run['max_attempts']} "
            f"{plural(run['max_attempts'], 'attempt')}: {why}."
        )
        return Verdict(decision="FAILED", code=code, because=because)
    if run["status"] == "CANCELLED":
        code = "job_cancelled" if facts.reason.get("code") == "job_cancelled" else "execution_cancelled"
        return Verdict(
            decision="CANCELLED",
            code=code,
            because=f"Its execution was cancelled at {said(run['completed_at'])}: {why}.",
        )
    if run["status"] == "SKIPPED":
        return Verdict(
            decision="SKIPPED", code=facts.reason.get("code", "skipped"), because=f"The tick was skipped: {why}."
        )
    return None


def _under_way(facts: Facts, run: JsonObject) -> Verdict | None:
    lease_until = instant(run["lease_until"])
    if run["status"] == "RUNNING" and lease_until is not None:
        if lease_until <= facts.now:
            because = (
                f"The worker {run['worker_id']} did not report before its lease expired at {said(lease_until)}: the "
                "delivery will be retried."
            )
            return Verdict(decision="WAITING", code="delivery_lost_retrying", because=because)
        attempt = f"attempt {run['attempt_count']} of {run['max_attempts']}, by {run['worker_id']}"
        if run.get("cancel_reason") is not None:
            because = f"It was cancelled while it was running ({attempt}): its worker is ending the request."
            return Verdict(decision="RUNNING", code="cancelling", because=because)
        because = f"It is running: {attempt}, whose lease ends at {said(lease_until)}."
        return Verdict(decision="RUNNING", code="running", because=because)
    due_at = instant(run["due_at"])
    if run["status"] == "PENDING" and due_at is not None:
        if facts.trigger != "CRON":
            return Verdict(decision="WILL_RUN", code="in_the_future", because=f"It will run at {said(due_at)}.")
        if run["cause"] == "CATCH_UP":
            because = f"Missed deliveries of all jobs are spread over time: this one is due at {said(due_at)}."
            return Verdict(decision="WAITING", code="catch_up_staggered", because=because)
        if facts.offset_seconds:
            jitter = f", and its jitter_seconds of {facts.jitter_seconds}," if facts.jitter_seconds else ""
            because = (
                f"The job's offset_seconds of {facts.offset_seconds}{jitter} move the delivery to {said(due_at)}, "
                "within its spread, so that not all jobs are due at the same time."
            )
            return Verdict(decision="WAITING", code="offset", because=because)
        because = f"The job's jitter_seconds of {facts.jitter_seconds} delay the delivery until {said(due_at)}."
        return Verdict(decision="WAITING", code="jitter", because=because)
    return None


def attempts(facts: Facts) -> Judged:
    """Judge each attempt to deliver it."""
    tried = facts.attempts or []
    if not tried:
        return None, None
    told = ", ".join(f"attempt {each['attempt_number']} {each['status']}" for each in tried[-10:])
    last = tried[-1]
    error = document(last.get("error"))
    why = f": {error['message']}" if error.get("message") else ""
    step = Step(
        step="attempts",
        holds=last["status"] in ("SUCCESS", "RUNNING"),
        detail=f"{told}{why}",
        evidence={"attempts": tried},
    )
    return step, None


def callbacks(facts: Facts) -> Judged:
    """Judge what the run's end triggered, and how that ended. It does not change the decision about the run."""
    made = [document(each) for each in (facts.run or {}).get("callbacks") or []]
    if not made:
        return None, None
    detail = "; ".join(
        f"{each.get('event')}: {_called(each)} is {each.get('status') or 'no longer kept'}" for each in made
    )
    holds = all(each.get("status") not in ("FAILED", "CANCELLED", "SKIPPED", "EXPIRED") for each in made)
    return Step(step="callbacks", holds=holds, detail=detail, evidence={"callbacks": made}), None


def _called(callback: JsonObject) -> str:
    if "endpoint" in callback:
        return f"a delivery to endpoint {callback['endpoint']}"
    return f"a run of job {callback.get('job') or callback.get('job_id')}"


def waiting(facts: Facts) -> Judged:
    """Judge what a due execution waits for: its endpoint's gate, its workspace, a worker, or its next attempt."""
    run = facts.run
    if run is None or run["status"] not in ("QUEUED", "RETRYING", "PENDING"):
        return None, None
    evidence: JsonObject = {
        "endpoint": facts.endpoint,
        "paused_until": facts.gate_paused_until,
        "in_flight": facts.in_flight,
        "max_in_flight": facts.max_in_flight,
        "worker_sessions": facts.worker_sessions,
        "health": facts.endpoint_health,
        "limits": facts.limits,
        "group": facts.worker_group,
    }
    if key := document(run.get("key_full")):
        evidence["concurrency_key"] = key["concurrency_key"]  # of the input: not in a sentence, which all viewers read
    code, detail = _what_it_waits_for(facts, run)
    if (deadline_at := run.get("deadline_at")) is not None:
        evidence["deadline_at"] = deadline_at
        detail += f"; if it is not delivered before {said(deadline_at)}, "
        is_age_limited = run.get("is_age_limited")
        detail += "it is too old (max_age_seconds) and fails" if is_age_limited else "its deadline, it expires"
    step = Step(step="waiting", holds=False, detail=detail, evidence=evidence)
    return step, Verdict(decision="WAITING", code=code, because=f"The execution waits: {detail}.")


def _what_it_waits_for(facts: Facts, run: JsonObject) -> tuple[str, str]:
    if facts.is_held:
        return "held", "the instance is held (kronos.hold), so nothing is delivered"
    if facts.workspace_status != "ACTIVE":
        return (
            "workspace_suspended",
            f"the workspace {facts.workspace} is {facts.workspace_status}, so nothing in it is delivered",
        )
    if (off := _what_keeps_it_off(facts)) is not None:
        return off
    if key := document(run.get("key_full")):
        return (
            "key_full",
            f"endpoint {facts.endpoint} allows {key['max_concurrency_per_key']} concurrent deliveries with its "
            f"concurrency key, and {key['running']} are running; {key['before']} wait before it, and the next begins "
            "when a running one ends",
        )
    due_at = instant(run["due_at"])
    if (due_at is None or due_at <= facts.now) and (limited := _what_limits(facts)) is not None:
        return limited
    if run["status"] == "RETRYING":
        error = facts.run_error
        code = "delivery_lost_retrying" if error.get("type") == "lease_expired" else "delivery_retrying"
        text = f"attempt {run['attempt_count']} of {run['max_attempts']} ended with {error.get('message', 'an error')}"
        return code, f"{text}; the next is due at {said(run['due_at'])}"
    if facts.worker_sessions == 0:
        return "no_worker", "no worker is connected to this database; start one with `kronos worker`"
    if not facts.is_group_served:
        of = f"the group {facts.worker_group}" if facts.worker_group else "endpoints without a group"
        option = facts.worker_group or "default"
        return "no_worker_in_group", f"no connected worker serves {of}; start one with `kronos worker --group {option}`"
    waited = (facts.now - due_at).total_seconds() if due_at is not None else 0.0
    if waited > _WAITS_LONG_SECONDS:
        text = (
            "workers are connected, but none has claimed it: they are busy, or stuck; start more, or raise "
            "KRONOS_WORKER_CONCURRENCY"
        )
        return "queued", f"it has been due for {seconds(waited)}; {text}"
    if due_at is not None and due_at > facts.now:
        return "queued", f"it is due at {said(due_at)}; a worker will claim it then"
    return "queued", "workers are connected, and one will claim it as soon as it is free"


def _what_keeps_it_off(facts: Facts) -> tuple[str, str] | None:
    """Return why nothing, or only one delivery at a time, goes to the endpoint."""
    health = facts.endpoint_health
    reason = document(health.get("reason"))
    if health["state"] == "DISABLED":
        text = f"endpoint {facts.endpoint} has been disabled since {said(health['since'])}: {_why_disabled(reason)}"
        return "endpoint_disabled", f"{text}; {_until_enabled(facts, health)}"
    if health["state"] == "SLOWED" and health["until"]:
        return (
            "endpoint_slowed",
            f"endpoint {facts.endpoint} is slowed down until {said(health['until'])}: {reason.get('detail')}; after "
            "that, one delivery is tried first",
        )
    if facts.is_gate_paused:
        return (
            "endpoint_paused",
            f"deliveries to endpoint {facts.endpoint} are paused until {said(facts.gate_paused_until)}",
        )
    if health["on_trial"] and (facts.in_flight or 0) > 0:
        return "endpoint_on_trial", f"endpoint {facts.endpoint} is on trial with one delivery, which is running"
    return None


def _why_disabled(reason: JsonObject) -> str:
    text = str(reason.get("detail", "no reason was given"))
    by, note = reason.get("actor"), reason.get("note")
    return text + (f", by {by}" if by else "") + (f" ({note})" if note else "")


def _until_enabled(facts: Facts, health: JsonObject) -> str:
    by_hand = f"`kronos endpoint enable {facts.endpoint}` enables it"
    if not health["on_trial"]:
        return by_hand
    when = f"from {said(health['until'])} on" if health["until"] else "now"
    return f"the oldest waiting execution is tried {when}, and its success enables it; {by_hand} immediately"


def _what_limits(facts: Facts) -> tuple[str, str] | None:
    """Return which limit keeps a due execution from being claimed, with its numbers and the next chance."""
    limits = facts.limits or {}
    match limits.get("closed_by"):
        case "workspace_full":
            return (
                "workspace_full",
                f"the workspace {facts.workspace} allows {limits['max_concurrency']} concurrent deliveries, and "
                f"{limits['workspace_in_flight']} are running; the next begins when one of them ends",
            )
        case "endpoint_full":
            return (
                "endpoint_full",
                f"endpoint {facts.endpoint} allows {facts.max_in_flight} concurrent deliveries, and {facts.in_flight} "
                "are running; the next begins when one of them ends",
            )
        case "rate_limited":
            return (
                "rate_limited",
                f"endpoint {facts.endpoint} allows {limits['rate_count']} "
                f"{plural(limits['rate_count'], 'delivery', 'deliveries')} per {limits['rate_seconds']} s; "
                f"the next may begin at {said(limits['next_token_at'])}",
            )
        case _:
            return None
