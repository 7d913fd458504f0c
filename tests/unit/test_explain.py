"""The answer of explain for facts that no test can create over HTTP."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

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


def test_where_no_judge_decides_there_is_nothing_to_run() -> None:
    """A schedule that cannot be read although the job has no fault: a state that only a change by hand leaves."""
    answer = explained(facts(tick=None, next_tick_at=None, reading={"error": "not a schedule"}))
    assert (answer.decision, answer.code) == ("NOT_DUE", "nothing_to_run")
    assert answer.because == "The job has nothing to run at this instant."
    assert [step.holds for step in answer.steps if step.step == "schedule"] == [False]
