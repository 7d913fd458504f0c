"""The answer of explain for facts that no test can create over HTTP."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest

from kronos.explain.explaining import explained
from kronos.explain.facts import Facts, said, seconds

NOW = datetime(2026, 11, 20, 12, 5, tzinfo=UTC)
TICK = NOW - timedelta(minutes=5)


def facts(**known: Any) -> Facts:
    """A CRON job with nothing wrong whose tick is five minutes overdue."""
    usual: dict[str, Any] = {
        "job_id": UUID(int=1),
        "version_id": UUID(int=1),
        "asked_version": 1,
        "version": 1,
        "at": NOW,
        "now": NOW,
        "tick": TICK,
        "trigger": "CRON",
        "status": "ACTIVE",
        "workspace_status": "ACTIVE",
        "is_in_force": True,
        "has_begun": True,
        "ticks_from": TICK - timedelta(days=1),
        "next_tick_at": TICK,
        "cron": "0 12 * * *",
        "timezone": "UTC",
        "overlap": "ALLOW",
        "runs": 0,
        "skip_next": 0,
        "is_to_be_skipped": False,
        "is_beyond_max_runs": False,
        "reading": {
            "local": "2026-11-20T12:00:00+00:00",
            "weekday": "Friday",
            "clock": None,
            "is_named": True,
            "fields": {"matches": True},
            "next_tick": "2026-11-21T12:00:00Z",
        },
        "pg_cron": {"entry": {"jobid": 7, "schedule": "0 12 * * *"}, "rings": []},
        "is_entry_right": True,
        "pg_cron_silent_seconds": 10.0,
    }
    return Facts(**(dict.fromkeys((each.name for each in fields(Facts)), None) | usual | known))  # type: ignore[arg-type]


def test_a_pg_cron_that_rings_for_nobody_is_the_cause() -> None:
    answer = explained(facts(pg_cron_silent_seconds=500.0))
    assert (answer.decision, answer.code) == ("OVERDUE", "pg_cron_silent")
    assert "due for 5 min" in answer.because
    assert explained(facts()).code == "alarm_not_rung"


def test_a_pg_cron_that_cannot_be_read_is_no_error() -> None:
    answer = explained(facts(pg_cron={"entry": None, "rings": None}, is_entry_right=None))
    assert [step.detail for step in answer.steps if step.step == "pg_cron_entry"] == ["pg_cron cannot be read now"]
    assert answer.code == "alarm_not_rung"


def test_the_first_cause_decides_and_the_others_are_named() -> None:
    answer = explained(
        facts(status="PAUSED", status_reason={"code": "paused", "note": "audit"}, pg_cron_silent_seconds=500.0)
    )
    assert (answer.decision, answer.code) == ("SKIPPED", "paused")
    assert [step.step for step in answer.steps] == ["version", "schedule", "window", "pause", "alarm", "execution"]


def test_where_nothing_is_due_a_pause_is_named_all_the_same() -> None:
    fields_of = {
        name: {"is": 5, "matches": name != "minute"} for name in ("minute", "hour", "month", "day_of_month", "weekday")
    }
    reading = {
        "local": "2026-11-20T12:05:00+00:00",
        "weekday": "Friday",
        "clock": None,
        "fields": fields_of | {"matches": False, "day_matches": True, "days_rule": "and"},
        "texts": ["0", "12", "*", "*", "*"],
        "next_tick": "2026-11-21T12:00:00Z",
    }
    answer = explained(facts(tick=None, next_tick_at=NOW + timedelta(days=1), reading=reading, status="PAUSED"))
    assert (answer.decision, answer.code) == ("NOT_DUE", "no_tick_at_this_minute")
    assert answer.because.endswith("The next tick is 2026-11-21T12:00:00Z. The job is paused.")


def test_a_schedule_that_matches_after_the_jobs_end_is_not_blamed() -> None:
    over = {"tick": None, "is_in_force": False, "ticks_until": TICK - timedelta(hours=1), "status": "RETIRED"}
    matching = {key: {"is": 5, "matches": True} for key in ("minute", "hour", "month", "day_of_month", "weekday")}
    reading = {
        "local": "2026-11-20T12:05:00+00:00",
        "weekday": "Friday",
        "clock": None,
        "is_named": True,
        "fields": matching | {"matches": True, "day_matches": True, "days_rule": "and"},
        "texts": ["*"] * 5,
        "next_tick": None,
    }
    answer = explained(facts(reading=reading, status_reason={"code": "cancelled", "detail": "cancelled"}, **over))
    (step,) = (step for step in answer.steps if step.step == "schedule")
    assert (answer.code, step.holds) == ("cancelled", False)
    assert step.detail.endswith("matches every field of '0 12 * * *' in UTC, but the job was not in force then")


def test_a_pause_names_who_when_and_why() -> None:
    reason = {"code": "paused", "actor": "eve", "at": "2026-11-20T12:00:00Z", "note": "audit"}
    answer = explained(facts(status="PAUSED", status_reason=reason))
    assert "the job was paused by eve at 2026-11-20T12:00:00Z (audit)." in answer.because


def test_times_and_spans_are_written_for_people() -> None:
    assert said(datetime(2026, 1, 2, 3, 4, 5, 600000, tzinfo=UTC)) == "2026-01-02T03:04:05.600000Z"
    assert said("2026-01-02T03:04:05+05:30") == "2026-01-01T21:34:05Z"
    assert said(None) == "never"
    assert [seconds(span) for span in (0.25, 119, 600, 7200, 90000, 864000)] == [
        "0.25 s",
        "119 s",
        "10 min",
        "2.0 h",
        "25.0 h",
        "10.0 days",
    ]


BEFORE: dict[str, Any] = {
    "tick": None,
    "is_in_force": False,
    "has_begun": False,
    "reading": {"error": "not asked for here"},
}


def test_a_tick_from_before_its_zones_rules_changed_is_named_as_such_and_not_as_from_before_the_job() -> None:
    changed = NOW + timedelta(hours=1)
    told = explained(facts(**BEFORE, ticks_from=changed, created_at=NOW - timedelta(days=9), timezone="America/Havana"))
    assert (told.decision, told.code) == ("NOT_DUE", "zone_rules_changed")
    assert "America/Havana" in told.because


def test_a_tick_from_before_the_job_was_made_is_named_as_such() -> None:
    made = NOW + timedelta(hours=1)
    told = explained(facts(**BEFORE, ticks_from=made, created_at=made))
    assert (told.decision, told.code) == ("NOT_DUE", "not_yet_created")


def test_a_tick_that_its_job_has_still_to_follow_its_workspace_for_is_told_by_the_instants() -> None:
    before, after, minute = TICK - timedelta(seconds=30), TICK + timedelta(seconds=30), timedelta(minutes=1)
    suspended = {"workspace_status": "SUSPENDED", "suspended_at": after, "turns": [after]}
    answer = explained(facts(**suspended))
    assert (answer.decision, answer.code) == ("OVERDUE", "workspace_turning")  # the tick was due before the suspension
    answer = explained(facts(**suspended | {"suspended_at": before, "turns": [before]}))
    assert (answer.decision, answer.code) == ("SKIPPED", "workspace_suspended")
    answer = explained(facts(turns=[before, after]))
    assert (answer.decision, answer.code) == ("SKIPPED", "workspace_suspended")
    assert explained(facts(turns=[before - minute, before])).code == "alarm_not_rung"


def test_if_no_judge_decides_there_is_nothing_to_run() -> None:
    """A schedule that cannot be read although the job has no fault: a state that only a change by hand leaves."""
    answer = explained(facts(tick=None, next_tick_at=None, reading={"error": "not a schedule"}))
    assert (answer.decision, answer.code) == ("NOT_DUE", "nothing_to_run")
    assert answer.because == "The job has nothing to run at this instant."
    assert [step.holds for step in answer.steps if step.step == "schedule"] == [False]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("soon", "soon"),
        ("2026-01-02T03:04:05", "2026-01-02T03:04:05"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=1))), "2026-01-02T02:04:05Z"),
        ("2026-01-02T03:04:05.000001Z", "2026-01-02T03:04:05.000001Z"),
        (7, "7"),
    ],
)
def test_a_text_that_is_not_an_instant_is_shown_unchanged(written: Any, shown: str) -> None:
    """A local time has no offset, and is not said to be in UTC."""
    assert said(written) == shown


@pytest.mark.parametrize(
    ("span", "shown"),
    [(119.9, "120 s"), (120, "2 min"), (6000, "100 min"), (7199, "120 min"), (7200, "2.0 h"), (144_000, "40.0 h"),
     (172_799, "48.0 h"), (172_800, "2.0 days"), (8_640_000, "100.0 days")],
)  # fmt: skip
def test_a_span_is_in_the_largest_unit_of_which_it_has_two(span: float, shown: str) -> None:
    assert seconds(span) == shown


def test_a_tick_at_the_instant_of_a_suspension_was_before_it_and_one_after_two_was_after_both() -> None:
    before, after = TICK - timedelta(minutes=2), TICK + timedelta(minutes=1)
    assert explained(facts(turns=[TICK])).code == "workspace_turning"
    assert explained(facts(turns=[TICK - timedelta(minutes=3), before, after])).code == "workspace_turning"
    twice = [TICK - timedelta(minutes=4), TICK - timedelta(minutes=3), before, after]
    assert explained(facts(turns=twice)).code == "workspace_suspended"


def test_a_tick_that_is_accounted_for_or_to_come_does_not_follow_its_workspace() -> None:
    after = TICK + timedelta(minutes=1)
    assert facts(turns=[after], next_tick_at=TICK + timedelta(days=1)).turned_at is None
    assert facts(turns=[after], run={"status": "SUCCESS"}).turned_at is None
    assert facts(turns=[TICK - timedelta(minutes=1)]).turned_at is None
    assert facts(turns=[after]).turned_at == after


@pytest.mark.parametrize(
    ("known", "is_pending", "is_past"),
    [
        ({}, True, True),
        ({"now": TICK}, True, True),
        ({"now": TICK - timedelta(seconds=1)}, True, False),
        ({"next_tick_at": TICK + timedelta(seconds=1)}, False, True),
        ({"next_tick_at": TICK - timedelta(days=1)}, True, True),
        ({"next_tick_at": None}, False, True),
        ({"status": "RETIRED"}, False, True),
        ({"status": "PAUSED"}, True, True),
        ({"tick": None}, False, False),
    ],
)
def test_a_tick_is_pending_from_the_pointer_on_and_past_once_its_time_has_come(
    known: dict[str, Any], is_pending: bool, is_past: bool
) -> None:
    found = facts(**known)
    assert (found.is_pending, found.is_past, found.is_overdue) == (is_pending, is_past, is_pending and is_past)


def test_a_tick_moved_by_a_calendar_has_its_turn_when_it_is_due_there() -> None:
    moved = {"code": "rolled", "run_at": "2026-11-23T12:00:00+00:00", "due_at": "2026-11-23T12:00:00+00:00"}
    found = facts(closure=moved)
    assert found.rolled_at == found.turn_at == datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert not found.is_past
    closed = facts(closure=moved | {"code": "blackout_skip"})
    assert (closed.rolled_at, closed.turn_at) == (None, datetime(2026, 11, 23, 12, tzinfo=UTC))


@pytest.mark.parametrize("written", [None, [], "text", 7])
def test_a_malformed_reason_or_code_counts_as_none(written: Any) -> None:
    assert facts(run={"status_reason": written}, status_reason=written).reason == {}
    assert facts(status_reason=written).standing == {}
    assert facts(status_reason={"code": 7, "detail": "x"}).standing == {"detail": "x"}
    assert facts(run={"error": {"message": "503"}}).run_error == {"message": "503"}
    assert facts().run_error == {}


def test_a_one_shot_is_due_at_its_time() -> None:
    found = facts(trigger="DELAYED", tick=None, one_shot_at=TICK)
    assert (found.due_at, found.is_past, found.is_pending) == (TICK, True, False)
