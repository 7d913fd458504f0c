"""Partitions: one per week, created eight weeks ahead while other sessions read and write, without blocking them."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from conftest import await_condition
from depth import depth
from factory import add_endpoint, add_executions
from moved_clock import MovedClock
from sql_factory import Connection, acting_as, done, fire, make_cron_job, records, value, values
from worker.protocol import as_worker, claim, finalize_params, run

TABLES = ("execution_done", "attempt")
WEEK = timedelta(days=7)


def ranges(connection: Connection, table: str) -> list[tuple[datetime, datetime]]:
    """The partitions' bounds, oldest first."""
    return [
        (row["from_at"], row["to_at"])
        for row in records(
            connection,
            "select kronos.uuid7_time(from_id) as from_at, kronos.uuid7_time(to_id) as to_at from kronos.partitions()"
            " where parent = %s order by 1",
            [table],
        )
    ]


def drop_last(connection: Connection) -> datetime:
    """Drop the newest week's partitions, as if it were too early for them. Return where that week begins."""
    newest = max(begins for begins, _ in ranges(connection, "attempt"))
    for table in TABLES:
        connection.execute(f"drop table kronos.{table}_{newest:%Y%m%d}")
    return newest


def drop_last_in_midweek(connection: Connection) -> datetime:
    """`drop_last` in the middle of a week: none begins during the test, nor has one since the database was copied."""
    week: datetime = value(connection, "select date_trunc('week', now() at time zone 'UTC') at time zone 'UTC'")
    MovedClock(connection).set(week + timedelta(days=3, hours=12, seconds=10))
    make_all(connection)
    return drop_last(connection)


def make_all(connection: Connection) -> int:
    """Run until there is nothing to create. Return how many were created."""
    made = 0
    while step := value(connection, "select kronos.add_partitions()"):
        made += step
    return made


def test_weeks_are_there_eight_weeks_ahead_and_touch_one_another(superuser: Connection) -> None:
    make_all(superuser)  # a week may have begun since the database was copied
    now = value(superuser, "select now()")
    for table in TABLES:
        found = ranges(superuser, table)
        assert found[0][0] <= now - timedelta(days=1)
        assert found[-1][1] >= now + 8 * WEEK
        assert all(to - begin == WEEK and begin.astimezone(UTC).isoweekday() == 1 for begin, to in found)
        assert [begin for begin, _ in found[1:]] == [to for _, to in found[:-1]]
    assert value(superuser, "select kronos.add_partitions()") == 0


def test_two_years_are_fewer_than_120_partitions(superuser: Connection) -> None:
    years = 2 * 366 * timedelta(days=1)
    partitions = values(
        superuser, "select count(*) from pg_inherits where inhparent = 'kronos.execution_done'::regclass"
    )[0]
    assert years // WEEK + partitions < 120


@pytest.fixture
def of_days(superuser: Connection) -> datetime:
    """Partitions of a day each, as earlier releases created them, from yesterday to a week ahead. Return the end of the
    last one.
    """
    begins: datetime = value(
        superuser, "select date_trunc('day', now() at time zone 'UTC') at time zone 'UTC'"
    ) - timedelta(days=1)
    for table in TABLES:
        for name in values(superuser, "select partition from kronos.partitions() where parent = %s", [table]):
            superuser.execute(f"drop table kronos.{name}")
        for day in range(9):
            at = begins + day * timedelta(days=1)
            superuser.execute(
                f"create table kronos.{table}_{at.astimezone(UTC):%Y%m%d} partition of kronos.{table} for values"
                f" from ('{value(superuser, 'select kronos.uuid7_floor(%s)', [at])}')"
                f" to ('{value(superuser, 'select kronos.uuid7_floor(%s)', [at + timedelta(days=1)])}')"
            )
    return begins + 9 * timedelta(days=1)


def test_the_first_week_begins_where_the_last_daily_partition_ends(superuser: Connection, of_days: datetime) -> None:
    make_all(superuser)
    for table in TABLES:
        found = ranges(superuser, table)
        assert [to - begin for begin, to in found[:9]] == [timedelta(days=1)] * 9
        after = [(begin, to) for begin, to in found if begin >= of_days]
        assert after[0][0] == of_days
        assert all(to.astimezone(UTC).isoweekday() == 1 for _, to in after)
        assert [begin for begin, _ in after[1:]] == [to for _, to in after[:-1]]
        assert after[-1][1] >= of_days + 7 * WEEK


