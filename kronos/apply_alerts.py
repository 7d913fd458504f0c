"""Heartbeats and alert rules, as files have them: compared, made and changed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from kronos import alerts, apply_diffs, errors, many_beats
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


async def read_heartbeats(applying: Applying) -> dict[str, JsonObject]:
    """What the heartbeats are to be stored as that are new or changed, by name; those are refused whose schedules
    are no schedules."""
    asked = {each.wanted.name: each for each in [*applying.to_make("heartbeat"), *applying.to_change("heartbeat")]}
    found = await many_beats.terms(applying.view, {name: _with_anchor(each) for name, each in asked.items()})
    for name, terms in found.items():
        if isinstance(terms, errors.Unprocessable):
            applying.refuse_for(asked[name], terms)
    return {name: terms for name, terms in found.items() if not isinstance(terms, errors.Unprocessable)}


async def make_heartbeats(applying: Applying, terms: Mapping[str, JsonObject]) -> None:
    """Heartbeats that are not there yet. Nobody is told their ping URLs, which would stand in the output of every
    pipeline: who needs one has another one made (rotate)."""
    new = applying.to_make("heartbeat")
    try:
        await many_beats.put(applying.view, [terms[each.wanted.name] for each in new])
    except errors.KronosError:  # one by one it is said of each that is too many
        await _put_each(applying, new, terms)


async def change_heartbeats(applying: Applying, terms: Mapping[str, JsonObject]) -> None:
    """Those that are there, the last of all that an apply does: from here on their pings wait for its end."""
    changed = applying.to_change("heartbeat")
    try:
        await many_beats.put(applying.view, [terms[each.wanted.name] for each in changed])
    except errors.KronosError as error:
        for each in changed:
            applying.refuse_for(each, error)


async def _put_each(applying: Applying, outcomes: Sequence[ResourceOutcome], terms: Mapping[str, JsonObject]) -> None:
    for each in outcomes:
        try:
            await many_beats.put(applying.view, [terms[each.wanted.name]])
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


def _with_anchor(outcome: ResourceOutcome) -> Expectation:
    """What is expected, with the anchor that it has where the files say none of the same interval."""
    wanted = outcome.wanted.made
    if not isinstance(wanted, Expectation):
        raise TypeError(f"{outcome.wanted.pointer} is no heartbeat")
    text, present = wanted.schedule, outcome.present or {}
    if text is None or text.every is None or text.anchor is not None or text.anchor_local is not None:
        return wanted
    if present.get("every") != text.every or "anchor" not in present:
        return wanted
    anchor = datetime.fromisoformat(present["anchor"])
    if anchor.tzinfo is None:
        return replace(wanted, schedule=replace(text, anchor_local=anchor))
    return replace(wanted, schedule=replace(text, anchor=anchor))
