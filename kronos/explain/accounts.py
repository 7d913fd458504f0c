"""Judges how a tick was accounted for (paused, skipped, held back, missed), or why it could not be."""

from datetime import datetime

from kronos.explain.facts import Facts, Judged, Step, Verdict, instant, said, seconds
from kronos.model import JsonObject
from kronos.readiness import SILENT_AFTER

_PG_CRON_SILENT_SECONDS = SILENT_AFTER.total_seconds()
_REPAIRED = "the reaper repairs this within a minute, `kronos doctor --fix` immediately"
_UNSCHEDULED = "job canceled"
"""pg_cron's message when an entry is removed while it rings, as the alarm of a job's last tick does."""
_OVERLAP = {
    "overlap": "overlap_skipped",
    "overlap_queue_full": "overlap_queue_full",
    "overlap_replaced": "overlap_replaced",
}


def fault(facts: Facts) -> Judged:
    """Judge whether the job's ticks can be accounted for at all."""
    if facts.fault is None:
        return None, None
    text = facts.fault["message"]
    reading = facts.reading or {}
    step = Step(
        step="fault", holds=False, detail=f"the job's ticks cannot be accounted for: {text}", evidence=facts.fault
    )
    has_no_ticks = facts.tick is None and reading.get("next_tick") is None  # nor if the schedule cannot be read
    if facts.run is None and (has_no_ticks or facts.is_pending):
        because = (
            f"The job's ticks cannot be accounted for: {text}. Change its schedule or endpoint to create a valid "
            "version."
        )
        return step, Verdict(decision="ERROR", code="job_fault", because=because)
    return step, None


def pause(facts: Facts) -> Judged:
    """Judge whether the job, its workspace, its endpoint or skip_next halted the tick."""
    if facts.trigger != "CRON":
        return None, None
    code = facts.reason.get("code")
    if (facts.run or {}).get("status") == "SKIPPED" and code in (
        "paused",
        "workspace_suspended",
        "skip_next",
        "endpoint_disabled",
    ):
        detail = _as_recorded(facts.reason)
        step = Step(step="pause", holds=False, detail=detail, evidence=facts.reason)
        return step, Verdict(decision="SKIPPED", code=code, because=f"The tick was skipped: {detail}.")
    evidence: JsonObject = {
        "status": facts.status,
        "status_reason": facts.status_reason if facts.status == "PAUSED" else None,
        "resume_at": facts.resume_at,
        "workspace_status": facts.workspace_status,
        "suspended_at": facts.suspended_at,
        "skip_next": facts.skip_next,
    }
    halted = _halted_now(facts)
    if halted is None and facts.turned_at is not None:
        detail = f"the workspace was suspended or resumed at {said(facts.turned_at)}, and this job has not followed yet"
        because = f"The tick will be accounted for in its turn, under the workspace's status at its time: {detail}."
        return Step(step="pause", holds=False, detail=detail, evidence=evidence), Verdict(
            decision="OVERDUE", code="workspace_turning", because=because
        )
    if halted is None:
        return Step(
            step="pause", holds=True, detail="neither the job nor its workspace is halted", evidence=evidence
        ), None
    code, detail = halted
    step = Step(step="pause", holds=False, detail=detail, evidence=evidence)
    if facts.run is not None or not facts.is_pending:
        return step, None
    if facts.is_past and code != "skip_next":
        return step, Verdict(decision="SKIPPED", code=code, because=f"The tick does not run: {detail}.")
    return step, Verdict(decision="WILL_BE_SKIPPED", code=code, because=f"The tick will be skipped: {detail}.")


def _as_recorded(reason: JsonObject) -> str:
    text = str(reason.get("detail", reason.get("code")))
    for name, word in (("actor", "by"), ("at", "at"), ("until", "until")):
        if reason.get(name):
            text += f", {word} {reason[name]}"
    if reason.get("note"):
        text += f" ({reason['note']})"
    count = reason.get("count", 1)
    if isinstance(count, int) and count > 1:
        text += f"; {count} ticks from {said(reason.get('first'))} to {said(reason.get('last'))}"
    return text