def test_made_ones_are_as_the_table_is(superuser: Connection) -> None:
    newest = drop_last_in_midweek(superuser)
    assert make_all(superuser) == 2
    for table in TABLES:
        name = f"{table}_{newest:%Y%m%d}"
        indexes = "select count(*) from pg_index where indrelid = %s::regclass"
        assert value(superuser, indexes, [f"kronos.{name}"]) == value(superuser, indexes, [f"kronos.{table}"])
        detached = (
            "select count(*) from pg_index join pg_class on oid = indexrelid where indrelid = %s::regclass and not "
            "relispartition"
        )
        assert value(superuser, detached, [f"kronos.{name}"]) == 0
        (owner,) = values(superuser, "select relowner::regrole::text from pg_class where relname = %s", [name])
        assert owner == "kronos_owner"


def test_a_week_that_began_without_its_partition_has_one_from_the_next_day_on(superuser: Connection) -> None:
    newest = drop_last_in_midweek(superuser)
    job_id = make_cron_job(superuser)
    at = newest + timedelta(days=2, hours=5)
    superuser.execute(
        """
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
            cause, status, scheduled_at,
                                           run_at, created_at, max_attempts, input)
        select kronos.tick_id(job_id, %(at)s), workspace_id, job_id, endpoint_id, 1, 'SCHEDULE', 'SUCCESS',
               %(at)s, %(at)s, %(at)s, 1, '{}'
          from kronos.jobs where job_id = %(job)s
        """,
        {"at": at, "job": job_id},
    )
    assert make_all(superuser) == 2
    assert ranges(superuser, "execution_done")[-1] == (newest + timedelta(days=3), newest + WEEK)
    assert ranges(superuser, "attempt")[-1] == (newest, newest + WEEK)
    assert values(superuser, "select scheduled_at from kronos.execution_done_default") == [at]


@pytest.fixture
def dump(database_url: str) -> Iterator[Connection]:
    """One snapshot for the whole test, as pg_dump takes it."""
    with psycopg.connect(database_url) as connection:
        connection.execute("begin isolation level repeatable read")
        yield connection
        connection.rollback()


def go_on(superuser: Connection, database_url: str, tick: datetime) -> None:
    """Ring, claim, store and list, with a lock timeout of a millisecond: a session that queues behind a waiting DDL
    statement fails.
    """
    endpoint = add_endpoint(superuser)
    job_id = make_cron_job(superuser, endpoint, next_tick_at=tick)
    with psycopg.connect(database_url, autocommit=True) as ringing:
        ringing.execute("set lock_timeout = '1ms'")
        with acting_as(ringing, "kronos_cron"):
            assert fire(ringing, job_id) == 1
        assert values(ringing, "select status from kronos.executions where job_id = %s", [job_id]) == ["QUEUED"]
    with as_worker(database_url) as worker:
        worker.execute("set lock_timeout = '1ms'")
        token, ids = claim(worker, endpoint)
        assert run(worker, "finalize_successes", finalize_params(token, ids, "SUCCESS", False, timedelta())) == []
    assert [row["status"] for row in done(superuser, job_id)] == ["SUCCESS"]


@contextmanager
def making(database_url: str) -> Iterator[list[int]]:
    """Create partitions repeatedly during the block. Yield how many were created each time."""
    made: list[int] = []
    is_over = threading.Event()

    def make() -> None:
        with psycopg.connect(database_url, autocommit=True) as maker:
            while not is_over.is_set():
                made.append(value(maker, "select kronos.add_partitions()"))

    with ThreadPoolExecutor(1) as threads:
        maker = threads.submit(make)
        try:
            await_condition(lambda: made or maker.done(), "the first run")
            yield made
        finally:
            is_over.set()
        maker.result()


def test_an_open_dump_over_the_change_of_weeks_stops_nothing(
    superuser: Connection, dump: Connection, database_url: str
) -> None:
    drop_last_in_midweek(superuser)
    tick = value(superuser, "select date_trunc('minute', kronos.now())")
    dump.execute("select count(*) from kronos.execution_done")
    dump.execute("select count(*) from kronos.attempt")
    with making(database_url) as made:
        for _ in range(5):
            go_on(superuser, database_url, tick)
    assert set(made) == {0}
    dump.rollback()
    assert make_all(superuser) == 2


