"""Rings with concurrent locks and concurrent rings: none waits for another job's row, and none counts a tick twice."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import psycopg

from sql.test_fire import MINUTE
from sql_factory import (
    Connection,
    await_lock,
    done,
    fire,
    job,
    live,
    make_cron_job,
    once,
    value,
)


def test_concurrent_rings_make_exactly_the_distinct_ticks(
    superuser: Connection, database_url: str, tick: datetime
) -> None:
    start = tick - 60 * MINUTE
    job_ids = [
        make_cron_job(superuser, next_tick_at=start, catch_up_policy="ALL", catch_up_window_seconds=7200)
        for _ in range(3)
    ]
    begin = threading.Barrier(8)

    def ring(worker: int) -> None:
        with psycopg.connect(database_url, autocommit=True) as connection:
            begin.wait(60)
            for nth in range(15):
                job_id = job_ids[(worker + nth) % 3]
                back = start + ((worker * 7 + nth * 11) % 60) * MINUTE
                connection.execute(
                    "update tests.jobs set next_tick_at = least(next_tick_at, %s) where job_id = %s", [back, job_id]
                )
                connection.execute("select kronos.fire(%s)", [job_id])

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(ring, range(8)))
    fire(
        superuser, job_ids[0]
    )  # a ring that finds another one catching up leaves the work to it, even for pointers set back meanwhile
    for job_id in job_ids:
        until = job(superuser, job_id)["next_tick_at"]
        expected = [start + n * MINUTE for n in range(int((until - start) / MINUTE))]
        assert len(expected) >= 60
        assert [execution["scheduled_at"] for execution in live(superuser, job_id)] == expected
        assert done(superuser, job_id) == []


def test_max_runs_holds_under_concurrent_rings(superuser: Connection, database_url: str, tick: datetime) -> None:
    job_id = make_cron_job(superuser, next_tick_at=tick - 9 * MINUTE, max_runs=3, catch_up_policy="ALL")

    def ring(_: int) -> int:
        with psycopg.connect(database_url, autocommit=True) as connection:
            return fire(connection, job_id)

    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(ring, range(8)))
    assert (sum(made), len(live(superuser, job_id)), job(superuser, job_id)["status"]) == (3, 3, "RETIRED")


def test_a_locked_job_is_passed_over_and_not_waited_for(
    superuser: Connection, other: Connection, tick: datetime
) -> None:
    rung, free, locked = (make_cron_job(superuser, cron=once(tick), next_tick_at=tick) for _ in range(3))
    other.execute("select from kronos.jobs where job_id = %s for update", [locked])
    superuser.execute("set lock_timeout = '2s'")
    assert fire(superuser, rung) == 2
    assert (len(live(superuser, free)), live(superuser, locked)) == (1, [])
    other.rollback()
    assert fire(superuser, locked) == 1


def test_a_ring_waits_for_its_own_jobs_lock_and_then_sees_what_was_done(
    superuser: Connection, other: Connection, database_url: str, tick: datetime
) -> None:
    job_id = make_cron_job(superuser, cron=once(tick), next_tick_at=tick)
    other.execute("update kronos.jobs set status = 'RETIRED' where job_id = %s", [job_id])
    with ThreadPoolExecutor(1) as thread, psycopg.connect(database_url, autocommit=True) as ringing:
        ring = thread.submit(fire, ringing, job_id)
        await_lock(superuser, ringing)
        other.commit()
        assert ring.result(60) == 0
    assert (live(superuser, job_id), done(superuser, job_id)) == ([], [])


def test_an_internal_job_that_ends_while_its_ring_waits_is_not_run(
    superuser: Connection, other: Connection, database_url: str
) -> None:
    job_id = value(superuser, "select job_id from kronos.jobs where name = 'lease-keeper'")
    other.execute("update kronos.jobs set status = 'RETIRED' where job_id = %s", [job_id])
    with ThreadPoolExecutor(1) as thread, psycopg.connect(database_url, autocommit=True) as ringing:
        ring = thread.submit(fire, ringing, job_id)
        await_lock(superuser, ringing)
        other.commit()
        assert ring.result(60) == 0
    assert (live(superuser, job_id), done(superuser, job_id)) == ([], [])


def test_ticks_that_fell_due_while_a_ring_waited_are_accounted_for(
    superuser: Connection, other: Connection, database_url: str, tick: datetime
) -> None:
    job_id = make_cron_job(superuser, cron=once(tick), next_tick_at=tick)
    other.execute("select from kronos.jobs where job_id = %s for update", [job_id])
    with ThreadPoolExecutor(1) as thread, psycopg.connect(database_url, autocommit=True) as ringing:
        ring = thread.submit(fire, ringing, job_id)
        await_lock(superuser, ringing)
        # A tick just after the ring began, as for a job whose pointer was moved.
        due = value(
            other,
            "update tests.jobs set next_tick_at = clock_timestamp() where job_id = %s returning next_tick_at",
            [job_id],
        )
        other.commit()
        assert ring.result(60) == 1
    assert [execution["scheduled_at"] for execution in live(superuser, job_id)] == [due]
