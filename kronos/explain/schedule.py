"""Judges which version was in force, whether its schedule has a tick at the instant, and whether the job's window
allows it."""

from datetime import timedelta

from kronos.counting import counted
from kronos.explain.facts import Facts, Judged, Step, Verdict, said
from kronos.model import JsonObject

_FIELDS = ("minute", "hour", "day_of_month", "month", "weekday")
_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_OVER = {"cancelled": "cancelled", "ended": "after_ends_at", "max_runs_reached": "max_runs_reached"}


def version(facts: Facts) -> Judged:
    """Judge which version was in force at the instant."""
    until = f" until {said(facts.ticks_until)}" if facts.ticks_until else ""
    detail = f"version {facts.version} covers the ticks after {said(facts.ticks_from)}{until}"
    if facts.version_id != facts.job_id:
        detail += f"; the requested version is {facts.asked_version}"
    evidence: JsonObject = {
        "version": facts.version,
        "job_id": facts.version_id,
        "ticks_from": facts.ticks_from,
        "ticks_until": facts.ticks_until,
        "status": facts.status,
        "status_reason": facts.status_reason,
        "replaced_by_id": facts.replaced_by_id,
    }
    verdict = None
    if facts.trigger == "CRON" and facts.tick is None:
        verdict = _not_yet(facts) or _no_more(facts)
    return Step(step="version", holds=verdict is None, detail=detail, evidence=evidence), verdict


def _not_yet(facts: Facts) -> Verdict | None:
    is_before = not facts.has_begun
    # Created within the minute, after the tick that its schedule has there.
    is_just_made = (
        facts.version == 1 and facts.tick_out_of_force is not None and facts.tick_out_of_force <= facts.ticks_from
    )
    if not is_before and not is_just_made:
        return None
    if facts.created_at < facts.at and facts.ticks_from - facts.created_at > timedelta(minutes=1):
        because = (
            f"The rules of the time zone {facts.timezone} have changed since: the job's ticks up to "
            f"{said(facts.ticks_from)} followed the previous rules, and its executions show which they were."
        )
        return Verdict(decision="NOT_DUE", code="zone_rules_changed", because=because)
    if is_before and facts.version > 1:  # the oldest version of the job that is left
        because = (
            "The outcome is no longer known: the version in force then was removed by retention; the oldest one left "
            f"began at {said(facts.ticks_from)}."
        )
        return Verdict(decision="UNKNOWN", code="beyond_retention", because=because)
    because = f"The job was created at {said(facts.ticks_from)}; it has no earlier ticks."
    return Verdict(decision="NOT_DUE", code="not_yet_created", because=because)


def _no_more(facts: Facts) -> Verdict | None:
    if facts.is_in_force or facts.ticks_until is None or not facts.has_begun:
        return None
    reason = facts.standing
    code = _OVER.get(reason.get("code", ""), "retired_before")
    text = reason.get("detail", "it is retired")
    return Verdict(
        decision="NOT_DUE",
        code=code,
        because=f"The job had ended by then: {text} (its ticks ended at {said(facts.ticks_until)}).",
    )


def schedule(facts: Facts) -> Judged:
    """Judge whether the schedule has a tick in the instant's minute; if not, say which field does not match."""
    if facts.trigger != "CRON":
        return Step(
            step="schedule", holds=True, detail=f"{facts.trigger}: it runs once, at {said(facts.one_shot_at)}"
        ), None
    reading = facts.reading or {}
    if "error" in reading:
        return Step(step="schedule", holds=False, detail="the schedule cannot be read", evidence=reading), None
    evidence: JsonObject = {
        "cron": facts.cron,
        "every": facts.every,
        "timezone": facts.timezone,
        "description": facts.description,
        **reading,
    }
    if facts.tick is not None:
        return Step(step="schedule", holds=True, detail=_how_it_matches(facts, reading), evidence=evidence), None
    code, detail = _why_no_tick(facts, reading)
    step = Step(step="schedule", holds=False, detail=detail, evidence=evidence)
    if facts.run is not None:  # a manual or backfill run: the execution decides
        return step, None
    following = (
        f" The next tick is {said(reading['next_tick'])}." if reading["next_tick"] else " There is no later tick."
    )
    because = f"{detail[:1].upper()}{detail[1:]}.{following if facts.is_live else ''}{_halted(facts)}"
    return step, Verdict(decision="NOT_DUE", code=code, because=because)


def _halted(facts: Facts) -> str:
    """Return what else matters to a person who asks about now, between two ticks."""
    if facts.status == "PAUSED":
        return " The job is paused."
    return " Its workspace is suspended." if facts.is_live and facts.workspace_status != "ACTIVE" else ""


def _how_it_matches(facts: Facts, reading: JsonObject) -> str:
    clock = reading["clock"] or {}
    if facts.every is not None and not reading["anchor_local"]:
        return f"{said(facts.tick)} is {said(reading['anchor'])} plus a whole number of intervals of {facts.every}"
    if clock.get("change") == "forward" and clock["moves"] and not reading["is_named"]:
        gap = f"{clock['from_local']} to {clock['to_local']}"
        return (
            f"the clocks of {facts.timezone} skipped {gap}; dst_gap {facts.dst_gap} moved a tick of that time to "
            f"{reading['local']}"
        )
    again = ", shown for the second time that day" if clock.get("change") == "back" else ""
    if facts.every is not None:
        return f"{reading['local']}{again} is {_counted(facts, reading)}"
    return (
        f"{reading['local']}{again}, a {reading['weekday']}, matches every field of {facts.cron!r} in {facts.timezone}"
    )


