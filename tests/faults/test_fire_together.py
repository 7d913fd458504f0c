"""Many firings at once when more jobs are due than one firing takes: none waits for another while it holds locked rows,
and each tick is recorded once."""

import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime, timedelta

import psycopg
import pytest

from conftest import minute_with_time_left
from depth import depth
from factory import EndpointRow, add_endpoint
from sql_factory import Connection, fire, live, make_cron_job, once, value, values

pytestmark = pytest.mark.faults

DUE = depth(1200, deep=2000)
SESSIONS = depth(16, deep=32)
ROUNDS = depth(2, deep=4)


def add_due(connection: Connection, endpoint: EndpointRow, tick: datetime) -> list[uuid.UUID]:
    """Add this many jobs, due only at `tick` this day, and unknown to pg_cron."""
    return values(
        connection,
        """
        insert into tests.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, cron, timezone,
            schedule, alarm, description,
                                 next_tick_at)
        select id, id, %(workspace_id)s, %(endpoint_id)s, 'CRON', %(cron)s, 'UTC', kronos.parse_cron(%(cron)s),
               %(cron)s, 'due', %(tick)s
          from generate_series(1, %(due)s) as n, lateral (select gen_random_uuid() as id where n > 0) as new
        returning job_id
        """,
        {
            "workspace_id": endpoint.workspace_id,
            "endpoint_id": endpoint.endpoint_id,
            "cron": once(tick),
            "tick": tick,
            "due": DUE,
        },
    )


@pytest.fixture
def ringing(database_url: str) -> Iterator[list[Connection]]:
    """As many sessions of pg_cron as ring at once."""
    with ExitStack() as stack:
        made = [
            stack.enter_context(psycopg.connect(database_url, autocommit=True, options="-c lock_timeout=30s"))
            for _ in range(SESSIONS)  # that patient, because a busy machine must not look like a deadlock
        ]
        for each in made:
            each.execute("set session authorization kronos_cron")
        yield made


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(SESSIONS) as made:
        yield made


def test_firings_of_a_full_minute_do_not_deadlock(
    superuser: Connection, ringing: list[Connection], threads: ThreadPoolExecutor
) -> None:
    endpoint = add_endpoint(superuser)
    # All at once: sessions do not queue, as when two queues are busy and the others overtake.
    superuser.execute("alter function kronos.line_up() set lock_timeout = '1ms'")
    begin = threading.Barrier(SESSIONS)

    def ring(job_id: uuid.UUID, connection: Connection) -> None:
        begin.wait(60)
        fire(connection, job_id)

    for _ in range(ROUNDS):
        tick = minute_with_time_left(superuser)
        job_ids = add_due(superuser, endpoint, tick)
        # raises a session's error, in particular 40P01
        list(threads.map(ring, job_ids[:: DUE // SESSIONS][:SESSIONS], ringing))
        due = "select count(*) from tests.jobs where endpoint_id = %s and next_tick_at <= clock_timestamp()"
        made = (
            "select count(*), count(distinct job_id) from kronos.execution_live where job_id = any (%s) and "
            "scheduled_at = %s"
        )
        assert value(superuser, due, [endpoint.endpoint_id]) == 0
        assert superuser.execute(made, [job_ids, tick]).fetchone() == (DUE, DUE)


@pytest.fixture
def tick(superuser: Connection) -> datetime:
    return minute_with_time_left(superuser)


def test_a_firing_that_waits_for_its_own_row_holds_no_other(
    superuser: Connection, database_url: str, tick: datetime
) -> None:
    own, free = (make_cron_job(superuser, cron=once(tick), next_tick_at=tick) for _ in range(2))
    with (
        psycopg.connect(database_url) as holder,
        psycopg.connect(database_url, autocommit=True) as ringing,
        ThreadPoolExecutor(1) as thread,
    ):
        holder.execute("select from kronos.jobs where job_id = %s for update", [own])
        ring = thread.submit(fire, ringing, own)
        waits = "select from pg_stat_activity where pid = %s and wait_event_type = 'Lock'"
        while superuser.execute(waits, [ringing.info.backend_pid]).fetchone() is None:
            assert not ring.done()
        holder.execute("set lock_timeout = '2s'")
        holder.execute("select from kronos.jobs where job_id = %s for update", [free])  # not locked by those that wait
        holder.commit()
        assert ring.result(60) == 2
    assert [len(live(superuser, job_id)) for job_id in (own, free)] == [1, 1]


def test_a_row_that_is_held_for_too_long_keeps_no_other_tick(
    superuser: Connection, database_url: str, tick: datetime
) -> None:
    own, free = (make_cron_job(superuser, cron=once(tick), next_tick_at=tick) for _ in range(2))
    with psycopg.connect(database_url) as holder, psycopg.connect(database_url, autocommit=True) as ringing:
        holder.execute("select from kronos.jobs where job_id = %s for update", [own])
        ringing.execute("set lock_timeout = '50ms'")
        assert fire(ringing, own) == 1
        assert (live(superuser, own), len(live(superuser, free))) == ([], 1)
        holder.rollback()
        assert fire(ringing, own) == 1
    assert value(superuser, "select next_tick_at from tests.jobs where job_id = %s", [own]) == tick + timedelta(days=1)
