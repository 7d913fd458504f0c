"""What explain says about a tick's execution, for each possible problem with it."""

from datetime import timedelta
from typing import Any

import pytest

from kronos.explain import ticks
from kronos.explain.delivery import attempts, callbacks
from kronos.explain.explaining import explained
from kronos.explain.facts import Explanation, Facts, Verdict
from kronos.model import JsonObject
from unit.test_explain import NOW, TICK, facts

_LATER, _BEFORE = (NOW + timedelta(minutes=1)).isoformat(), (NOW - timedelta(minutes=1)).isoformat()
_HEALTHY: JsonObject = {"state": "HEALTHY", "on_trial": False, "since": None, "until": None, "reason": None}
_DISABLED: JsonObject = {
    "state": "DISABLED",
    "since": _BEFORE,
    "until": _LATER,
    "on_trial": True,
    "reason": {"detail": "ten failures in a row", "actor": "eve", "note": "see the log"},
}


def _run(status: str, **known: Any) -> JsonObject:
    """An execution of the tick."""
    usual: JsonObject = {
        "execution_id": "01938e2a",
        "created_at": TICK.isoformat(),
        "cause": "SCHEDULED",
        "status": status,
        "scheduled_at": TICK.isoformat(),
        "completed_at": NOW.isoformat(),
        "due_at": TICK.isoformat(),
        "lease_until": None,
        "attempt_count": 2,
        "max_attempts": 3,
        "worker_id": "w-1",
    }
    return usual | known


def _of(run: JsonObject, **known: Any) -> Explanation:
    """The answer when a worker is free and nothing blocks the delivery, except for `changed`."""
    usual: dict[str, Any] = {
        "next_tick_at": NOW + timedelta(days=1),
        "workspace": "acme",
        "endpoint": "hook",
        "endpoint_health": _HEALTHY,
        "worker_sessions": 1,
        "is_group_served": True,
        "in_flight": 0,
    }
    return explained(facts(run=run, **(usual | known)))


