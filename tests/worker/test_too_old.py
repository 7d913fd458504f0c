"""An execution that is too old is not retried, and an attempt with an unknown outcome is not repeated against its
endpoint's rules."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from factory import add_endpoint, add_executions, end_leases, status_of
from moved_clock import MovedClock
from worker.protocol import claim, expire, finalize
from worker.test_endpoint_health import fail


def test_no_attempt_follows_where_the_execution_would_be_older_than_max_age(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    clock = MovedClock(superuser)
    endpoint = add_endpoint(superuser)
    (execution,) = add_executions(superuser, endpoint)
    fail(worker, endpoint, max_age_ms=60_000)
    clock.step(timedelta(seconds=50))
    token, claimed = claim(worker, endpoint)
    verdicts = finalize(worker, token, claimed, "FAILED", retry=timedelta(seconds=20), max_age_ms=60_000)
    assert (verdicts, status_of(superuser, execution)) == ({execution: "FAILED"}, "FAILED")
    row = superuser.execute(
        "select status_reason from kronos.executions join kronos.dead_letters using (execution_id)"
        " where execution_id = %s", [execution]
    ).fetchone()  # fmt: skip
    assert row is not None
    assert row[0] == {
        "code": "max_age_exceeded",
        "detail": "no attempt is made later than 60 s after it was due (max_age_seconds): the endpoint answered 500",
    }


@pytest.mark.parametrize("how", ["a failure", "a lost worker"])
def test_what_waited_until_it_was_too_old_is_not_sent_again_whatever_kept_it(
    superuser: psycopg.Connection, worker: psycopg.Connection, how: str
) -> None:
    """Its retry was scheduled in time, but its endpoint was full, disabled or without a worker until it was too
    late."""
    clock = MovedClock(superuser)
    endpoint = add_endpoint(superuser, retry_policy={"max_age_seconds": 60})
    execution, own, first = add_executions(superuser, endpoint, 3)
    superuser.execute(
        "update kronos.execution_live set deadline_at = kronos.now() + interval '30 s' where execution_id = %s", [own]
    )
    token, ids = claim(worker, endpoint, quota=2)
    assert ids == [execution, own]
    if how == "a failure":
        finalize(worker, token, ids, "FAILED", retry=timedelta(seconds=20), max_age_ms=60_000)
    else:
        end_leases(superuser, ids)
        assert expire(worker) == (2, 0)
    clock.step(timedelta(seconds=25))
    assert claim(worker, endpoint, quota=2)[1] != [first], "in time it is claimed"
    superuser.execute("update kronos.execution_live set claim_token = null, worker_id = null, claimed_at = null")
    clock.step(timedelta(seconds=40))
    expire(worker)
    assert [status_of(superuser, each) for each in (execution, own)] == ["FAILED", "EXPIRED"]
    row = superuser.execute(
        "select status_reason, attempt_count from kronos.executions join kronos.dead_letters using (execution_id)"
        " where execution_id = %s", [execution]
    ).fetchone()  # fmt: skip
    assert row is not None
    assert row[0]["code"] == "max_age_exceeded"
    assert row[0]["detail"].startswith("no attempt is made later than 60 s after it was due (max_age_seconds): ")
    assert claim(worker, endpoint)[1] == [first], "the first attempt is made however long it has waited"


@pytest.mark.parametrize(
    ("status", "error_type"),
    [("UNKNOWN", None), ("TIMED_OUT", None), ("FAILED", "bad_response"), ("FAILED", "internal")],
)
def test_what_nobody_knows_and_must_not_be_repeated_says_so_in_its_dead_letter(
    superuser: psycopg.Connection, worker: psycopg.Connection, status: str, error_type: str | None
) -> None:
    endpoint = add_endpoint(superuser)
    (execution,) = add_executions(superuser, endpoint)
    token, _ = claim(worker, endpoint)
    said: dict[str, Any] = (
        {} if error_type is None else {"errors": Jsonb({"type": error_type, "message": "what came is no HTTP"})}
    )
    finalize(worker, token, [execution], status, is_retryable=False, **said)
    row = superuser.execute(
        "select status_reason ->> 'code' from kronos.executions join kronos.dead_letters using (execution_id)"
        " where execution_id = %s", [execution]
    ).fetchone()  # fmt: skip
    assert row == ("outcome_unknown",)


def test_what_a_dead_worker_held_is_not_due_again_where_it_is_too_old(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    clock = MovedClock(superuser)
    old, young = add_endpoint(superuser, retry_policy={"max_age_seconds": 60}), add_endpoint(superuser)
    (execution,) = add_executions(superuser, old)
    add_executions(superuser, young)
    claim(worker, old, young)
    clock.step(timedelta(seconds=61))
    assert expire(worker) == (1, 1)
    row = superuser.execute(
        "select status_reason ->> 'code' from kronos.executions where execution_id = %s", [execution]
    )
    assert row.fetchone() == ("max_age_exceeded",)
