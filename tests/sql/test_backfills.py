"""Backfills: each tick of a past window is run once, unless it was run before; a limited number at a time; despite any
crash.
"""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

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
    ticks_of,
    unfinished,
)
from conftest import await_condition
from factory import add_endpoint
from sql_factory import Connection, job, make_cron_job, records, value, values
from worker import protocol

HOUR = timedelta(hours=1)


def left_out(connection: Connection, job_id: uuid.UUID, count: int = 10) -> list[datetime]:
    return values(
        connection,
        "select tick from kronos.jobs as job, kronos.backfill_ticks(job, %s, %s, 1000) where job_id = %s and "
        "is_left_out",
        [NOON, NOON + count * MINUTE, job_id],
    )


def test_a_tick_becomes_one_execution_of_its_backfill(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser, timeout_ms=4321, max_attempts=7, max_crashes=2)
    job_id = make_cron_job(superuser, endpoint, input=Jsonb({"a": 1}))
    before = job(superuser, job_id)
    backfill_id = make_backfill(superuser, job_id, ticks=1)
    assert advance(superuser, backfill_id) == 1
    (execution,) = unfinished(superuser, backfill_id)
    created_at = value(superuser, "select created_at from kronos.backfills")
    assert execution["execution_id"] == value(
        superuser, "select kronos.backfill_execution_id(%s, %s, %s)", [backfill_id, created_at, NOON]
    )
    assert {
        name: execution[name] for name in ("job_id", "endpoint_id", "cause", "scheduled_at", "input", "overlap_key")
    } == {
        "job_id": job_id,
        "endpoint_id": endpoint.endpoint_id,
        "cause": "BACKFILL",
        "scheduled_at": NOON,
        "input": {"a": 1},
        "overlap_key": None,
    }
    assert (execution["timeout_ms"], execution["max_attempts"], execution["max_crashes"]) == (4321, 7, 2)
    assert abs(execution["run_at"] - execution["created_at"]) < timedelta(seconds=1)
    assert job(superuser, job_id) == before


def test_an_execution_id_is_a_version_7_uuid_of_backfill_and_tick(superuser: Connection) -> None:
    made = "select kronos.backfill_execution_id(%s, %s, %s)"
    one, another = uuid.uuid4(), uuid.uuid4()
    created_at = datetime(2026, 11, 20, 19, 30, 1, 234000, tzinfo=UTC)
    ids = [value(superuser, made, [each, created_at, tick]) for each in (one, another) for tick in minutes(100)]
    assert len(set(ids)) == 200
    assert {(each.version, each.variant, each.int >> 80) for each in ids} == {
        (7, uuid.RFC_4122, int(created_at.timestamp() * 1000))
    }
    assert ids[:100] == [value(superuser, made, [one, created_at, tick]) for tick in minutes(100)]


@pytest.mark.parametrize("cause", ["SCHEDULE", "CATCH_UP", "BACKFILL"])
@pytest.mark.parametrize("status", ["QUEUED", "SUCCESS", "FAILED"])
def test_a_tick_that_was_run_is_left_out(superuser: Connection, cause: str, status: str) -> None:
    _, job_id = endpoint_and_job(superuser)
    make_run(superuser, job_id, NOON + 3 * MINUTE, status=status, cause=cause)
    assert left_out(superuser, job_id) == [NOON + 3 * MINUTE]
    backfill_id = make_backfill(superuser, job_id, ticks=6)
    assert advance(superuser, backfill_id) == 5
    assert ticks_of(superuser, backfill_id) == [tick for tick in minutes(6) if tick != NOON + 3 * MINUTE]
    assert (backfill(superuser, backfill_id)["created"], backfill(superuser, backfill_id)["left_out"]) == (5, 1)


@pytest.mark.parametrize("status", ["MISSED", "SKIPPED", "CANCELLED", "EXPIRED"])
def test_a_tick_that_was_not_run_is_run(superuser: Connection, status: str) -> None:
    _, job_id = endpoint_and_job(superuser)
    make_run(superuser, job_id, NOON + 3 * MINUTE, status=status)
    assert left_out(superuser, job_id) == []
    backfill_id = make_backfill(superuser, job_id, ticks=6)
    assert (advance(superuser, backfill_id), ticks_of(superuser, backfill_id)) == (6, minutes(6))