@pytest.mark.parametrize(
    ("run", "known", "decision", "code", "told"),
    [
        (_run("SUCCESS"), {}, "RAN", "ran", "It ran: delivered at 2026-11-20T12:05:00Z, 5 min after"),
        (_run("SUCCESS", cause="CATCH_UP"), {}, "RAN", "ran", "It ran to catch up: "),
        (_run("SUCCESS", caused_by={"event": "on_success", "execution_id": "x"}), {}, "RAN", "ran",
         "It ran by on_success of execution x: "),
        (_run("FAILED", error={"message": "503"}), {}, "FAILED", "delivery_failed",
         "Its delivery failed after 2 of 3 attempts: 503."),
        (_run("FAILED", status_reason={"code": "lease_expired", "detail": "its worker was lost"}), {}, "FAILED",
         "delivery_lost", "3 attempts: its worker was lost."),
        (_run("CANCELLED"), {}, "CANCELLED", "execution_cancelled", "cancelled at 2026-11-20T12:05:00Z: no reason was"),
        (_run("CANCELLED", status_reason={"code": "job_cancelled", "detail": "it was cancelled"}), {}, "CANCELLED",
         "job_cancelled", "it was cancelled"),
        (_run("SKIPPED", status_reason={"code": "max_runs", "detail": "it was the last"}), {}, "SKIPPED", "max_runs",
         "The tick was skipped: it was the last."),
        (_run("RUNNING", lease_until=_BEFORE), {}, "WAITING", "delivery_lost_retrying",
         "The worker w-1 did not report before its lease expired at 2026-11-20T12:04:00Z"),
        (_run("RUNNING", lease_until=_LATER), {}, "RUNNING", "running", "attempt 2 of 3, by w-1, whose lease ends at"),
        (_run("RUNNING", lease_until=_LATER, cancel_reason={"code": "cancelled"}), {}, "RUNNING", "cancelling",
         "It was cancelled while it was running (attempt 2 of 3, by w-1)"),
        (_run("PENDING", due_at=_LATER, cause="CATCH_UP"), {}, "WAITING", "catch_up_staggered", "spread over time"),
        (_run("PENDING", due_at=_LATER), {"offset_seconds": 30, "jitter_seconds": 5}, "WAITING", "offset",
         "offset_seconds of 30, and its jitter_seconds of 5, move the delivery to 2026-11-20T12:06:00Z"),
        (_run("PENDING", due_at=_LATER), {"jitter_seconds": 5}, "WAITING", "jitter", "jitter_seconds of 5 delay"),
        (_run("QUEUED"), {"is_held": True}, "WAITING", "held", "the instance is held (kronos.hold)"),
        (_run("QUEUED"), {"workspace_status": "SUSPENDED"}, "WAITING", "workspace_suspended", "acme is SUSPENDED"),
        (_run("QUEUED"), {"endpoint_health": _DISABLED}, "WAITING", "endpoint_disabled",
         "endpoint hook has been disabled since 2026-11-20T12:04:00Z: ten failures in a row, by eve (see the log); the "
         "oldest waiting execution is tried from 2026-11-20T12:06:00Z on"),
        (_run("QUEUED"), {"endpoint_health": _DISABLED | {"until": None}}, "WAITING", "endpoint_disabled",
         "waiting execution is tried now, and its success enables it"),
        (_run("QUEUED"), {"endpoint_health": _DISABLED | {"on_trial": False, "reason": {}}}, "WAITING",
         "endpoint_disabled", ": no reason was given; `kronos endpoint enable hook` enables it."),
        (_run("QUEUED"), {"endpoint_health": _HEALTHY | {"state": "SLOWED", "until": _LATER,
                                                         "reason": {"detail": "it answers 429"}}},
         "WAITING", "endpoint_slowed", "slowed down until 2026-11-20T12:06:00Z: it answers 429"),
        (_run("QUEUED"), {"is_gate_paused": True, "gate_paused_until": NOW}, "WAITING", "endpoint_paused", "paused"),
        (_run("QUEUED"), {"endpoint_health": _HEALTHY | {"on_trial": True}, "in_flight": 1}, "WAITING",
         "endpoint_on_trial", "on trial with one delivery"),
        (_run("QUEUED", key_full={"max_concurrency_per_key": 1, "concurrency_key": "k", "running": 1, "before": 4}), {},
         "WAITING", "key_full", "its concurrency key, and 1 are running; 4 wait before it"),
        (_run("QUEUED"), {"limits": {"closed_by": "workspace_full", "max_concurrency": 2, "workspace_in_flight": 3}},
         "WAITING", "workspace_full", "acme allows 2 concurrent deliveries, and 3 are running"),
        (_run("QUEUED"), {"limits": {"closed_by": "endpoint_full"}, "max_in_flight": 1, "in_flight": 1}, "WAITING",
         "endpoint_full", "allows 1 concurrent deliveries, and 1 are running"),
        (_run("QUEUED"), {"limits": {"closed_by": "rate_limited", "rate_count": 5, "rate_seconds": 60,
                                     "next_token_at": _LATER}},
         "WAITING", "rate_limited", "allows 5 deliveries per 60 s; the next may begin at 2026-11-20T12:06:00Z"),
        (_run("RETRYING", due_at=_LATER, error={"message": "503"}), {"limits": {"closed_by": "endpoint_full"}},
         "WAITING", "delivery_retrying", "attempt 2 of 3 ended with 503; the next is due at 2026-11-20T12:06:00Z"),
        (_run("RETRYING", due_at=_LATER, error={"type": "lease_expired"}), {}, "WAITING",
         "delivery_lost_retrying", "ended with an error"),
        (_run("QUEUED"), {"worker_sessions": 0}, "WAITING", "no_worker", "start one with `kronos worker`"),
        (_run("QUEUED"), {"is_group_served": False, "worker_group": "reports"}, "WAITING", "no_worker_in_group",
         "serves the group reports; start one with `kronos worker --group reports`"),
        (_run("QUEUED"), {"is_group_served": False}, "WAITING", "no_worker_in_group", "--group default"),
        (_run("QUEUED"), {}, "WAITING", "queued",
         "it has been due for 5 min; workers are connected, but none has claimed it"),
        (_run("QUEUED", due_at=NOW.isoformat()), {}, "WAITING", "queued", "one will claim it as soon as it is free"),
        (_run("QUEUED", due_at=NOW.isoformat(), deadline_at=_LATER), {}, "WAITING", "queued",
         "if it is not delivered before 2026-11-20T12:06:00Z, its deadline, it expires"),
        (_run("QUEUED", due_at=NOW.isoformat(), deadline_at=_LATER, is_age_limited=True), {}, "WAITING", "queued",
         "it is too old (max_age_seconds) and fails"),
    ],
)  # fmt: skip
def test_what_became_of_an_execution(
    run: JsonObject, known: dict[str, Any], decision: str, code: str, told: str
) -> None:
    answer = _of(run, **known)
    assert (answer.decision, answer.code) == (decision, code)
    assert told in answer.because


@pytest.mark.parametrize(
    ("known", "decision", "code"),
    [
        ({"retained_from": NOW}, "UNKNOWN", "beyond_retention"),
        ({}, "UNACCOUNTED", "unaccounted"),
        ({"tick": NOW + timedelta(minutes=9), "at": NOW + timedelta(minutes=9)}, "WILL_RUN", "in_the_future"),
    ],
)
def test_a_tick_without_an_execution(known: dict[str, Any], decision: str, code: str) -> None:
    answer = explained(facts(next_tick_at=NOW + timedelta(days=1), **known))
    assert (answer.decision, answer.code) == (decision, code)


