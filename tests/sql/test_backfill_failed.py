"""Backfills that depend on what had become of a tick: a run that FAILED is due again under its own id, and only
once.
"""

import uuid
from datetime import datetime
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from backfill_rows import (
    MINUTE,
    NOON,
    advance,
    backfill,
    deliver,
    endpoint_and_job,
    make_backfill,
    make_run,
    minutes,
    next_version,
    unfinished,
)
from factory import add_endpoint, attempts_of, status_of
from sql_factory import Connection, live, make_cron_job, records, value, values

BECAME = ("MISSED", "SKIPPED", "CANCELLED", "FAILED", "SUCCESS", "EXPIRED")


def including(connection: Connection, job_id: uuid.UUID, *include: str, ticks: int = 10, **columns: Any) -> uuid.UUID:
    backfill_id = make_backfill(connection, job_id, ticks=ticks, **columns)
    connection.execute("update kronos.backfills set include = %s where backfill_id = %s", [list(include), backfill_id])
    return backfill_id


def tick_id(connection: Connection, job_id: uuid.UUID, tick: datetime) -> uuid.UUID:
    found: uuid.UUID = value(connection, "select kronos.tick_id(%s, %s)", [job_id, tick])
    return found


@pytest.mark.parametrize(
    ("include", "taken"),
    [
        (("FAILED",), ["FAILED"]),
        (("CANCELLED",), ["CANCELLED"]),
        (("MISSED",), ["MISSED", "EXPIRED", None]),
        (("SKIPPED", "FAILED"), ["SKIPPED", "FAILED"]),
        (("MISSED", "SKIPPED", "CANCELLED"), ["MISSED", "SKIPPED", "CANCELLED", "EXPIRED", None]),
        (("MISSED", "SKIPPED", "CANCELLED", "FAILED"), ["MISSED", "SKIPPED", "CANCELLED", "FAILED", "EXPIRED", None]),
    ],
)
def test_it_takes_the_ticks_that_are_asked_for(
    superuser: Connection, include: tuple[str, ...], taken: list[str | None]
) -> None:
    _, job_id = endpoint_and_job(superuser)
    became = dict(zip(minutes(7), (*BECAME, None), strict=True))
    for tick, status in became.items():
        if status is not None:
            make_run(superuser, job_id, tick, status=status)

    backfill_id = including(superuser, job_id, *include, ticks=7)
    advance(superuser, backfill_id)

    assert [
        became[run["scheduled_at"]]
        for run in sorted(unfinished(superuser, backfill_id), key=lambda run: run["scheduled_at"])
    ] == [status for status in became.values() if status in taken]
    shown = backfill(superuser, backfill_id)
    assert (shown["created"], shown["redriven"], shown["left_out"]) == (
        len([status for status in taken if status != "FAILED"]),
        int("FAILED" in taken),
        7 - len(taken),
    )
    assert shown["progress"]["undecided"] == 0


def test_a_row_that_counts_many_ticks_says_it_of_each_of_them(superuser: Connection) -> None:
    _, job_id = endpoint_and_job(superuser)
    make_run(superuser, job_id, NOON + 2 * MINUTE, status="SKIPPED")
    superuser.execute(
        "update kronos.execution_done set tick_count = 4, status_reason = jsonb_build_object('code', 'paused', "
        "'first', %s::text,"
        " 'last', %s::text, 'count', 4) where job_id = %s",
        [(NOON + 2 * MINUTE).isoformat(), (NOON + 5 * MINUTE).isoformat(), job_id],
    )
    skipped = including(superuser, job_id, "SKIPPED", from_at=NOON + 3 * MINUTE, to_at=NOON + 10 * MINUTE)
    advance(superuser, skipped)
    assert [run["scheduled_at"] for run in unfinished(superuser, skipped)] == minutes(3, after=3)
    missed = including(superuser, job_id, "MISSED")
    advance(superuser, missed)
    assert [run["scheduled_at"] for run in unfinished(superuser, missed)] == minutes(2) + minutes(4, after=6)