def test_runs_by_hand_and_other_jobs_runs_leave_nothing_out(superuser: Connection) -> None:
    endpoint, job_id = endpoint_and_job(superuser)
    neighbour = make_cron_job(superuser, endpoint)
    for tick in minutes(3):
        make_run(superuser, job_id, tick, status="SUCCESS", cause="MANUAL")
        make_run(superuser, neighbour, tick, status="SUCCESS")
    assert left_out(superuser, job_id) == []


def test_a_tick_that_an_earlier_version_ran_is_left_out(superuser: Connection) -> None:
    _, job_id = endpoint_and_job(superuser)
    make_run(superuser, job_id, NOON, status="SUCCESS")
    newer = next_version(superuser, job_id)
    make_run(superuser, newer, NOON + MINUTE, status="FAILED")
    assert left_out(superuser, newer) == [NOON, NOON + MINUTE]


def test_ticks_that_the_schedule_has_yet_to_account_for_are_its_own(superuser: Connection) -> None:
    _, job_id = endpoint_and_job(superuser, next_tick_at=NOON + 7 * MINUTE)
    assert left_out(superuser, job_id) == minutes(3, after=7)
    superuser.execute("update kronos.jobs set status = 'PAUSED' where job_id = %s", [job_id])
    assert left_out(superuser, job_id) == []


def test_the_jobs_own_window_bounds_the_backfills(superuser: Connection) -> None:
    _, job_id = endpoint_and_job(superuser, starts_at=NOON + 3 * MINUTE, ends_at=NOON + 6 * MINUTE)
    backfill_id = make_backfill(superuser, job_id, ticks=10)
    advance(superuser, backfill_id)
    assert ticks_of(superuser, backfill_id) == minutes(3, after=3)


def test_the_window_holds_its_beginning_and_not_its_end(superuser: Connection) -> None:
    _, job_id = endpoint_and_job(superuser)
    backfill_id = make_backfill(superuser, job_id, from_at=NOON, to_at=NOON + 2 * MINUTE)
    just_after = make_backfill(
        superuser, job_id, from_at=NOON + timedelta(microseconds=1), to_at=NOON + 3 * MINUTE + timedelta(microseconds=1)
    )
    advance(superuser, backfill_id)
    advance(superuser, just_after)
    assert (ticks_of(superuser, backfill_id), ticks_of(superuser, just_after)) == (minutes(2), minutes(2, after=2))


def test_ticks_in_a_zone_are_those_of_its_clocks(superuser: Connection) -> None:
    _, job_id = endpoint_and_job(superuser, cron="30 2 * * *")
    superuser.execute(
        "update kronos.jobs set timezone = 'Europe/Berlin',"
        " schedule = kronos.read_schedule('30 2 * * *', null, null, 'Europe/Berlin', 'SHIFT', 'BOTH')"
        " where job_id = %s",
        [job_id],
    )
    spring = make_backfill(
        superuser,
        job_id,
        from_at=datetime(2024, 3, 30, tzinfo=UTC),
        to_at=datetime(2024, 4, 2, tzinfo=UTC),
        max_active=100,
    )
    autumn = make_backfill(
        superuser,
        job_id,
        from_at=datetime(2024, 10, 26, tzinfo=UTC),
        to_at=datetime(2024, 10, 29, tzinfo=UTC),
        max_active=100,
    )
    advance(superuser, spring)
    advance(superuser, autumn)
    # 31 March: 02:30 is in the gap and moves to 03:00+02:00. 27 October: 02:30+02:00 and 02:30+01:00.
    assert [tick.astimezone(UTC).strftime("%m-%d %H:%M") for tick in ticks_of(superuser, spring)] == [
        "03-30 01:30",
        "03-31 01:00",
        "04-01 00:30",
    ]
    assert [tick.astimezone(UTC).strftime("%m-%d %H:%M") for tick in ticks_of(superuser, autumn)] == [
        "10-26 00:30",
        "10-27 00:30",
        "10-27 01:30",
        "10-28 01:30",
    ]


