"""A held instance stands still as if it were down: nothing fires, is caught up or claimed, and no pointer moves."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from factory import EndpointRow, add_executions
from kronos.worker import claims
from kronos.worker.link import Link, Outage
from overlap_runs import MINUTE, Ticking
from sql_factory import Connection, account, fire, job, live, make_cron_job, value
from worker.protocol import as_worker, claim


def hold(superuser: Connection, database_url: str, text: str | None) -> None:
    """Set kronos.hold as an operator does, for future sessions."""
    database = conninfo_to_dict(database_url)["dbname"]
    superuser.execute(
        f"alter database {database} set kronos.hold = '{text}'".encode()
        if text is not None
        else f"alter database {database} reset kronos.hold".encode()
    )


@pytest.fixture(autouse=True)
def let_go_afterwards(superuser: Connection, database_url: str) -> Iterator[None]:
    """A setting that stays would cost the next test a new copy of the template."""
    yield
    hold(superuser, database_url, None)


@pytest.fixture
def held(superuser: Connection, database_url: str) -> Iterator[Connection]:
    """A session of the held database."""
    hold(superuser, database_url, "on")
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize(
    ("text", "is_held"),
    [(None, False), ("", False), ("off", False), ("No", False), ("on", True), ("TRUE", True), ("hodl", True)],
)
def test_whatever_is_not_a_plain_no_holds(
    superuser: Connection, database_url: str, text: str | None, is_held: bool
) -> None:
    hold(superuser, database_url, text)
    with psycopg.connect(database_url) as connection:
        assert value(connection, "select kronos.is_held()") is is_held


def test_no_ring_of_anybody_accounts_for_a_tick(
    superuser: Connection, database_url: str, held: Connection, endpoint: EndpointRow, tick: datetime
) -> None:
    due = make_cron_job(superuser, endpoint, next_tick_at=tick)
    missed = make_cron_job(superuser, endpoint, next_tick_at=tick - timedelta(hours=3), catch_up_policy="ALL")
    ends = make_cron_job(superuser, endpoint, next_tick_at=tick - timedelta(hours=3), ends_at=tick - timedelta(hours=1))
    before = [job(superuser, job_id) for job_id in (due, missed, ends)]

    assert [fire(held, job_id) for job_id in (due, missed, ends)] == [0, 0, 0]
    rung = held.execute("select executions, is_left from kronos.ring_if_silent('0 s')").fetchone()
    assert rung == (0, False)
    assert value(held, "select kronos.keep_up() ->> 'delivered'") == "0"
    reaped = value(held, "select kronos.reap()")
    assert (reaped["ended"], reaped.get("errors")) == (0, None)

    assert [job(superuser, job_id) for job_id in (due, missed, ends)] == before
    assert value(superuser, "select count(*) from kronos.execution_live") == 0

    hold(superuser, database_url, None)
    with psycopg.connect(database_url, autocommit=True) as let_go:
        assert fire(let_go, due) > 0
        assert len(live(superuser, due)) == 1
        assert len(live(superuser, missed)) == 60  # as after three hours of downtime: with ALL and a window of an hour


async def test_no_worker_claims(
    superuser: Connection, database_url: str, held: Connection, endpoint: EndpointRow
) -> None:
    add_executions(superuser, endpoint, 3)
    link = Link(database_url, "test", Outage())
    assert await claims.due_endpoints(link, floors={}, since=None) == []
    await link.close()
    with as_worker(database_url) as connection:
        assert claim(connection, endpoint)[1] == []
    hold(superuser, database_url, None)
    with as_worker(database_url) as connection:
        assert len(claim(connection, endpoint)[1]) == 3


def test_what_a_person_runs_expires_nothing_that_is_in_its_way(
    superuser: Connection, database_url: str, ticking: Callable[..., Ticking]
) -> None:
    one = ticking("SKIP", deadline_seconds=60)
    one.tick()
    hold(superuser, database_url, "on")
    with psycopg.connect(database_url, autocommit=True) as held:
        account(held, one.job_id, now=one.now + 2 * MINUTE)
    assert one.statuses() == ["QUEUED", "SKIPPED", "SKIPPED"]


def test_entries_are_mended_all_the_same_so_that_it_goes_on_at_once_later(
    superuser: Connection, held: Connection, endpoint: EndpointRow, tick: datetime
) -> None:
    superuser.execute("select kronos.reap()")
    later = tick + timedelta(days=1)
    made = make_cron_job(superuser, endpoint, cron="0 0 1 1 *", next_tick_at=later)
    ends = make_cron_job(superuser, endpoint, cron="0 0 1 1 *", next_tick_at=later, ends_at=tick)
    reaped = value(held, "select kronos.reap()")
    assert (reaped["registered"], reaped["ended"], reaped["failed"]) == (2, 0, 0)
    assert [job(superuser, job_id)["status"] for job_id in (made, ends)] == ["ACTIVE", "ACTIVE"]


def test_history_is_not_aged_out_and_pg_cron_is_still_heard(superuser: Connection, held: Connection) -> None:
    superuser.execute("update kronos.retention set ran_at = '-infinity'")
    for name in ("retention", "lease-keeper"):
        held.execute("update tests.jobs set next_tick_at = now() - interval '1 second' where name = %s", [name])
        job_id = value(superuser, "select job_id from kronos.jobs where name = %s", [name])
        held.execute("set session authorization kronos_cron")
        held.execute("select kronos.fire(%s)", [job_id])
        held.execute("reset session authorization")
    assert value(
        superuser, "select output from kronos.executions join kronos.jobs using (job_id) where name = 'retention'"
    ) == {"held": True}
    assert value(superuser, "select count(*) from kronos.retention where ran_at > '-infinity'") == 0
    # PostgreSQL may have started longer ago
    heard = "select count(*) from kronos.heartbeats where rang_at > now() - interval '1 minute'"
    assert (value(superuser, heard), value(superuser, "select kronos.pg_cron_silence()") < timedelta(seconds=60)) == (
        2,
        True,
    )
