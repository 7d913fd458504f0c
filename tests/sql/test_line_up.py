"""The rings of a full minute queue up in two lines. The lines save time and guarantee nothing."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import psycopg
import pytest

from sql_factory import Connection, acting_as, await_lock, fire, live, make_cron_job, once, value

AHEAD = "select pg_advisory_xact_lock(hashtext('kronos.fire'), line) from generate_series(0, 1) as line"


@pytest.fixture
def patient(superuser: Connection) -> None:
    """No ring gives up its place, however slow the test is; a ring that waits in vain fails."""
    superuser.execute("alter function kronos.line_up() set lock_timeout = '1h'")
    superuser.execute("set statement_timeout = '60s'")


@pytest.mark.usefixtures("patient")
def test_who_stood_in_line_finds_that_the_first_did_the_work_of_all(
    superuser: Connection, other: Connection, database_url: str, tick: datetime
) -> None:
    first, second = (make_cron_job(superuser, cron=once(tick), next_tick_at=tick) for _ in range(2))
    other.execute(AHEAD)
    assert fire(other, first) == 2
    with ThreadPoolExecutor(1) as thread, psycopg.connect(database_url, autocommit=True) as ringing:
        ring = thread.submit(fire, ringing, second)
        await_lock(superuser, ringing, kind="advisory")
        other.commit()
        assert ring.result(60) == 0
    assert (len(live(superuser, first)), len(live(superuser, second))) == (1, 1)


def test_who_is_stuck_is_overtaken(superuser: Connection, other: Connection, tick: datetime) -> None:
    job_id = make_cron_job(superuser, cron=once(tick), next_tick_at=tick)
    other.execute(AHEAD)
    with acting_as(superuser, "kronos_cron"):
        assert fire(superuser, job_id) == 1


@pytest.mark.usefixtures("patient")
def test_an_internal_jobs_ring_does_not_stand_in_line(superuser: Connection, other: Connection) -> None:
    reaper = value(superuser, "select job_id from kronos.jobs where name = 'reaper'")
    superuser.execute("update kronos.heartbeats set rang_at = '-infinity' where job_id = %s", [reaper])
    other.execute(AHEAD)
    with acting_as(superuser, "kronos_cron"):
        fire(superuser, reaper)
    assert value(superuser, "select rang_at > '-infinity' from kronos.heartbeats where job_id = %s", [reaper])