@pytest.mark.parametrize("cause", ["SCHEDULE", "CATCH_UP", "BACKFILL"])
def test_a_run_that_failed_is_due_again_under_its_own_id(
    superuser: Connection, worker: psycopg.Connection, cause: str
) -> None:
    endpoint = add_endpoint(superuser, max_attempts=3, max_crashes=2, timeout_ms=4321)
    job_id = make_cron_job(superuser, endpoint, input=Jsonb({"now": True}))
    make_run(superuser, job_id, NOON, status="FAILED", cause=cause)
    (failed,) = records(superuser, "select * from kronos.execution_done where scheduled_at = %s", [NOON])
    superuser.execute('update kronos.execution_done set attempt_count = 5, error = \'{"type": "http_status"}\'')
    superuser.execute(
        """
        insert into kronos.endpoint_versions (endpoint_id, version, workspace_id, spec, retry_policy,
            timeout_ms, max_attempts, max_crashes)
        select endpoint_id, 2, workspace_id, spec, retry_policy, 8000, 4, 1 from kronos.endpoint_versions
               where endpoint_id = %(id)s;
        """,
        {"id": endpoint.endpoint_id},
    )
    superuser.execute("update kronos.endpoints set version = 2 where endpoint_id = %s", [endpoint.endpoint_id])

    backfill_id = including(superuser, job_id, "FAILED", ticks=1)
    assert advance(superuser, backfill_id) == 1

    (run,) = unfinished(superuser, backfill_id)
    expected = {
        "execution_id": failed["execution_id"],
        "job_id": job_id,
        "cause": cause,
        "scheduled_at": NOON,
        "endpoint_version": 2,
        "attempt_count": 5,
        "max_attempts": 9,
        "max_crashes": 1,
        "timeout_ms": 8000,
        "input": {"now": True},
        "created_at": failed["created_at"],
    }
    assert {name: run[name] for name in expected} == expected
    assert values(
        superuser, "select count(*) from kronos.execution_done where execution_id = %s", [failed["execution_id"]]
    ) == [0]

    assert list(deliver(worker, endpoint)) == [failed["execution_id"]]
    advance(superuser, backfill_id)
    shown = backfill(superuser, backfill_id)
    assert (shown["status"], shown["redriven"], shown["created"], shown["progress"]["succeeded"]) == (
        "COMPLETED",
        1,
        0,
        1,
    )
    assert status_of(superuser, failed["execution_id"]) == "SUCCESS"
    assert attempts_of(superuser, failed["execution_id"]) == ["SUCCESS"]


def test_two_backfills_and_a_retry_by_hand_make_one_run_of_a_tick(superuser: Connection) -> None:
    endpoint, job_id = endpoint_and_job(superuser)
    for tick in minutes(3):
        make_run(superuser, job_id, tick, status="FAILED")
    with superuser.transaction():
        superuser.execute("select set_config('kronos.workspace_id', %s, true)", [str(endpoint.workspace_id)])
        assert value(superuser, "select kronos.retry_execution(%s)", [tick_id(superuser, job_id, NOON)]) is None
    first, second = (including(superuser, job_id, "FAILED", ticks=3) for _ in range(2))
    assert (advance(superuser, first), advance(superuser, second)) == (2, 0)
    assert (backfill(superuser, first)["left_out"], backfill(superuser, second)["left_out"]) == (1, 3)
    assert sorted(run["execution_id"] for run in live(superuser, job_id)) == sorted(
        tick_id(superuser, job_id, tick) for tick in minutes(3)
    )


def test_a_run_that_somebody_makes_due_again_at_this_moment_is_left_to_him(
    superuser: Connection, worker: psycopg.Connection, database_url: str
) -> None:
    endpoint, job_id = endpoint_and_job(superuser)
    for tick in minutes(2):
        make_run(superuser, job_id, tick, status="FAILED")
    backfill_id = including(superuser, job_id, "FAILED", ticks=2)
    with psycopg.connect(database_url) as caller:
        caller.execute("select set_config('kronos.workspace_id', %s, true)", [str(endpoint.workspace_id)])
        assert value(caller, "select kronos.retry_execution(%s)", [tick_id(superuser, job_id, NOON)]) is None
        superuser.execute("set statement_timeout = '10s'")
        assert advance(superuser, backfill_id) == 1
    assert len(live(superuser, job_id)) == 2
    assert (backfill(superuser, backfill_id)["redriven"], backfill(superuser, backfill_id)["left_out"]) == (1, 1)


def test_what_fails_again_is_failed_in_its_progress_and_can_be_taken_by_the_next(
    superuser: Connection, worker: psycopg.Connection
) -> None:
    endpoint, job_id = endpoint_and_job(superuser)
    make_run(superuser, job_id, NOON, status="FAILED")
    for _ in range(2):
        backfill_id = including(superuser, job_id, "FAILED", ticks=1)
        assert advance(superuser, backfill_id) == 1
        deliver(worker, endpoint, status="PERMANENT")
        assert backfill(superuser, backfill_id)["progress"]["failed"] == 1
    assert attempts_of(superuser, tick_id(superuser, job_id, NOON)) == ["FAILED", "FAILED"]
    assert (
        value(
            superuser,
            "select count(*) from kronos.check_ledger(%s, %s, %s) where surplus > 0",
            [job_id, NOON, NOON + MINUTE],
        )
        == 0
    )