def test_a_reader_of_the_tables_who_has_not_met_the_default_partition_is_in_nobodys_way(
    superuser: Connection, dump: Connection, database_url: str
) -> None:
    drop_last_in_midweek(superuser)
    tick = value(superuser, "select date_trunc('minute', kronos.now())")
    for table in TABLES:
        dump.execute(f"select count(*) from kronos.{table} where execution_id = kronos.uuid7_floor(%s)", [tick])
    with making(database_url) as made:
        go_on(superuser, database_url, tick)
    assert sum(made) == 2


def test_next_weeks_rows_have_their_partition_while_a_dump_is_open(superuser: Connection, dump: Connection) -> None:
    dump.execute("select count(*) from kronos.execution_done")
    job_id = make_cron_job(superuser)
    for weeks in range(7):
        superuser.execute(
            """
            insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id,
                endpoint_version, cause, status,
                                               scheduled_at, run_at, created_at, max_attempts, input)
            select kronos.uuid7(now() + %(ahead)s), workspace_id, job_id, endpoint_id, 1, 'SCHEDULE', 'SUCCESS',
                   now(), now(), now(), 1, '{}'
              from kronos.jobs where job_id = %(job)s
            """,
            {"ahead": weeks * WEEK, "job": job_id},
        )
    assert values(superuser, "select count(*) from kronos.execution_done_default") == [0]


# Make the endpoint's waiting executions look claimed by a worker that died: their leases have ended, and one had its
# last attempt.
_CLAIMED_BY_THE_DEAD = """
    with free as (
        select execution_id, row_number() over () as place
          from (select execution_id from kronos.execution_live where endpoint_id = %(endpoint_id)s for update
               skip locked) as free
    )
    update kronos.execution_live as live
       set claim_token = gen_random_uuid(), worker_id = 'dead', claimed_at = now(), started_at = now(),
           attempt_count = case place when 1 then 100 else live.attempt_count + 1 end,
               visible_at = now() - interval '1 ms'
      from free
     where live.execution_id = free.execution_id
"""


ROUNDS = depth(50, deep=1000)


def test_partitions_and_upkeep_never_deadlock(superuser: Connection, database_url: str) -> None:
    """Both write history: upkeep writes attempts and executions of dead workers. The week's partitions are created and
    rolled back hundreds of times.

    Two upkeeps run each time. All three begin together; every other time, upkeep has another statement to run first.
    """
    drop_last(superuser)
    endpoints = [add_endpoint(superuser, max_crashes=100, max_attempts=100) for _ in range(2)]
    for endpoint in endpoints:
        add_executions(superuser, endpoint, 4)
    begin = threading.Barrier(3, timeout=120)
    rounds = [0, 0]

    def keep(number: int) -> None:
        with as_worker(database_url) as worker, psycopg.connect(database_url, autocommit=True) as clock:
            try:
                for nth in range(ROUNDS):
                    if nth % 2 == 0:
                        begin.wait()
                    clock.execute(_CLAIMED_BY_THE_DEAD, {"endpoint_id": endpoints[number].endpoint_id})
                    if nth % 2 == 1:
                        begin.wait()
                    rounds[number] += sum(run(worker, "upkeep", {"limit": 1000, "all_leases": True})[0][:2]) > 0
                    add_executions(clock, endpoints[number], 1)
            except threading.BrokenBarrierError:
                pass  # another thread has failed and reports it
            except BaseException:
                begin.abort()
                raise

    made = 0
    with ThreadPoolExecutor(2) as threads, psycopg.connect(database_url) as maker:
        keepers = [threads.submit(keep, number) for number in range(2)]
        try:
            for _ in range(ROUNDS):
                begin.wait()
                made += value(maker, "select kronos.add_partitions()")
                maker.rollback()
        except BaseException:
            begin.abort()
            for keeper in keepers:
                keeper.result()
            raise
        for keeper in keepers:
            keeper.result()
    assert sum(rounds) >= ROUNDS  # one may find that the other has done the work
    assert made > ROUNDS // 2
    assert value(superuser, "select deadlocks from pg_stat_database where datname = current_database()") == 0
