"""Judges what the job's calendars do to the tick."""

from kronos.explain.facts import Facts, Judged, Step, Verdict, said


def closure(facts: Facts) -> Judged:
    """Judge whether a calendar closes the tick, and whether it is then skipped or moved."""
    recorded = facts.reason
    if (facts.run or {}).get("status") == "SKIPPED" and str(recorded.get("code", "")).startswith("blackout"):
        detail = str(recorded.get("detail"))
        step = Step(step="calendars", holds=False, detail=detail, evidence=recorded)
        return step, Verdict(decision="SKIPPED", code=recorded["code"], because=f"The tick was skipped: {detail}.")
    if facts.closure is None:
        return None, None
    code, detail = facts.closure.get("code"), str(facts.closure.get("detail"))
    if code is None:
        return Step(step="calendars", holds=True, detail="none of the job's calendars closes it"), None
    rolled_at = facts.rolled_at
    step = Step(step="calendars", holds=rolled_at is not None, detail=detail, evidence=facts.closure)
    if facts.run is not None or not facts.is_pending or facts.is_overdue:
        return step, None
    if rolled_at is None:
        because = f"The tick will be skipped: {detail}."
        return step, Verdict(decision="WILL_BE_SKIPPED", code=str(code), because=because)
    because = f"It will run at {said(rolled_at)}: {detail}."
    return step, Verdict(decision="WILL_RUN", code=str(code), because=because)