@pytest.mark.parametrize(
    ("pg_cron", "known", "code", "told"),
    [
        ({"rings": [{"started_at": TICK.isoformat(), "status": "failed", "message": "no such role"}]}, {},
         "alarm_failed", "pg_cron's alarm failed: no such role"),
        ({"rings": [{"started_at": None, "status": "failed", "message": "no worker"}]}, {}, "alarm_failed",
         "pg_cron could not start the alarm: no worker; `kronos doctor` says"),
        ({"rings": []}, {"pg_cron_failure": "connection failed"}, "alarm_failed", "connection failed"),
        ({"rings": [{"started_at": TICK.isoformat(), "status": "failed", "message": "x"}]}, {"is_held": True}, "held",
         "as if it were down"),
        ({"entry": None}, {}, "pg_cron_entry_missing", "the job has no entry in cron.job"),
        ({}, {"is_entry_right": False}, "pg_cron_entry_wrong", "does not match the job"),
    ],
)  # fmt: skip
def test_why_a_tick_was_not_rung_for(pg_cron: JsonObject, known: dict[str, Any], code: str, told: str) -> None:
    usual = {"entry": {"jobid": 7, "schedule": "0 12 * * *"}, "rings": []}
    answer = explained(facts(pg_cron=usual | pg_cron, **known))
    assert (answer.decision, answer.code) == ("OVERDUE", code)
    assert told in answer.because


def test_attempts_and_callbacks_are_told_one_by_one() -> None:
    assert (attempts(facts()), callbacks(facts(run=_run("SUCCESS")))) == ((None, None), (None, None))
    tried = [
        {"attempt_number": 1, "status": "LOST", "error": None},
        {"attempt_number": 2, "status": "FAILED", "error": {"message": "503"}},
    ]
    step, _ = attempts(facts(attempts=tried))
    assert step is not None
    assert (step.detail, step.holds) == ("attempt 1 LOST, attempt 2 FAILED: 503", False)
    made = [
        {"event": "on_failure", "endpoint": "pager", "status": "SUCCESS"},
        {"event": "on_end", "job": "cleanup", "status": None},
        {"event": "on_end", "job_id": "7", "status": "EXPIRED"},
    ]
    step, _ = callbacks(facts(run=_run("FAILED", callbacks=made)))
    assert step is not None
    assert (step.detail, step.holds) == (
        "on_failure: a delivery to endpoint pager is SUCCESS; on_end: a run of job cleanup is no longer kept; on_end: "
        "a run of job 7 is EXPIRED",
        False,
    )


def test_one_of_very_many_ticks_that_are_overdue_has_no_alarm_that_was_looked_for() -> None:
    overdue: Facts = facts(pg_cron=None, is_entry_right=None)
    assert ticks._decided(overdue).code == "overdue"
    assert ticks.disposition(ticks._decided(overdue), None) == "OVERDUE"


@pytest.mark.parametrize(
    ("decision", "code", "cause", "disposition"),
    [
        ("RAN", "ran", "CATCH_UP", "LATE"),
        ("RAN", "ran", "SCHEDULED", "DELIVERED"),
        ("SKIPPED", "paused", None, "PAUSED"),
        ("SKIPPED", "workspace_suspended", None, "PAUSED"),
        ("SKIPPED", "overlap", None, "SKIPPED"),
        ("FAILED", "expired", None, "EXPIRED"),
    ],
)
def test_what_a_verdict_comes_to_in_a_list(decision: Any, code: str, cause: str | None, disposition: str) -> None:
    assert ticks.disposition(Verdict(decision=decision, code=code, because=""), cause) == disposition


def test_the_alarm_of_a_last_tick_is_no_failure() -> None:
    """It removes the job's entry while it rings, and pg_cron logs that as failed."""
    ring = {"started_at": TICK.isoformat(), "status": "failed", "message": "job canceled"}
    answer = _of(_run("SUCCESS"), pg_cron={"entry": None, "rings": [ring]})
    (alarm,) = (step for step in answer.steps if step.step == "alarm")
    assert (alarm.holds, "it removed the job's entry" in alarm.detail) == (True, True)


def test_a_run_that_is_not_due_waits_for_its_time() -> None:
    answer = _of(_run("PENDING", due_at=_LATER), worker_sessions=1, is_group_served=True)
    (waiting,) = (step for step in answer.steps if step.step == "waiting")
    assert waiting.detail.endswith("a worker will claim it then")
