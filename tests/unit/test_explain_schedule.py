"""What explain says about the version, the schedule and the window of a tick, and in words about clocks that change."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from kronos.explain.explaining import explained
from kronos.explain.facts import Explanation, Step
from kronos.model import JsonObject
from unit.test_explain import NOW, TICK, facts

_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)
_MATCHING: JsonObject = {
    name: {"is": 5, "matches": True} for name in ("minute", "hour", "month", "day_of_month", "weekday")
} | {"matches": True, "day_matches": True, "days_rule": "and"}
_READING: JsonObject = {
    "local": "2026-11-20T12:00:00+00:00", "weekday": "Friday", "clock": None, "is_named": True, "fields": _MATCHING,
    "texts": ["0", "12", "*", "*", "*"], "next_tick": "2026-11-21T12:00:00Z", "anchor": None, "anchor_local": None,
}  # fmt: skip
_FORWARD: JsonObject = {
    "change": "forward", "at": "2026-03-29T01:00:00Z", "from_local": "02:00", "to_local": "03:00",
    "skipped_matches": False, "moves": False, "moved_to": "2026-03-29T01:00:00Z",
}  # fmt: skip
_NO_TICK: dict[str, Any] = {"tick": None, "next_tick_at": NOW + _DAY}


def _reading(**known: Any) -> JsonObject:
    return _READING | known


def _mismatched(**fields: Any) -> JsonObject:
    """The fields of a minute of which these do not match; a number is what the minute has instead."""
    wrong = {name: {"is": value, "matches": False} for name, value in fields.items()}
    days = {"day_matches": not {"day_of_month", "weekday"} & fields.keys(), "matches": False}
    return _MATCHING | wrong | days


def _step(answer: Explanation, name: str) -> Step:
    return next(each for each in answer.steps if each.step == name)


def test_the_version_in_force_is_named_with_the_time_that_it_covers() -> None:
    step = _step(explained(facts(version=3, asked_version=3, ticks_from=TICK - _DAY)), "version")
    assert (step.holds, step.detail) == (True, "version 3 covers the ticks after 2026-11-19T12:00:00Z")
    told = explained(facts(version_id=UUID(int=2), version=1, asked_version=2, ticks_from=TICK - _DAY,
                           ticks_until=TICK + _DAY, status="RETIRED", replaced_by_id=UUID(int=1)))  # fmt: skip
    step = _step(told, "version")
    assert step.detail == (
        "version 1 covers the ticks after 2026-11-19T12:00:00Z until 2026-11-21T12:00:00Z; the requested version is 2"
    )
    assert (step.evidence["replaced_by_id"], step.evidence["status"]) == (UUID(int=1), "RETIRED")


def test_a_job_made_within_the_minute_does_not_have_the_tick_before_it() -> None:
    made = {**_NO_TICK, "tick_out_of_force": TICK, "ticks_from": TICK, "created_at": TICK, "reading": _READING}
    answer = explained(facts(**made))
    assert (answer.decision, answer.code) == ("NOT_DUE", "not_yet_created")
    assert answer.because == "The job was created at 2026-11-20T12:00:00Z; it has no earlier ticks."
    assert not _step(answer, "version").holds
    for later in ({"version": 2}, {"tick_out_of_force": TICK + _MINUTE}, {"tick_out_of_force": None}):
        assert explained(facts(**made | later)).code != "not_yet_created"


@pytest.mark.parametrize(
    ("version", "created", "code"),
    [
        (1, timedelta(), "not_yet_created"),
        (2, timedelta(), "beyond_retention"),  # the first version is no longer there
        (1, -2 * _DAY, "zone_rules_changed"),
        (2, -2 * _DAY, "zone_rules_changed"),
    ],
)
def test_a_time_before_the_oldest_version_is_not_known_where_one_was_removed(
    version: int, created: timedelta, code: str
) -> None:
    began = NOW + _DAY
    before = {"tick": None, "is_in_force": False, "has_begun": False, "reading": {"error": "not asked for here"}}
    answer = explained(facts(**before, version=version, ticks_from=began, created_at=began + created))
    assert (answer.decision, answer.code) == ("UNKNOWN" if code == "beyond_retention" else "NOT_DUE", code)
    assert "2026-11-21T12:05:00Z" in answer.because
    if code == "beyond_retention":
        assert "removed by retention" in answer.because


def test_ticks_that_begin_within_a_minute_of_the_job_are_not_blamed_on_its_zone() -> None:
    began = NOW + timedelta(seconds=30)
    before = {"tick": None, "is_in_force": False, "has_begun": False, "reading": {"error": "not asked for here"}}
    answer = explained(facts(**before, ticks_from=began, created_at=began - _MINUTE))
    assert answer.code == "not_yet_created"


@pytest.mark.parametrize(
    ("reason", "code", "why"),
    [
        ({"code": "cancelled", "detail": "cancelled by eve"}, "cancelled", "cancelled by eve"),
        ({"code": "ended", "detail": "ends_at came"}, "after_ends_at", "ends_at came"),
        ({"code": "max_runs_reached", "detail": "3 of 3"}, "max_runs_reached", "3 of 3"),
        ({"code": "replaced"}, "retired_before", "it is retired"),
        (None, "retired_before", "it is retired"),
    ],
)
def test_after_its_last_tick_a_job_has_no_more_and_says_how_it_ended(
    reason: JsonObject | None, code: str, why: str
) -> None:
    over: dict[str, Any] = {"tick": None, "is_in_force": False, "ticks_until": TICK, "status": "RETIRED"}
    answer = explained(facts(**over, status_reason=reason, reading=_READING))
    assert (answer.decision, answer.code) == ("NOT_DUE", code)
    assert answer.because == f"The job had ended by then: {why} (its ticks ended at 2026-11-20T12:00:00Z)."
    in_force = explained(facts(**over | {"is_in_force": True}, status_reason=reason, reading=_READING))
    assert in_force.code == "no_tick_at_this_minute"


def test_a_one_shot_has_a_time_and_no_schedule() -> None:
    answer = explained(facts(trigger="DELAYED", one_shot_at=NOW + _DAY, tick=None, reading=None, cron=None))
    assert _step(answer, "schedule") == Step(
        step="schedule", holds=True, detail="DELAYED: it runs once, at 2026-11-21T12:05:00Z"
    )
    assert [each for each in answer.steps if each.step == "window"] == []


def test_a_schedule_that_cannot_be_read_is_a_step_that_does_not_hold() -> None:
    broken = {"error": {"sqlstate": "22023", "message": "weekday 9"}}
    step = _step(explained(facts(reading=broken)), "schedule")
    assert step == Step(step="schedule", holds=False, detail="the schedule cannot be read", evidence=broken)


def test_the_evidence_of_a_schedule_is_its_text_and_how_it_was_read() -> None:
    step = _step(explained(facts(reading=_READING, description="At 12:00")), "schedule")
    written = {"cron": "0 12 * * *", "every": None, "timezone": "UTC", "description": "At 12:00"}
    assert (step.holds, step.evidence) == (True, {**written, **_READING})


@pytest.mark.parametrize(
    ("reading", "known", "detail"),
    [
        (_READING, {}, "2026-11-20T12:00:00+00:00, a Friday, matches every field of '0 12 * * *' in UTC"),
        (_reading(clock={"change": "back", "at": "2026-10-25T01:00:00Z"}), {"timezone": "Europe/Berlin"},
         "2026-11-20T12:00:00+00:00, shown for the second time that day, a Friday, matches every field of "
         "'0 12 * * *' in Europe/Berlin"),
        (_reading(anchor="2026-11-20T11:00:00Z"), {"cron": None, "every": "30m"},
         "2026-11-20T12:00:00Z is 2026-11-20T11:00:00Z plus a whole number of intervals of 30m"),
        (_reading(anchor_local="2026-11-01T12:00:00"), {"cron": None, "every": "1d", "timezone": "Europe/Berlin"},
         "2026-11-20T12:00:00+00:00 is 2026-11-01T12:00:00 plus a whole number of intervals of 1d on the clocks of "
         "Europe/Berlin"),
        (_reading(clock=_FORWARD | {"moves": True}, is_named=False),
         {"dst_gap": "SHIFT", "timezone": "Europe/Berlin"},
         "the clocks of Europe/Berlin skipped 02:00 to 03:00; dst_gap SHIFT moved a tick of that time to "
         "2026-11-20T12:00:00+00:00"),
        (_reading(clock=_FORWARD | {"moves": True}), {}, "2026-11-20T12:00:00+00:00, a Friday, matches every field of "
                                                         "'0 12 * * *' in UTC"),
        (_reading(clock=_FORWARD, is_named=False), {}, "2026-11-20T12:00:00+00:00, a Friday, matches every field of "
                                                       "'0 12 * * *' in UTC"),
    ],
)  # fmt: skip
def test_a_tick_says_how_its_schedule_names_it(reading: JsonObject, known: dict[str, Any], detail: str) -> None:
    step = _step(explained(facts(reading=reading, **known)), "schedule")
    assert (step.holds, step.detail) == (True, detail)


@pytest.mark.parametrize(
    ("fields", "texts", "why"),
    [
        (_mismatched(minute=5), _READING["texts"], "minute 5 does not match '0'"),
        (_mismatched(minute=5, hour=9), _READING["texts"], "minute 5 does not match '0'; hour 9 does not match '12'"),
        (_mismatched(month=11), ["0", "12", "*", "1", "*"], "month 11 does not match '1'"),
        (_mismatched(day_of_month=20), ["0", "12", "1", "*", "*"], "day of month 20 does not match '1'"),
        (_mismatched(weekday=0), ["0", "12", "*", "*", "1-5"], "weekday Sunday does not match '1-5'"),
        (_mismatched(weekday=6), ["0", "12", "*", "*", "1-5"], "weekday Saturday does not match '1-5'"),
        (_mismatched(day_of_month=20, weekday=5), ["0", "12", "1", "*", "1"],
         "day of month 20 does not match '1', weekday Friday does not match '1'"),
        (_mismatched(day_of_month=20, weekday=5) | {"days_rule": "or"}, ["0", "12", "1", "*", "1"],
         "day of month 20 does not match '1' and weekday Friday does not match '1'"),
        (_mismatched(minute=5), None, "minute 5 does not match '?'"),
    ],
)  # fmt: skip
def test_a_minute_without_a_tick_names_each_field_that_does_not_match(
    fields: JsonObject, texts: list[str] | None, why: str
) -> None:
    answer = explained(facts(**_NO_TICK, reading=_reading(fields=fields, texts=texts)))
    assert (answer.decision, answer.code) == ("NOT_DUE", "no_tick_at_this_minute")
    assert answer.because == (
        f"No tick at 2026-11-20T12:00:00+00:00 (UTC, a Friday): {why}. The next tick is 2026-11-21T12:00:00Z."
    )


@pytest.mark.parametrize(
    ("reading", "known", "code", "why"),
    [
        (_reading(anchor="2026-11-20T11:00:00Z"), {"every": "30m", "cron": None}, "no_tick_at_this_minute",
         "The minute of 2026-11-20T12:05:00Z is not 2026-11-20T11:00:00Z plus a whole number of intervals of 30m"),
        (_reading(anchor_local="2026-11-01T12:00:00"), {"every": "1d", "cron": None}, "no_tick_at_this_minute",
         "2026-11-20T12:00:00+00:00 is not 2026-11-01T12:00:00 plus a whole number of intervals of 1d on the clocks of "
         "UTC"),
        (_reading(clock=_FORWARD | {"skipped_matches": True}), {"dst_gap": "SKIP"}, "dst_gap_skipped",
         "The clocks of UTC went from 02:00 to 03:00 at 2026-03-29T01:00:00Z: the schedule's time does not exist that "
         "day, and dst_gap SKIP skips it"),
        (_reading(clock=_FORWARD | {"skipped_matches": True}), {"dst_gap": "SHIFT"}, "dst_gap_shifted",
         "The clocks of UTC went from 02:00 to 03:00 at 2026-03-29T01:00:00Z: the schedule's time does not exist that "
         "day, and dst_gap SHIFT moved it to 2026-03-29T01:00:00Z"),
        (_reading(clock={"change": "back", "at": "2026-10-25T01:00:00Z"}), {"dst_overlap": "FIRST"},
         "dst_overlap_second_pass", "The clocks of UTC show 2026-11-20T12:00 for the second time; dst_overlap FIRST "
                                    "runs only the first"),
        (_reading(clock={"change": "back", "at": "2026-10-25T01:00:00Z"}, is_named=False, fields=_mismatched(hour=1)),
         {}, "no_tick_at_this_minute", "No tick at 2026-11-20T12:00:00+00:00 (UTC, a Friday): hour 1 does not match "
                                       "'12'"),
    ],
)  # fmt: skip
def test_a_minute_that_no_interval_or_clock_gives_the_schedule_says_so(
    reading: JsonObject, known: dict[str, Any], code: str, why: str
) -> None:
    answer = explained(facts(**_NO_TICK, reading=reading, **known))
    assert (answer.decision, answer.code) == ("NOT_DUE", code)
    assert answer.because == f"{why}. The next tick is 2026-11-21T12:00:00Z."


@pytest.mark.parametrize(("minutes", "code"), [(0, "dst_gap_shifted"), (1, "no_tick_at_this_minute")])
def test_a_tick_that_the_gap_moved_is_named_at_the_minute_of_the_change_only(minutes: int, code: str) -> None:
    changed = datetime.fromisoformat(_FORWARD["at"])
    reading = _reading(clock=_FORWARD | {"moves": True}, fields=_mismatched(hour=3))
    asked = {**_NO_TICK, "at": changed + minutes * _MINUTE, "dst_gap": "SHIFT"}
    assert explained(facts(**asked, reading=reading)).code == code
    unmoved = _reading(clock=_FORWARD, fields=_mismatched(hour=3))
    assert explained(facts(**asked, reading=unmoved)).code == "no_tick_at_this_minute"


@pytest.mark.parametrize(
    ("known", "what"), [({}, "'0 12 * * *'"), ({"cron": None, "every": "30m"}, "'every 30m'")], ids=["cron", "every"]
)
def test_a_tick_of_the_requested_version_only_is_named_so(known: dict[str, Any], what: str) -> None:
    asked = {"version_id": UUID(int=2), "version": 1, "asked_version": 2, "asked_tick": NOW}
    answer = explained(facts(**_NO_TICK, reading=_READING, **asked, **known))
    assert answer.code == "other_version_in_force"
    assert answer.because.startswith(
        f"Version 1 was in force, and its schedule {what} has no tick then; version 2 has one."
    )
    without = explained(facts(**_NO_TICK, reading=_READING, **asked | {"asked_tick": None}, **known))
    assert without.code == "no_tick_at_this_minute"


@pytest.mark.parametrize(
    ("known", "ends"),
    [
        ({}, "The next tick is 2026-11-21T12:00:00Z."),
        ({"reading": _reading(next_tick=None, fields=_mismatched(minute=5))}, "There is no later tick."),
        ({"status": "PAUSED"}, "The next tick is 2026-11-21T12:00:00Z. The job is paused."),
        ({"workspace_status": "SUSPENDED"}, "The next tick is 2026-11-21T12:00:00Z. Its workspace is suspended."),
        ({"status": "RETIRED"}, "minute 5 does not match '0'."),
        ({"status": "RETIRED", "workspace_status": "SUSPENDED"}, "minute 5 does not match '0'."),
    ],
)
def test_between_two_ticks_the_answer_says_when_the_next_one_is_and_what_halts_it(
    known: dict[str, Any], ends: str
) -> None:
    answer = explained(facts(**_NO_TICK | {"reading": _reading(fields=_mismatched(minute=5))} | known))
    assert answer.because.endswith(ends)


def test_a_run_by_hand_in_a_minute_without_a_tick_is_explained_by_its_execution() -> None:
    run = {"status": "SUCCESS", "created_at": NOW.isoformat(), "cause": "MANUAL", "scheduled_at": NOW.isoformat(),
           "completed_at": NOW.isoformat(), "attempt_count": 1, "max_attempts": 1, "execution_id": "x",
           "worker_id": None, "lease_until": None, "due_at": NOW.isoformat()}  # fmt: skip
    answer = explained(facts(**_NO_TICK, reading=_reading(fields=_mismatched(minute=5)), run=run))
    assert answer.decision == "RAN"
    assert not _step(answer, "schedule").holds


@pytest.mark.parametrize(
    ("known", "code", "why"),
    [
        ({"starts_at": TICK + _MINUTE}, "before_starts_at",
         "starts_at is 2026-11-20T12:01:00Z, later than 2026-11-20T12:00:00Z"),
        ({"ends_at": TICK}, "after_ends_at", "ends_at is 2026-11-20T12:00:00Z, not later than 2026-11-20T12:00:00Z"),
        ({"is_beyond_max_runs": True, "max_runs": 3}, "max_runs_reached",
         "max_runs is 3, and the ticks before 2026-11-20T12:00:00Z use up the rest of it"),
    ],
)  # fmt: skip
def test_a_tick_outside_the_jobs_window_is_not_due(known: dict[str, Any], code: str, why: str) -> None:
    answer = explained(facts(**known))
    assert (answer.decision, answer.code, answer.because) == (
        "NOT_DUE",
        code,
        f"The job's {why}: it has no ticks then.",
    )
    step = _step(answer, "window")
    assert (step.holds, step.detail) == (False, why)


def test_a_tick_that_ran_outside_the_window_of_today_has_run() -> None:
    run = {"status": "SUCCESS", "created_at": TICK.isoformat(), "cause": "SCHEDULE", "scheduled_at": TICK.isoformat(),
           "completed_at": NOW.isoformat(), "attempt_count": 1, "max_attempts": 1, "execution_id": "x",
           "worker_id": None, "lease_until": None, "due_at": TICK.isoformat()}  # fmt: skip
    for window in ({"ends_at": TICK}, {"is_beyond_max_runs": True, "max_runs": 1}):
        answer = explained(facts(run=run, next_tick_at=NOW + _DAY, **window))
        assert answer.decision == "RAN"
        assert _step(answer, "window").holds == ("max_runs" in window)


@pytest.mark.parametrize(
    ("known", "detail"),
    [
        ({}, "the job has neither starts_at nor ends_at"),
        ({"starts_at": TICK}, "the job runs from 2026-11-20T12:00:00Z"),
        ({"ends_at": TICK + _MINUTE}, "the job runs until 2026-11-20T12:01:00Z"),
        ({"starts_at": TICK - _MINUTE, "ends_at": TICK + _MINUTE, "max_runs": 5, "runs": 2},
         "the job runs from 2026-11-20T11:59:00Z until 2026-11-20T12:01:00Z; 2 of 5 runs are used"),
        ({"max_runs": 0}, "the job has neither starts_at nor ends_at; 0 of 0 runs are used"),
        ({"is_beyond_max_runs": True, "status": "RETIRED"}, "the job has neither starts_at nor ends_at"),
    ],
)  # fmt: skip
def test_a_tick_within_the_jobs_window_says_what_the_window_is(known: dict[str, Any], detail: str) -> None:
    step = _step(explained(facts(**known)), "window")
    assert (step.holds, step.detail) == (True, detail)
    names = ("starts_at", "ends_at", "max_runs")
    assert step.evidence == {"runs": 0, **{name: None for name in names}} | {
        name: value for name, value in known.items() if name in (*names, "runs")
    }


def test_a_minute_without_a_tick_is_held_against_the_window_by_its_own_time() -> None:
    outside = explained(facts(**_NO_TICK, reading=_reading(fields=_mismatched(minute=5)), ends_at=NOW))
    step = _step(outside, "window")
    assert (step.holds, outside.code) == (False, "no_tick_at_this_minute")
    assert step.detail == "ends_at is 2026-11-20T12:05:00Z, not later than 2026-11-20T12:05:00Z"


@pytest.mark.parametrize("closed", [{}, {"code": "blackout_skip", "detail": "Christmas"}])
def test_what_calendars_do_to_a_coming_tick_is_a_step(closed: JsonObject) -> None:
    coming = {"at": TICK + _DAY, "tick": TICK + _DAY, "next_tick_at": TICK + _DAY}
    answer = explained(facts(**coming, closure=closed))
    step = _step(answer, "calendars")
    assert (step.holds, step.evidence) == (not closed, closed)
    assert (answer.decision, step.detail) == (
        ("WILL_BE_SKIPPED", "Christmas") if closed else ("WILL_RUN", "none of the job's calendars closes it")
    )
    if closed:
        assert (answer.code, answer.because) == ("blackout_skip", "The tick will be skipped: Christmas.")


@pytest.mark.parametrize("code", ["rolled", "in_turn"])
def test_a_tick_that_a_calendar_moves_will_run_when_it_moves_it_to(code: str) -> None:
    moved = {"code": code, "detail": "Christmas", "run_at": "2026-11-23T12:00:00+00:00", "due_at": None}
    coming = {"at": TICK + _DAY, "tick": TICK + _DAY, "next_tick_at": TICK + _DAY}
    answer = explained(facts(**coming, closure=moved))
    assert (answer.decision, answer.code) == ("WILL_RUN", code)
    assert answer.because == "It will run at 2026-11-23T12:00:00Z: Christmas."
    assert _step(answer, "calendars").holds


@pytest.mark.parametrize("code", ["blackout_skip", "blackout_roll"])
def test_a_tick_that_a_calendar_closed_has_the_reason_that_was_recorded(code: str) -> None:
    run = {"status": "SKIPPED", "created_at": TICK.isoformat(), "cause": "SCHEDULE", "tick_count": 1,
           "execution_id": "x", "status_reason": {"code": code, "detail": "Christmas"}}  # fmt: skip
    answer = explained(facts(run=run, next_tick_at=NOW + _DAY, closure={}))
    assert (answer.decision, answer.code, answer.because) == ("SKIPPED", code, "The tick was skipped: Christmas.")
    assert not _step(answer, "calendars").holds


def test_a_calendar_does_not_explain_what_is_overdue_or_was_accounted_for() -> None:
    closed = {"code": "blackout_skip", "detail": "Christmas"}
    for known in ({}, {"next_tick_at": NOW + _DAY}):
        answer = explained(facts(closure=closed, **known))
        assert answer.decision in ("OVERDUE", "UNACCOUNTED")
        assert not _step(answer, "calendars").holds


def test_a_one_shot_without_a_time_has_nothing_to_run() -> None:
    answer = explained(facts(trigger="DELAYED", one_shot_at=None, tick=None, reading=None, status="COMPLETED"))
    assert (answer.decision, answer.code) == ("NOT_DUE", "nothing_to_run")
