"""Workers ring when pg_cron does not: at their start, when their database is back, after its clock was set, and while
pg_cron is silent."""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from factory import add_endpoint
from kronos.worker.link import Link, Outage
from kronos.worker.watchdog import ServerClock, Watchdog
from sql_factory import Connection, done, live, make_cron_job, value, values
from stopped_clock import StoppedClock
from told import told
from worker.running import Worker, until, workers

Start = Callable[[], Worker]

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
# What a faulty reaper may do to its caller.
REAPERS = {
    "raises": "begin raise exception 'injected'; end",
    "sleeps beyond the timeout": "begin perform pg_sleep(300); end",
    "is blocked by a lock": "begin lock table public.held in share mode; return '{}'; end",
}


@pytest.fixture
async def watchdog(database_url: str) -> AsyncIterator[Watchdog]:
    tasks = Link(database_url, "internal", Outage(), statement_timeout=timedelta(minutes=5))
    made = Watchdog(tasks)
    yield made
    await made.close()
    await tasks.close()


@pytest.fixture
def start(database_url: str, tmp_path: Path) -> Iterator[Start]:
    """Start a worker process that rings."""
    with workers() as starting:
        yield lambda: starting(database_url, tmp_path / "worker.log", poll_seconds=30)


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker's clock stands still: a busy machine does not come late to what is asserted after a look."""
    monkeypatch.setattr("kronos.worker.watchdog.time", StoppedClock())


def silence(superuser: Connection, seconds: float) -> None:
    """Make pg_cron's silence this long: in a copy it never rings, and its server may be younger than that."""
    superuser.execute(
        "create or replace function kronos.pg_cron_silence() returns interval language sql volatile security definer"
        f" as 'select interval ''{seconds} seconds'''"
    )


def replace_reaper(superuser: Connection, body: str) -> None:
    superuser.execute(
        "create or replace function kronos.reap(p_budget interval default '1 s') returns jsonb language plpgsql as "
        f"$$ {body} $$"
    )


def beat(superuser: Connection) -> None:
    """Let pg_cron ring an internal job."""
    superuser.execute("update kronos.heartbeats set rang_at = clock_timestamp()")


def due_job(superuser: Connection) -> uuid.UUID:
    """A job that is due as of now and then not for a year."""
    job_id = make_cron_job(superuser, add_endpoint(superuser), cron="0 0 1 1 *")
    superuser.execute("update tests.jobs set next_tick_at = clock_timestamp() where job_id = %s", [job_id])
    return job_id


def internal_id(superuser: Connection, name: str) -> uuid.UUID:
    found: uuid.UUID = value(
        superuser,
        "select job_id from kronos.jobs join kronos.workspaces using (workspace_id) where slug = 'kronos-system' and "
        "jobs.name = %s",
        [name],
    )
    return found


def is_accounted_for(superuser: Connection, job_id: uuid.UUID) -> bool:
    return value(superuser, "select next_tick_at > now() from tests.jobs where job_id = %s", [job_id]) is True


@pytest.mark.usefixtures("still")
async def test_it_rings_until_pg_cron_is_heard(superuser: Connection, link: Link, watchdog: Watchdog) -> None:
    beat(superuser)
    first, second, third = (due_job(superuser) for _ in range(3))
    assert await watchdog.look(link) is True  # whatever pg_cron did before is unknown
    assert [is_accounted_for(superuser, job_id) for job_id in (first, second, third)] == [True] * 3
    assert 0 < watchdog.seconds_to_look <= 1

    fourth = due_job(superuser)
    assert await watchdog.look(link) is True, "it was not heard since the first look"
    assert is_accounted_for(superuser, fourth)

    beat(superuser)
    fifth = due_job(superuser)
    assert await watchdog.look(link) is False
    assert not is_accounted_for(superuser, fifth), "pg_cron rings again: its alarms do this"
    assert watchdog.seconds_to_look > 3

    watchdog.distrust()
    assert watchdog.is_due
    assert await watchdog.look(link) is True
    assert is_accounted_for(superuser, fifth)