def test_no_more_than_max_active_are_unfinished_and_all_come_in_order(
    superuser: Connection, worker: psycopg.Connection
) -> None:
    endpoint, job_id = endpoint_and_job(superuser)
    make_run(superuser, job_id, NOON + 5 * MINUTE, status="SUCCESS")
    backfill_id = make_backfill(superuser, job_id, ticks=23, max_active=4)
    delivered: list[uuid.UUID] = []
    while backfill(superuser, backfill_id)["status"] == "RUNNING":
        made = advance(superuser, backfill_id)
        assert len(unfinished(superuser, backfill_id)) <= 4
        assert advance(superuser, backfill_id) == 0
        assert made or not unfinished(superuser, backfill_id)
        delivered += deliver(worker, endpoint, quota=3 if len(delivered) < 10 else 4)
    expected = [tick for tick in minutes(23) if tick != NOON + 5 * MINUTE]
    assert ticks_of(superuser, backfill_id) == expected
    assert (
        values(
            superuser,
            "select scheduled_at from kronos.execution_done where cause = 'BACKFILL' order by started_at, run_at",
        )
        == expected
    )
    assert len(delivered) == len(set(delivered)) == 22


def test_progress_tells_what_became_of_each_tick(superuser: Connection, worker: psycopg.Connection) -> None:
    endpoint, job_id = endpoint_and_job(superuser)
    backfill_id = make_backfill(superuser, job_id, ticks=20, max_active=6)
    progress = dict.fromkeys(("undecided", "waiting", "running", "succeeded", "failed", "cancelled", "skipped"), 0)
    assert backfill(superuser, backfill_id)["progress"] == progress | {"undecided": 20}
    advance(superuser, backfill_id)
    assert backfill(superuser, backfill_id)["progress"] == progress | {"undecided": 14, "waiting": 6}
    deliver(worker, endpoint, quota=2)
    deliver(worker, endpoint, quota=1, status="PERMANENT")
    protocol.claim(worker, endpoint, quota=2)
    assert backfill(superuser, backfill_id)["progress"] == progress | {
        "undecided": 14,
        "waiting": 1,
        "running": 2,
        "succeeded": 2,
        "failed": 1,
    }


def test_it_is_completed_only_when_all_its_executions_are_final(
    superuser: Connection, worker: psycopg.Connection
) -> None:
    endpoint, job_id = endpoint_and_job(superuser)
    backfill_id = make_backfill(superuser, job_id, ticks=3)
    assert [advance(superuser, backfill_id) for _ in range(3)] == [3, 0, 0]
    token, claimed = protocol.claim(worker, endpoint, quota=10)
    protocol.finalize(worker, token, claimed[:2])
    advance(superuser, backfill_id)
    assert backfill(superuser, backfill_id)["status"] == "RUNNING"
    protocol.finalize(worker, token, claimed[2:], "PERMANENT")
    advance(superuser, backfill_id)
    ended = backfill(superuser, backfill_id)
    assert (ended["status"], ended["status_reason"], ended["created"], ended["left_out"]) == ("COMPLETED", None, 3, 0)
    assert ended["completed_at"] is not None


def test_a_window_without_a_tick_to_run_is_completed_at_once(superuser: Connection) -> None:
    _, job_id = endpoint_and_job(superuser)
    for tick in minutes(3):
        make_run(superuser, job_id, tick, status="SUCCESS")
    run_before = make_backfill(superuser, job_id, ticks=3)
    empty = make_backfill(superuser, job_id, from_at=NOON + timedelta(seconds=1), to_at=NOON + timedelta(seconds=2))
    assert (advance(superuser, run_before), advance(superuser, empty)) == (0, 0)
    assert [
        (backfill(superuser, each)["status"], backfill(superuser, each)["left_out"]) for each in (run_before, empty)
    ] == [
        ("COMPLETED", 3),
        ("COMPLETED", 0),
    ]


def test_a_call_decides_on_a_bounded_number_of_ticks_and_the_next_goes_on(superuser: Connection) -> None:
    endpoint, job_id = endpoint_and_job(superuser, ticks_from=NOON - MINUTE)
    superuser.execute(
        """
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
            cause, status, scheduled_at,
                                           run_at, created_at, max_attempts, input)
        select kronos.tick_id(%(job_id)s, tick), %(workspace_id)s, %(job_id)s, %(endpoint_id)s, 1, 'SCHEDULE',
               'SUCCESS', tick,
               tick, tick, 5, '{}'
          from generate_series(%(noon)s, %(noon)s + interval '4999 minutes', interval '1 minute') as tick
        """,
        {"job_id": job_id, "workspace_id": endpoint.workspace_id, "endpoint_id": endpoint.endpoint_id, "noon": NOON},
    )
    backfill_id = make_backfill(superuser, job_id, ticks=5001)
    made, decided = [], []
    while backfill(superuser, backfill_id)["progress"]["undecided"]:
        made.append(advance(superuser, backfill_id))
        decided.append(backfill(superuser, backfill_id)["left_out"])
    assert (made, ticks_of(superuser, backfill_id)) == ([*[0] * (len(made) - 1), 1], [NOON + 5000 * MINUTE])
    assert (decided, decided[-1], len(decided) > 1) == (sorted(decided), 5000, True)


