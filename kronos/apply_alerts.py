"""Heartbeats and alert rules, as files have them: compared, made and changed."""

from dataclasses import replace
from datetime import datetime

from kronos import alerts, apply_diffs, beats, errors
from kronos.alert_rows import AlertRule
from kronos.alerts import NewRule
from kronos.apply_terms import ResourceOutcome
from kronos.applying import Applying, require_admin
from kronos.beats import Expectation, Heartbeat
from kronos.model import JsonObject
from kronos.schedules import ScheduleText

_EXPECTED = ("period_seconds", "grace_seconds", "max_run_seconds", "tags")
_OF_SCHEDULE = ("cron", "every", "timezone", "dst_gap", "dst_overlap")
_RULE_FIELDS = ("condition", "per", "tell", "severity", "recovered", "repeat_seconds", "enabled")


def of_expectation(wanted: Expectation) -> JsonObject:
    """What files say of a heartbeat. Of an interval without an anchor nothing is said of it: it stays as it is."""
    text = wanted.schedule or ScheduleText(cron=None)
    found: JsonObject = {name: getattr(wanted, name) for name in _EXPECTED}
    found |= {name: getattr(text, name) for name in _OF_SCHEDULE}
    if (anchor := text.anchor_local or text.anchor) is not None:
        found["anchor"] = apply_diffs.said(anchor)
    return found


def of_heartbeat(row: Heartbeat) -> JsonObject:
    """The same of one that is there."""
    found: JsonObject = {name: getattr(row, name) for name in (*_EXPECTED, *_OF_SCHEDULE)}
    anchor = row.anchor if row.anchor_local is None else datetime.fromisoformat(row.anchor_local)
    return found if anchor is None else found | {"anchor": apply_diffs.said(anchor)}


def of_new_rule(new: NewRule) -> JsonObject:
    """What files say of an alert rule. Whom it tells has no order."""
    found: JsonObject = {name: getattr(new, name) for name in _RULE_FIELDS}
    selects = {} if new.selected is None else {new.selector.lower(): new.selected}
    return found | {"selects": selects, "tell": sorted(new.tell)}


def of_rule(row: AlertRule) -> JsonObject:
    """The same of one that is there."""
    found: JsonObject = {name: getattr(row, name) for name in _RULE_FIELDS}
    return found | {"selects": row.selects, "tell": sorted(row.tell)}


async def make_heartbeats(applying: Applying) -> None:
    """Heartbeats. Nobody is told the ping URL of a new one, which would stand in the output of every pipeline: who
    needs it has another one made (rotate)."""
    for each in [*applying.to_make("heartbeat"), *applying.to_change("heartbeat")]:
        if not isinstance(each.wanted.made, Expectation):
            raise TypeError(f"{each.wanted.pointer} is no heartbeat")
        wanted = _with_anchor(each.wanted.made, each)
        try:
            await beats.put(applying.view, each.wanted.name, wanted, token=beats.new_token())
        except errors.KronosError as error:
            applying.refuse_for(each, error)


async def make_alert_rules(applying: Applying) -> None:
    """Alert rules, which name all the rest."""
    for each in [*applying.to_make("alert_rule"), *applying.to_change("alert_rule")]:
        require_admin(applying, each)
        if not isinstance(each.wanted.made, NewRule):
            raise TypeError(f"{each.wanted.pointer} is no alert rule")
        try:
            await alerts.replace(applying.view, each.wanted.made)
        except errors.KronosError as error:
            applying.refuse_for(each, error)


def _with_anchor(wanted: Expectation, outcome: ResourceOutcome) -> Expectation:
    """With the anchor that it has, where the files say none of the same interval."""
    text, present = wanted.schedule, outcome.present or {}
    if text is None or text.every is None or text.anchor is not None or text.anchor_local is not None:
        return wanted
    if present.get("every") != text.every or "anchor" not in present:
        return wanted
    anchor = datetime.fromisoformat(present["anchor"])
    if anchor.tzinfo is None:
        return replace(wanted, schedule=replace(text, anchor_local=anchor))
    return replace(wanted, schedule=replace(text, anchor=anchor))