@pytest.mark.usefixtures("still")
async def test_what_another_worker_is_at_is_left_to_it_and_looked_for_again(
    superuser: Connection, other: Connection, link: Link, watchdog: Watchdog
) -> None:
    job_id = due_job(superuser)
    other.execute("select pg_advisory_xact_lock(hashtext('kronos.ring_if_silent'))")
    assert await watchdog.look(link) is False
    assert 0 < watchdog.seconds_to_look <= 1
    other.rollback()
    assert await watchdog.look(link) is True
    assert is_accounted_for(superuser, job_id)


async def test_what_a_ring_left_is_rung_for_again_at_once(
    superuser: Connection, other: Connection, link: Link, watchdog: Watchdog
) -> None:
    job_id = due_job(superuser)
    other.execute("select from kronos.jobs where job_id = %s for update", [job_id])
    assert await watchdog.look(link) is False
    assert watchdog.seconds_to_look <= 0.2
    other.rollback()
    assert await watchdog.look(link) is True


@pytest.mark.parametrize("step", [timedelta(hours=1), timedelta(seconds=2), -timedelta(seconds=2), -timedelta(hours=1)])
def test_a_clock_that_was_set_is_noticed_once(step: timedelta) -> None:
    clock = ServerClock()
    shown = [clock.was_set(NOON + timedelta(seconds=5 * n), 100 + 5 * n - 0.1, 100 + 5 * n + 0.1) for n in range(4)]
    stepped = [
        clock.was_set(NOON + step + timedelta(seconds=5 * n), 100 + 5 * n - 0.1, 100 + 5 * n + 0.1) for n in range(4, 8)
    ]
    assert (shown, stepped) == ([False] * 4, [True, False, False, False])


def test_an_answer_that_took_long_is_no_set_clock() -> None:
    clock = ServerClock()
    assert not clock.was_set(NOON, 100, 120)  # it may have shown noon at any time in between
    assert not clock.was_set(NOON + timedelta(seconds=30), 145, 145.1)
    assert not clock.was_set(NOON + timedelta(seconds=50), 145.2, 165.1)


@pytest.mark.usefixtures("still")
@pytest.mark.parametrize("step", [timedelta(minutes=3), -timedelta(minutes=3)])
async def test_when_postgresqls_clock_was_set_it_rings(
    superuser: Connection, link: Link, watchdog: Watchdog, step: timedelta, caplog: pytest.LogCaptureFixture
) -> None:
    await watchdog.look(link)
    beat(superuser)
    assert await watchdog.look(link) is False
    assert watchdog.seconds_to_look > 3, "pg_cron is heard"

    job_id = due_job(superuser)
    body: str = value(superuser, "select pg_get_functiondef('kronos.ring_if_silent'::regproc)")
    assert "at            := kronos.clock();" in body
    superuser.execute(
        body.replace(":= kronos.clock();", f":= kronos.clock() + interval '{step.total_seconds()} seconds';").encode()
    )
    await watchdog.look(link)
    line = told(caplog, "clock.set")
    assert (line["level"], line["message"].startswith("PostgreSQL's clock was set: it shows 20")) == ("WARNING", True)
    if not is_accounted_for(superuser, job_id):
        assert watchdog.is_due, "it looks again immediately"
        await watchdog.look(link)
    rows = live(superuser, job_id) + done(superuser, job_id)
    assert len(rows) == (1 if step > timedelta(0) else 0), "by the older clock nothing is due yet"
    assert 0 < watchdog.seconds_to_look <= 1


async def test_it_says_once_that_it_rings_in_pg_crons_place(
    superuser: Connection, link: Link, watchdog: Watchdog, caplog: pytest.LogCaptureFixture
) -> None:
    silence(superuser, 3600)
    with caplog.at_level(logging.WARNING, "kronos.worker"):
        await watchdog.look(link)
        await watchdog.look(link)
    line = told(caplog, "pg_cron.silent")
    assert (line["level"], len(caplog.records)) == ("WARNING", 1)
    assert line["message"] == "pg_cron has been silent for more than 90 s: workers ring in its place"