def test_it_runs_one_at_a_time_where_runs_must_not_overlap(superuser: Connection, worker: psycopg.Connection) -> None:
    endpoint, job_id = endpoint_and_job(superuser, overlap="SKIP")
    for tick in minutes(3):
        make_run(superuser, job_id, tick, status="FAILED")
    backfill_id = including(superuser, job_id, "FAILED", ticks=3)
    done = []
    for _ in range(3):
        assert advance(superuser, backfill_id) == 1
        (run,) = unfinished(superuser, backfill_id)
        assert run["overlap_key"] == job_id
        done.append(run["scheduled_at"])
        deliver(worker, endpoint)
    assert done == minutes(3)


def test_of_an_older_version_it_goes_where_the_present_one_goes(superuser: Connection) -> None:
    _, job_id = endpoint_and_job(superuser)
    make_run(superuser, job_id, NOON, status="FAILED")
    newer = next_version(superuser, job_id)
    other = add_endpoint(
        superuser, value(superuser, "select workspace_id from kronos.jobs where job_id = %s", [job_id])
    )
    superuser.execute(
        "update kronos.jobs set endpoint_id = %s, input = '{\"new\": 1}' where job_id = %s", [other.endpoint_id, newer]
    )
    backfill_id = including(superuser, newer, "FAILED", ticks=1)
    assert advance(superuser, backfill_id) == 1
    (run,) = unfinished(superuser, backfill_id)
    assert (run["execution_id"], run["job_id"]) == (tick_id(superuser, job_id, NOON), job_id)
    assert (run["endpoint_id"], run["input"]) == (other.endpoint_id, {"new": 1})


def test_one_whose_attempts_cannot_be_counted_on_is_left_out(superuser: Connection) -> None:
    _, job_id = endpoint_and_job(superuser)
    make_run(superuser, job_id, NOON, status="FAILED")
    superuser.execute("update kronos.execution_done set attempt_count = 32767, max_attempts = 32767")
    backfill_id = including(superuser, job_id, "FAILED", ticks=1)
    advance(superuser, backfill_id)
    assert (backfill(superuser, backfill_id)["left_out"], status_of(superuser, tick_id(superuser, job_id, NOON))) == (
        1,
        "FAILED",
    )


@pytest.mark.parametrize("include", [[], ["SUCCESS"]])
def test_nothing_or_anything_else_cannot_be_asked_for(superuser: Connection, include: list[str]) -> None:
    _, job_id = endpoint_and_job(superuser)
    with pytest.raises(psycopg.errors.CheckViolation):
        including(superuser, job_id, *include)


@pytest.mark.parametrize(
    ("stop", "is_again"),
    [
        ("select kronos.stop_backfill(%(backfill_id)s, '{}')", False),
        ("select kronos.stop_backfill(%(backfill_id)s, '{}')", True),
        (
            "update kronos.jobs set status = 'RETIRED', status_reason = '{\"code\": \"cancelled\"}'"
            " where job_id = %(job_id)s",
            False,
        ),
    ],
    ids=["by itself", "by itself, and again", "with its job"],
)
def test_what_a_backfill_made_due_again_is_a_dead_letter_again_when_it_is_stopped(
    superuser: Connection, worker: psycopg.Connection, stop: str, is_again: bool
) -> None:
    """After the cancellation, it used to be neither delivered nor among the dead letters."""
    _, job_id = endpoint_and_job(superuser)
    for tick in minutes(2):
        make_run(superuser, job_id, tick, status="FAILED")
    superuser.execute("update kronos.execution_done set error = %s", [Jsonb({"type": "x", "message": "no"})])
    before = records(superuser, "select * from kronos.dead_letters order by execution_id")
    backfill_id = including(superuser, job_id, "FAILED", "MISSED", ticks=3)
    assert advance(superuser, backfill_id) == 3
    assert values(superuser, "select count(*) from kronos.dead_letters") == [0]
    superuser.execute(stop.encode(), {"backfill_id": backfill_id, "job_id": job_id})
    assert backfill(superuser, backfill_id)["status"] == "CANCELLED"
    assert [status_of(superuser, tick_id(superuser, job_id, tick)) for tick in minutes(2)] == ["FAILED", "FAILED"]
    assert live(superuser, job_id) == []
    cancelled = "select count(*) from kronos.execution_done where backfill_id = %s and status = 'CANCELLED'"
    assert value(superuser, cancelled, [backfill_id]) == 1  # the execution that the backfill itself made
    again = records(superuser, "select * from kronos.dead_letters order by execution_id")
    assert [each["execution_id"] for each in again] == [each["execution_id"] for each in before]
    assert {(each["error_type"], each["message"]) for each in again} == {("x", "no")}
    if is_again:  # the next backfill takes them
        assert advance(superuser, including(superuser, job_id, "FAILED", ticks=3)) == 2
