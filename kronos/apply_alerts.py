"""Heartbeats and alert rules of files: compare, create and change them."""

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
    """Return a heartbeat's fields from the files. An interval without an anchor leaves the anchor out: it stays as it
    is."""
    text = wanted.schedule or ScheduleText(cron=None)
    found: JsonObject = {name: getattr(wanted, name) for name in _EXPECTED}
    found |= {name: getattr(text, name) for name in _OF_SCHEDULE}
    if (anchor := text.anchor_local or text.anchor) is not None:
        found["anchor"] = apply_diffs.said(anchor)
    return found


def of_heartbeat(row: Heartbeat) -> JsonObject:
    """Return the same fields of an existing heartbeat."""
    found: JsonObject = {name: getattr(row, name) for name in (*_EXPECTED, *_OF_SCHEDULE)}
    anchor = row.anchor if row.anchor_local is None else datetime.fromisoformat(row.anchor_local)
    return found if anchor is None else found | {"anchor": apply_diffs.said(anchor)}


def of_new_rule(new: NewRule) -> JsonObject:
    """Return an alert rule's fields from the files. The order of `tell` does not matter."""
    found: JsonObject = {name: getattr(new, name) for name in _RULE_FIELDS}
    selects = {} if new.selected is None else {new.selector.lower(): new.selected}
    return found | {"selects": selects, "tell": sorted(new.tell)}


def of_rule(row: AlertRule) -> JsonObject:
    """Return the same fields of an existing rule."""
    found: JsonObject = {name: getattr(row, name) for name in _RULE_FIELDS}
    return found | {"selects": row.selects, "tell": sorted(row.tell)}


async def read_heartbeats(applying: Applying) -> dict[str, JsonObject]:
    """Return the stored terms of the heartbeats that are new or changed, by name. Heartbeats with invalid schedules are
    rejected."""
    asked = {each.wanted.name: each for each in [*applying.to_make("heartbeat"), *applying.to_change("heartbeat")]}
    found = await many_beats.terms(applying.view, {name: _with_anchor(each) for name, each in asked.items()})
    for name, terms in found.items():
        if isinstance(terms, errors.Unprocessable):
            applying.refuse_for(asked[name], terms)
    return {name: terms for name, terms in found.items() if not isinstance(terms, errors.Unprocessable)}


async def make_heartbeats(applying: Applying, terms: Mapping[str, JsonObject]) -> None:
    """Create the heartbeats that do not exist. Their ping URLs are not returned, since they would appear in the output
    of every pipeline; rotate the URL to get one."""
    new = applying.to_make("heartbeat")
    try:
        await many_beats.put(applying.view, [terms[each.wanted.name] for each in new])
    except errors.KronosError:  # one by one, so that each one that exceeds a quota is reported
        await _put_each(applying, new, terms)


async def change_heartbeats(applying: Applying, terms: Mapping[str, JsonObject]) -> None:
    """Change existing heartbeats, as the last step of an apply: from here on their pings wait for its end."""
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
    """Create and change alert rules, which may name every other kind."""
    for each in [*applying.to_make("alert_rule"), *applying.to_change("alert_rule")]:
        require_admin(applying, each)
        if not isinstance(each.wanted.made, NewRule):
            raise TypeError(f"{each.wanted.pointer} is not an alert rule")
        try:
            await alerts.replace(applying.view, each.wanted.made)
        except errors.KronosError as error:
            applying.refuse_for(each, error)


def _with_anchor(outcome: ResourceOutcome) -> Expectation:
    """Return what is expected, with the present anchor if the files give the same interval without one."""
    wanted = outcome.wanted.made
    if not isinstance(wanted, Expectation):
        raise TypeError(f"{outcome.wanted.pointer} is not a heartbeat")
    text, present = wanted.schedule, outcome.present or {}
    if text is None or text.every is None or text.anchor is not None or text.anchor_local is not None:
        return wanted
    if present.get("every") != text.every or "anchor" not in present:
        return wanted
    anchor = datetime.fromisoformat(present["anchor"])
    if anchor.tzinfo is None:
        return replace(wanted, schedule=replace(text, anchor_local=anchor))
    return replace(wanted, schedule=replace(text, anchor=anchor))