async def test_a_worker_accounts_for_what_is_due_when_it_starts_and_when_its_database_is_back(
    superuser: Connection, start: Start
) -> None:
    job_id = due_job(superuser)
    start()
    await until(lambda: is_accounted_for(superuser, job_id), "the worker's first ring")
    await until(lambda: _is_at_rest_under_beats(superuser), "the worker to hear pg_cron")

    later = due_job(superuser)
    superuser.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'kronos-worker-listen'"
    )
    await until(lambda: is_accounted_for(superuser, later), "the ring after the outage")


def _is_at_rest_under_beats(superuser: Connection) -> bool:
    """Whether the worker, while pg_cron rings, is idle after the query between two looks: it no longer rings."""
    beat(superuser)
    query = "select query from pg_stat_activity where application_name = 'kronos-worker-listen' and state = 'idle'"
    return values(superuser, query) == ["select 1"]


@pytest.mark.parametrize("what", REAPERS)
async def test_an_internal_task_in_trouble_takes_no_tick_with_it(
    superuser: Connection, other: Connection, start: Start, what: str
) -> None:
    silence(superuser, 3600)
    superuser.execute("create table public.held (); grant all on public.held to kronos_owner")
    replace_reaper(superuser, REAPERS[what])
    superuser.execute(
        "update tests.jobs set next_tick_at = date_trunc('minute', clock_timestamp()) where name in ('reaper', "
        "'lease-keeper')"
    )
    other.execute("lock table public.held")
    before = due_job(superuser)
    missed = make_cron_job(superuser, next_tick_at=NOON, cron="0 12 10 3 *")

    worker = start()
    await until(
        lambda: is_accounted_for(superuser, before) and is_accounted_for(superuser, missed),
        "the first ring",
    )
    await until(lambda: _reaper_has_begun(superuser, worker), "the reaper")
    after = due_job(superuser)
    await until(lambda: is_accounted_for(superuser, after), "the next ring")

    assert worker.process.poll() is None
    ids = [before, missed, after]
    assert values(
        superuser, "select count(*) from kronos.executions where job_id = any (%s) group by job_id", [ids]
    ) == [1, 1, 1]
    if what == "sleeps beyond the timeout":
        reaped = done(superuser, internal_id(superuser, "reaper"))
        ends = [row["completed_at"] for row in reaped if row["status"] == "FAILED"]
        rung = values(superuser, "select created_at from kronos.executions where job_id = any (%s)", [ids])
        assert all(at < end for at in rung for end in ends), "a ring waited for the reaper"
    await until(lambda: done(superuser, internal_id(superuser, "lease-keeper")), "the other task")
    assert "PostgreSQL is unavailable" not in worker.log


def _reaper_has_begun(superuser: Connection, worker: Worker) -> bool:
    """It is running, or has failed."""
    under_way = values(
        superuser,
        "select pid from pg_stat_activity where application_name = 'kronos-worker-internal' and state = 'active'"
        " and wait_event in ('PgSleep', 'relation')",
    )
    failed = [row for row in done(superuser, internal_id(superuser, "reaper")) if row["status"] == "FAILED"]
    return bool(under_way or failed)


async def test_tasks_are_broken_off_with_the_worker(superuser: Connection, link: Link, watchdog: Watchdog) -> None:
    silence(superuser, 3600)
    replace_reaper(superuser, REAPERS["sleeps beyond the timeout"])
    superuser.execute(
        "update tests.jobs set next_tick_at = date_trunc('minute', clock_timestamp()) where name = 'reaper'"
    )
    await watchdog.look(link)
    await until(
        lambda: values(superuser, "select pid from pg_stat_activity where wait_event = 'PgSleep'"), "the reaper"
    )
    async with asyncio.timeout(60):
        await watchdog.close()