def _halted_now(facts: Facts) -> tuple[str, str] | None:
    if facts.status == "PAUSED" and not (
        facts.resume_at is not None and facts.turn_at is not None and facts.turn_at >= facts.resume_at
    ):
        reason = facts.standing
        text = "the job was paused"
        for name, words in (("actor", " by {}"), ("at", " at {}"), ("note", " ({})")):
            if reason.get(name):
                text += words.format(reason[name])
        return "paused", text + (f"; it resumes at {said(facts.resume_at)}" if facts.resume_at else "")
    if facts.was_suspended:
        if facts.workspace_status == "ACTIVE":
            return "workspace_suspended", f"the workspace {facts.workspace} was suspended"
        return (
            "workspace_suspended",
            f"the workspace {facts.workspace} has been {facts.workspace_status} since {said(facts.suspended_at)}",
        )
    if facts.on_disabled == "SKIP" and facts.endpoint_health["state"] == "DISABLED":
        return (
            "endpoint_disabled",
            f"endpoint {facts.endpoint} has been disabled since {said(facts.endpoint_health['since'])}, and ticks are "
            "skipped while it is (on_disabled)",
        )
    if facts.is_to_be_skipped:
        return "skip_next", f"it is {_among_next(facts.skip_next)}, which skip_next skips"
    return None


def overlap(facts: Facts) -> Judged:
    """Judge whether another run of the job blocked the tick."""
    code = _OVERLAP.get(facts.reason.get("code", ""))
    if code is not None:
        detail = f"overlap {facts.overlap}: {facts.reason.get('detail')}"
        step = Step(step="overlap", holds=False, detail=detail, evidence=facts.reason)
        if (facts.run or {}).get("status") == "SKIPPED":
            return step, Verdict(decision="SKIPPED", code=code, because=f"The tick was skipped under {detail}.")
        return step, Verdict(decision="CANCELLED", code=code, because=f"The tick's execution was ended under {detail}.")
    if (facts.run or {}).get("is_held"):
        detail = f"overlap {facts.overlap}: it waits until the previous run has ended"
        step = Step(step="overlap", holds=False, detail=detail)
        return step, Verdict(
            decision="WAITING", code="overlap_held", because=f"The execution is held back under {detail}."
        )
    if facts.overlap == "ALLOW" or facts.run is None:
        return None, None
    return Step(step="overlap", holds=True, detail=f"overlap {facts.overlap}: no other run blocked it"), None


def missed(facts: Facts) -> Judged:
    """Judge whether the tick was accounted for too late to be delivered."""
    run = facts.run
    if run is None:
        return None, None
    if run["status"] == "EXPIRED":
        detail = str(facts.reason.get("detail", "it expired"))
        step = Step(step="missed", holds=False, detail=detail, evidence=facts.reason)
        return step, Verdict(decision="MISSED", code="expired", because=f"The execution expired: {detail}.")
    if facts.tick is None:
        return None, None
    late = (_made_at(run) - (facts.turn_at or facts.tick)).total_seconds()
    if run["status"] != "MISSED":
        if run["cause"] != "CATCH_UP":
            return None, None
        detail = f"accounted for {seconds(late)} after its time, and delivered under catch_up {facts.catch_up_policy}"
        return Step(step="missed", holds=True, detail=detail, evidence={"late_seconds": late}), None
    policy, within = facts.reason.get("policy", facts.catch_up_policy), facts.reason.get("window_seconds")
    within = within if isinstance(within, int | float) else facts.catch_up_window_seconds
    if policy != "SKIP" and late > within:
        code, why = "missed_outside_window", f"catch_up's window of {within} s had passed"
    elif policy == "SKIP":
        code, why = "missed_policy", "catch_up SKIP delivers no missed ticks"
    else:
        code, why = (
            "missed_policy",
            f"catch_up {policy} delivers the newest of the missed ticks, and this was not the newest",
        )
    counted = f", one of {run['tick_count']} in a row" if run["tick_count"] > 1 else ""
    detail = f"accounted for {seconds(late)} after its time{counted}; {why}"
    step = Step(step="missed", holds=False, detail=detail, evidence={"late_seconds": late, **facts.reason})
    because = (
        f"The tick was missed: it was not accounted for until {said(_made_at(run))}, {seconds(late)} late, and {why}."
    )
    return step, Verdict(decision="MISSED", code=code, because=because)