def _counted(facts: Facts, reading: JsonObject) -> str:
    """Return the times that a calendar interval names."""
    return (
        f"{reading['anchor_local']} plus a whole number of intervals of {facts.every} on the clocks of {facts.timezone}"
    )


def _why_no_tick(facts: Facts, reading: JsonObject) -> tuple[str, str]:
    """Return the cause's code, and a sentence without its full stop."""
    if facts.version_id != facts.job_id and facts.asked_tick is not None:
        what = facts.cron or f"every {facts.every}"
        text = (
            f"version {facts.version} was in force, and its schedule {what!r} has no tick then; version "
            f"{facts.asked_version} has one"
        )
        return "other_version_in_force", text
    if facts.every is not None and not reading["anchor_local"]:
        text = (
            f"the minute of {said(facts.at)} is not {said(reading['anchor'])} plus a whole number of intervals of "
            f"{facts.every}"
        )
        return "no_tick_at_this_minute", text
    clock = reading["clock"] or {}
    is_the_change = clock.get("at", "")[:16] == said(facts.at)[:16]
    if clock.get("change") == "forward" and (clock["skipped_matches"] or (clock["moves"] and is_the_change)):
        return _in_the_gap(facts, clock)
    if clock.get("change") == "back" and reading["is_named"]:
        text = f"the clocks of {facts.timezone} show {reading['local'][:16]} for the second time"
        return "dst_overlap_second_pass", f"{text}; dst_overlap {facts.dst_overlap} runs only the first"
    if facts.every is not None:
        return "no_tick_at_this_minute", f"{reading['local']} is not {_counted(facts, reading)}"
    wrong = "; ".join(_mismatches(facts, reading))
    if not wrong:
        text = f"{_how_it_matches(facts, reading)}, but the job was not in force then"
    else:
        text = f"no tick at {reading['local']} ({facts.timezone}, a {reading['weekday']}): {wrong}"
    return "no_tick_at_this_minute", text


def _in_the_gap(facts: Facts, clock: JsonObject) -> tuple[str, str]:
    gap = (
        f"the clocks of {facts.timezone} went from {clock['from_local']} to {clock['to_local']} at {said(clock['at'])}"
    )
    if facts.dst_gap == "SKIP":
        return "dst_gap_skipped", f"{gap}: the schedule's time does not exist that day, and dst_gap SKIP skips it"
    moved = f"dst_gap {facts.dst_gap} moved it to {said(clock['moved_to'])}"
    return "dst_gap_shifted", f"{gap}: the schedule's time does not exist that day, and {moved}"


def _mismatches(facts: Facts, reading: JsonObject) -> list[str]:
    """Return each field that does not match, as its author wrote it."""
    fields, texts = reading["fields"], dict(zip(_FIELDS, reading["texts"] or [], strict=False))
    items = []
    for name in ("minute", "hour", "month"):
        if not fields[name]["matches"]:
            items.append(f"{name} {fields[name]['is']} does not match {texts.get(name, '?')!r}")
    if not fields["day_matches"]:
        of_month, of_week = fields["day_of_month"], fields["weekday"]
        days = (
            [f"day of month {of_month['is']} does not match {texts.get('day_of_month', '?')!r}"]
            if not of_month["matches"]
            else []
        )
        if not of_week["matches"]:
            days.append(f"weekday {_WEEKDAYS[of_week['is']]} does not match {texts.get('weekday', '?')!r}")
        items.append((" and " if fields["days_rule"] == "or" else ", ").join(days))
    return items


def window(facts: Facts) -> Judged:
    """Judge whether the tick lies between starts_at and ends_at."""
    if facts.trigger != "CRON":
        return None, None
    moment = facts.tick or facts.at
    evidence: JsonObject = {
        "starts_at": facts.starts_at,
        "ends_at": facts.ends_at,
        "runs": facts.runs,
        "max_runs": facts.max_runs,
    }
    if facts.starts_at is not None and moment < facts.starts_at:
        return _outside(
            facts, evidence, "before_starts_at", f"starts_at is {said(facts.starts_at)}, later than {said(moment)}"
        )
    if facts.ends_at is not None and moment >= facts.ends_at:
        return _outside(
            facts, evidence, "after_ends_at", f"ends_at is {said(facts.ends_at)}, not later than {said(moment)}"
        )
    if facts.is_beyond_max_runs and facts.is_live and facts.run is None:
        detail = f"max_runs is {facts.max_runs}, and the ticks before {said(moment)} use up the rest of it"
        return _outside(facts, evidence, "max_runs_reached", detail)
    bounds = [
        f"from {said(facts.starts_at)}" if facts.starts_at else "",
        f"until {said(facts.ends_at)}" if facts.ends_at else "",
    ]
    detail = (
        " ".join(filter(None, ["the job runs", *bounds]))
        if any(bounds)
        else "the job has neither starts_at nor ends_at"
    )
    if facts.max_runs is not None:
        detail += f"; {facts.runs} of {counted(facts.max_runs, 'run is', 'runs are')} used"
    return Step(step="window", holds=True, detail=detail, evidence=evidence), None


def _outside(facts: Facts, evidence: JsonObject, code: str, detail: str) -> Judged:
    step = Step(step="window", holds=False, detail=detail, evidence=evidence)
    if facts.run is not None:
        return step, None
    return step, Verdict(decision="NOT_DUE", code=code, because=f"The job's {detail}: it has no ticks then.")