def test_four_sessions_at_once_make_each_tick_once_and_keep_to_max_active(
    superuser: Connection, worker: psycopg.Connection, database_url: str
) -> None:
    endpoint, job_id = endpoint_and_job(superuser)
    backfill_id = make_backfill(superuser, job_id, ticks=60, max_active=5)
    begin, is_over, most = threading.Barrier(5), threading.Event(), []

    def push() -> int:
        made = 0
        with psycopg.connect(database_url, autocommit=True) as connection:
            begin.wait(60)
            while not is_over.is_set():
                made += value(connection, "select coalesce(kronos.advance_backfills(1000), 0)")
        return made

    def finished() -> bool:
        most.append(len(unfinished(superuser, backfill_id)))
        deliver(worker, endpoint, quota=3)
        return bool(backfill(superuser, backfill_id)["status"] == "COMPLETED")

    with ThreadPoolExecutor(4) as sessions:
        pushing = [sessions.submit(push) for _ in range(4)]
        try:
            begin.wait(60)
            await_condition(finished, "the backfill to be completed")
        finally:
            is_over.set()
        made = [each.result(60) for each in pushing]
    assert (ticks_of(superuser, backfill_id), sum(made)) == (minutes(60), 60)
    assert 0 < max(most) <= 5


def test_two_backfills_of_overlapping_windows_make_each_tick_once(superuser: Connection, database_url: str) -> None:
    _, job_id = endpoint_and_job(superuser)
    newer = next_version(superuser, job_id)
    backfills = [
        make_backfill(superuser, job_id, from_at=NOON, to_at=NOON + 60 * MINUTE, max_active=1000),
        make_backfill(superuser, newer, from_at=NOON + 20 * MINUTE, to_at=NOON + 90 * MINUTE, max_active=1000),
    ]
    begin = threading.Barrier(4)

    def push(nth: int) -> None:
        with psycopg.connect(database_url, autocommit=True) as connection:
            begin.wait(60)
            while any(backfill(connection, each)["progress"]["undecided"] for each in backfills):
                advance(connection, backfills[nth % 2], limit=7)

    with ThreadPoolExecutor(4) as sessions:
        list(sessions.map(push, range(4)))
    assert ticks_of(superuser, *backfills) == minutes(90)
    assert sum(backfill(superuser, each)["left_out"] for each in backfills) == 40


def test_a_session_that_dies_while_it_advances_leaves_nothing_and_the_next_makes_the_same_ids(
    superuser: Connection, database_url: str
) -> None:
    _, job_id = endpoint_and_job(superuser)
    backfill_id = make_backfill(superuser, job_id, ticks=30, max_active=20)
    before = records(superuser, "select * from kronos.backfills")
    dying = psycopg.connect(database_url)
    assert advance(dying, backfill_id) == 20
    lost = [row["execution_id"] for row in unfinished(dying, backfill_id)]
    assert advance(superuser, backfill_id) == 0  # it is locked, and not waited for
    superuser.execute("select pg_terminate_backend(%s, 5000)", [dying.info.backend_pid])
    dying.close()
    assert (unfinished(superuser, backfill_id), records(superuser, "select * from kronos.backfills")) == ([], before)
    assert advance(superuser, backfill_id) == 20
    assert [row["execution_id"] for row in unfinished(superuser, backfill_id)] == lost


def test_a_cursor_set_back_makes_no_execution_a_second_time(superuser: Connection, worker: psycopg.Connection) -> None:
    endpoint, job_id = endpoint_and_job(superuser)
    backfill_id = make_backfill(superuser, job_id, ticks=9, max_active=20)
    advance(superuser, backfill_id)
    token, claimed = protocol.claim(worker, endpoint, quota=4)
    protocol.finalize(worker, token, claimed[:1])
    protocol.finalize(worker, token, claimed[1:2], "PERMANENT")
    superuser.execute(
        "update kronos.execution_done set status = 'CANCELLED', status_reason = '{}' where execution_id = %s",
        [claimed[0]],
    )
    superuser.execute("update kronos.backfills set next_at = %s", [NOON])
    assert advance(superuser, backfill_id) == 0
    assert ticks_of(superuser, backfill_id) == minutes(9)