def _made_at(run: JsonObject) -> datetime:
    return datetime.fromisoformat(run["created_at"])


def entry(facts: Facts) -> Judged:
    """Judge the job's pg_cron entry, as it is now."""
    if facts.trigger != "CRON" or not facts.is_live or facts.pg_cron is None:
        return None, None
    if facts.pg_cron["rings"] is None and facts.pg_cron["entry"] is None:
        return Step(step="pg_cron_entry", holds=False, detail="pg_cron cannot be read now"), None
    if facts.status == "PAUSED" or facts.workspace_status != "ACTIVE":
        return None, None
    found = facts.pg_cron["entry"]
    wanted: JsonObject = {"entry": found, "wanted_schedule": facts.alarm}
    if found is None:
        code, detail = "pg_cron_entry_missing", f"the job has no entry in cron.job; {_REPAIRED}"
    elif not facts.is_entry_right:
        code, detail = "pg_cron_entry_wrong", f"the job's entry in cron.job does not match the job; {_REPAIRED}"
    else:
        detail = f"entry {found['jobid']} of cron.job rings at {found['schedule']!r}"
        return Step(step="pg_cron_entry", holds=True, detail=detail, evidence=wanted), None
    step = Step(step="pg_cron_entry", holds=False, detail=detail, evidence=wanted)
    if not facts.is_overdue:
        return step, None
    return step, Verdict(decision="OVERDUE", code=code, because=f"{_overdue(facts)}: {detail}.")


def alarm(facts: Facts) -> Judged:
    """Judge when pg_cron rang for the tick, as far as its log is kept."""
    if facts.pg_cron is None or facts.tick is None or not facts.is_past:
        return None, None
    rings = facts.pg_cron["rings"] or []
    evidence: JsonObject = {"rings": rings, "pg_cron_silent_seconds": round(facts.pg_cron_silent_seconds, 3)}
    failed = [ring["message"] for ring in rings if ring["status"] == "failed"]
    if not rings and facts.pg_cron_failure is not None:
        failed = [facts.pg_cron_failure]
    begun = [ring for ring in rings if ring["started_at"] is not None]
    if begun:
        first = begun[0]
        after = ((instant(first["started_at"]) or facts.now) - facts.tick).total_seconds()
        is_last = not facts.is_overdue and first["message"] == _UNSCHEDULED
        outcome = "it removed the job's entry, as after a last tick" if is_last else first["status"]
        detail = f"pg_cron rang at {said(first['started_at'])}, {after:.3f} s after the tick: {outcome}"
        step = Step(step="alarm", holds=is_last or len(failed) < len(rings), detail=detail, evidence=evidence)
    elif failed:
        detail = f"pg_cron could not start the alarm: {failed[-1]} (it does not log when)"
        step = Step(step="alarm", holds=False, detail=detail, evidence=evidence)
    else:
        detail = "pg_cron's log has no alarm of the job within ten minutes after the tick"
        step = Step(step="alarm", holds=not facts.is_overdue, detail=detail, evidence=evidence)
    if not facts.is_overdue:
        return step, None
    if facts.is_held:
        code, why = "held", "the instance is held (kronos.hold), as if it were down"
    elif failed and not begun:
        code, why = (
            "alarm_failed",
            f"pg_cron could not start the alarm: {failed[-1]}; `kronos doctor` says what to change",
        )
    elif failed:
        code, why = "alarm_failed", f"pg_cron's alarm failed: {failed[-1]}"
    elif facts.pg_cron_silent_seconds > _PG_CRON_SILENT_SECONDS:
        code, why = (
            "pg_cron_silent",
            f"pg_cron has rung no job for {seconds(facts.pg_cron_silent_seconds)}; `kronos doctor` says why",
        )
    else:
        code, why = "alarm_not_rung", "its alarm has not rung yet; catch-up accounts for it within a minute"
    return step, Verdict(decision="OVERDUE", code=code, because=f"{_overdue(facts)}: {why}.")


def _overdue(facts: Facts) -> str:
    late = (facts.now - facts.turn_at).total_seconds() if facts.turn_at is not None else 0.0
    return f"The tick has been due for {seconds(late)} and is not yet accounted for"


def _among_next(ticks: int) -> str:
    return "the next tick" if ticks == 1 else f"one of the next {ticks} ticks"
