"""An execution's log is built from its row and its attempts, in order."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from kronos.executions import _told
from kronos.model import Attempt, Execution

NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def execution(**changes: Any) -> Execution:
    fields: dict[str, Any] = {
        "execution_id": uuid4(), "job_id": uuid4(), "workspace": "acme", "endpoint": "e", "endpoint_type": "HTTP",
        "cause": "SCHEDULE",
        "status": "SUCCESS", "status_reason": None,
        "scheduled_at": NINE, "run_at": NINE, "started_at": NINE, "completed_at": None,
        "duration_ms": None, "attempt_count": 1, "max_attempts": 5, "tick_count": 1, "input": {}, "output": None,
        "error": None,
        "worker_id": None, "created_at": NINE, "job_name": None, "created_by": None, "caused_by": None, "callbacks": [],
    }  # fmt: skip
    return Execution(**(fields | changes))


def attempt(number: int, status: str, at: int, **changes: Any) -> Attempt:
    fields: dict[str, Any] = {
        "attempt_number": number, "status": status, "started_at": NINE + timedelta(seconds=at),
        "completed_at": NINE + timedelta(seconds=at + 1), "duration_ms": 12, "request": None, "response": None,
        "error": None,
        "worker_id": "w:1:abc", "endpoint_version": 1,
    }  # fmt: skip
    return Attempt(**(fields | changes))


def test_a_run_that_failed_once_is_logged_from_its_creation_to_its_end() -> None:
    tried = [
        attempt(1, "FAILED", 1, error={"type": "http_status", "message": "the endpoint answered 500"}),
        attempt(2, "SUCCESS", 5),
    ]
    told = list(_told(execution(completed_at=NINE + timedelta(seconds=6)), tried))
    assert [(line.level, line.message) for line in told] == [
        ("INFO", "created, cause SCHEDULE, for 2026-11-23T09:00:00+00:00"),
        ("INFO", "attempt 1 of 5 claimed by w:1:abc"),
        ("WARNING", "attempt 1 of 5 FAILED after 12 ms: the endpoint answered 500"),
        ("INFO", "attempt 2 of 5 claimed by w:1:abc"),
        ("INFO", "attempt 2 of 5 SUCCESS after 12 ms"),
        ("INFO", "ended SUCCESS"),
    ]


def test_a_run_that_waits_says_when_it_is_due_again() -> None:
    again = NINE + timedelta(minutes=1)
    told = list(_told(execution(status="RETRYING", run_at=again), [attempt(1, "TIMED_OUT", 1)]))
    assert told[-1].message == "due again at 2026-11-23T09:01:00+00:00"


def test_a_tick_that_was_not_delivered_says_why() -> None:
    reason = {"code": "missed", "detail": "accounted for too late"}
    told = list(_told(execution(status="MISSED", status_reason=reason, completed_at=NINE), []))
    assert (told[-1].level, told[-1].message) == ("WARNING", "ended MISSED: accounted for too late")
