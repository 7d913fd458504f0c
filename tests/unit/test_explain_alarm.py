"""What explain says about the alarm of a tick: the job's entry in pg_cron, and whether it rang."""

from typing import Any

import pytest

from kronos.explain.explaining import explained
from kronos.explain.facts import Facts
from kronos.model import JsonObject
from unit.test_explain import NOW, TICK, facts
from unit.test_explain_accounts import COMING, HEALTHY, accounted, execution, step_of


def _ring(status: str, started_at: str | None = None, message: str = "") -> JsonObject:
    return {"status": status, "started_at": started_at, "message": message}


def _rung(*rings: JsonObject, **known: Any) -> Facts:
    """An overdue tick, and what pg_cron's log has about it."""
    return facts(pg_cron={"entry": {"jobid": 7, "schedule": "0 12 * * *"}, "rings": list(rings)}, **known)


@pytest.mark.parametrize(
    ("known", "holds"),
    [
        ({"trigger": "DELAYED", "one_shot_at": TICK, "tick": None}, None),
        ({"status": "RETIRED"}, None),
        ({"pg_cron": None}, None),
        ({"status": "PAUSED"}, None),
        ({"workspace_status": "SUSPENDED"}, None),
        ({}, True),
        ({"is_entry_right": False}, False),
        ({"pg_cron": {"entry": None, "rings": []}}, False),
        ({"pg_cron": {"entry": {"jobid": 7, "schedule": "0 12 * * *"}, "rings": None}}, True),
        ({"pg_cron": {"entry": None, "rings": None}}, False),
    ],
)
def test_the_entry_of_pg_cron_is_judged_for_jobs_that_should_have_one(
    known: dict[str, Any], holds: bool | None
) -> None:
    endpoint = {"endpoint_health": HEALTHY, "worker_sessions": 1, "is_group_served": True}
    step = step_of(explained(facts(alarm="0 12 * * *", **endpoint, **known)), "pg_cron_entry")
    assert (step.holds if step is not None else None) is holds


@pytest.mark.parametrize(
    ("known", "code", "detail"),
    [
        ({"pg_cron": {"entry": None, "rings": []}}, "pg_cron_entry_missing", "the job has no entry in cron.job"),
        ({"is_entry_right": False}, "pg_cron_entry_wrong", "the job's entry in cron.job does not match the job"),
    ],
)
def test_an_entry_that_is_wrong_is_the_cause_only_if_the_tick_is_overdue(
    known: dict[str, Any], code: str, detail: str
) -> None:
    repaired = f"{detail}; the reaper repairs this within a minute, `kronos doctor --fix` immediately"
    answer = explained(facts(alarm="0 12 * * *", **known))
    assert (answer.decision, answer.code) == ("OVERDUE", code)
    assert answer.because == f"The tick has been due for 5 min and is not yet accounted for: {repaired}."
    step = step_of(answer, "pg_cron_entry")
    assert step is not None
    assert (step.detail, step.holds, step.evidence["wanted_schedule"]) == (repaired, False, "0 12 * * *")
    answer = explained(facts(alarm="0 12 * * *", **COMING, **known))
    assert (answer.decision, [each.holds for each in answer.steps if each.step == "pg_cron_entry"]) == (
        "WILL_RUN", [False],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("known", "code", "why"),
    [
        ({"is_held": True}, "held", "the instance is held (kronos.hold), as if it were down"),
        ({"pg_cron_failure": "connection failed"}, "alarm_failed",
         "pg_cron could not start the alarm: connection failed; `kronos doctor` says what to change"),
        ({"pg_cron_silent_seconds": 90.0}, "alarm_not_rung",
         "its alarm has not rung yet; catch-up accounts for it within a minute"),
        ({"pg_cron_silent_seconds": 90.5}, "pg_cron_silent",
         "pg_cron has rung no job for 90.5 s; `kronos doctor` says why"),
    ],
)  # fmt: skip
def test_an_overdue_tick_without_an_alarm_says_why_none_rang(known: dict[str, Any], code: str, why: str) -> None:
    answer = explained(_rung(**known))
    assert (answer.decision, answer.code) == ("OVERDUE", code)
    assert answer.because == f"The tick has been due for 5 min and is not yet accounted for: {why}."
    step = step_of(answer, "alarm")
    assert step is not None
    assert not step.holds


def test_an_alarm_that_rang_says_when_and_how_it_ended() -> None:
    begun = "2026-11-20T12:00:00.250000+00:00"
    failed = _ring("failed", begun, "deadlock detected")
    answer = explained(_rung(failed))
    assert answer.code == "alarm_failed"
    assert answer.because.endswith(": pg_cron's alarm failed: deadlock detected.")
    step = step_of(answer, "alarm")
    assert step is not None
    assert step.detail == "pg_cron rang at 2026-11-20T12:00:00.250000Z, 0.250 s after the tick: failed"
    assert (step.holds, step.evidence) == (False, {"rings": [failed], "pg_cron_silent_seconds": 10.0})
    step = step_of(explained(_rung(failed, _ring("succeeded", begun))), "alarm")
    assert step is not None
    assert step.holds  # one of two did ring


def test_an_alarm_that_could_not_start_is_the_cause_and_has_no_time() -> None:
    answer = explained(_rung(_ring("failed", None, "could not connect"), pg_cron_failure="an older failure"))
    assert answer.code == "alarm_failed"
    assert "could not start the alarm: could not connect; `kronos doctor`" in answer.because
    step = step_of(answer, "alarm")
    assert step is not None
    assert step.detail == "pg_cron could not start the alarm: could not connect (it does not log when)"
    assert not step.holds


def test_the_alarm_of_a_last_tick_fails_because_it_removed_its_own_entry_and_that_is_no_fault() -> None:
    last = _ring("failed", "2026-11-20T12:00:00+00:00", "job canceled")
    step = step_of(
        explained(_rung(last, next_tick_at=None, run=execution("SUCCESS", completed_at=NOW.isoformat()))), "alarm"
    )
    assert step is not None
    assert (step.holds, step.detail.partition("tick: ")[2]) == (
        True, "it removed the job's entry, as after a last tick",
    )  # fmt: skip
    overdue = explained(_rung(last))
    assert (overdue.code, [each.holds for each in overdue.steps if each.step == "alarm"]) == ("alarm_failed", [False])
    other = last | {"message": "deadlock detected"}
    step = step_of(
        explained(_rung(other, next_tick_at=None, run=execution("SUCCESS", completed_at=NOW.isoformat()))), "alarm"
    )
    assert step is not None
    assert (step.holds, step.detail.partition("tick: ")[2]) == (False, "failed")


def test_a_tick_without_an_alarm_in_the_log_is_a_sign_only_while_it_is_overdue() -> None:
    step = step_of(explained(accounted(execution("SUCCESS", completed_at=NOW.isoformat()))), "alarm")
    assert step is not None
    assert (step.holds, step.detail) == (
        True, "pg_cron's log has no alarm of the job within ten minutes after the tick",
    )  # fmt: skip
    assert step_of(explained(facts(**COMING)), "alarm") is None  # it has still to ring
    assert step_of(explained(facts(pg_cron=None)), "alarm") is None
