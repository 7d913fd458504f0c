"""A step of a shared alarm's ring: how many jobs it reports, what it does besides, and what it leaves; and what a
worker's ring in pg_cron's place sees.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from factory import add_endpoint
from moved_clock import MovedClock
from sharing import share
from sql.test_internal_jobs import internal
from sql.test_ring import NOON, SECOND, _many
from sql.test_silence import SILENCE, look, silence
from sql_factory import Connection, live, make_cron_job, value

STEP = "select kronos.ring_some()"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def noon(superuser: Connection) -> Connection:
    """An instance that shares alarms, a second after noon."""
    share(superuser)
    MovedClock(superuser).stand(NOON + SECOND)
    return superuser


@pytest.fixture
def listening(database_url: str) -> Iterator[psycopg.Connection]:
    """A worker that waits for work."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("listen kronos_work")
        yield connection


def _floor(connection: Connection) -> datetime:
    found: datetime = value(connection, "select lowest_at from kronos.pointers_floor")
    return found


def test_a_step_says_how_many_jobs_it_found(noon: Connection) -> None:
    assert value(noon, STEP) == 0
    due = [make_cron_job(noon, next_tick_at=NOON) for _ in range(3)]
    noon.execute("set kronos.hold = on")
    assert value(noon, STEP) == 0
    noon.execute("reset kronos.hold")
    assert [live(noon, job_id) for job_id in due] == [[], [], []]
    assert (value(noon, STEP), value(noon, STEP)) == (3, 0)


def test_a_step_catches_up_with_what_was_missed_unless_a_thousand_were_before_it(noon: Connection) -> None:
    missed = make_cron_job(noon, next_tick_at=NOON - 90 * SECOND, catch_up_policy="ALL")
    _many(noon, 1000)
    assert (value(noon, STEP), live(noon, missed)) == (1000, [])
    make_cron_job(noon, next_tick_at=NOON)
    assert value(noon, STEP) == 1
    assert live(noon, missed)[0]["scheduled_at"] == NOON - 90 * SECOND


def test_a_step_that_makes_work_wakes_the_workers(noon: Connection, listening: psycopg.Connection) -> None:
    make_cron_job(noon, add_endpoint(noon), next_tick_at=NOON)
    assert value(noon, STEP) == 1
    assert [told.channel for told in listening.notifies(timeout=60, stop_after=1)] == ["kronos_work"]


def test_a_step_raises_the_floor_where_nobody_holds_its_transaction_open(noon: Connection) -> None:
    noon.execute("update kronos.pointers_floor set lowest_at = %s", [LONG_AGO])
    make_cron_job(noon, next_tick_at=NOON)
    with noon.transaction():
        noon.execute("select pg_sleep(0.03)")  # longer than is_alone allows for a single statement
        assert value(noon, STEP) == 1
    assert _floor(noon) == LONG_AGO
    make_cron_job(noon, next_tick_at=NOON)
    assert value(noon, STEP) == 1
    assert NOON - timedelta(minutes=5) < _floor(noon) < NOON


def test_a_step_takes_no_job_whose_workspace_is_turning(noon: Connection) -> None:
    """Ticks from before their workspace was suspended or resumed are not accounted for by rings."""
    turning = add_endpoint(noon)
    of_before = make_cron_job(noon, turning, next_tick_at=NOON)
    others = sorted(make_cron_job(noon, next_tick_at=NOON) for _ in range(2))
    noon.execute(
        "insert into kronos.turns (workspace_id, turned_at, instants, steps_left) values (%s, %s, %s, 2)",
        [turning.workspace_id, NOON + SECOND, [NOON + SECOND]],
    )
    step = "select kronos.ring_held('00000000-0000-0000-0000-000000000000')"
    assert value(noon, step) == others[0]
    assert value(noon, STEP) == 1
    assert value(noon, step) is None
    assert [len(live(noon, job_id)) for job_id in (of_before, *others)] == [0, 1, 1]


def test_a_job_that_is_held_for_too_long_is_left_and_said(noon: Connection, database_url: str) -> None:
    job_id = make_cron_job(noon, next_tick_at=NOON)
    noon.execute("set lock_timeout = '20ms'")  # as long as a firing waits
    said: list[str] = []
    noon.add_notice_handler(lambda notice: said.append(str(notice.message_primary)))
    with psycopg.connect(database_url) as holder:
        holder.execute("select from kronos.jobs where job_id = %s for update", [job_id])
        assert value(noon, "select kronos.lock_own(%s)", [job_id]) is False
    assert said == [
        f"kronos: another session has held job {job_id} for longer than a firing waits; the ticks of other jobs "
        "continue"
    ]
    assert value(noon, "select kronos.lock_own(%s)", [job_id]) is True


def test_a_heartbeat_of_this_moment_is_heard(superuser: Connection) -> None:
    silence(superuser, since=SECOND)
    assert look(superuser, SILENCE, value(superuser, "select now() - interval '2 minutes'"))["is_heard"] is True


def test_an_internal_job_is_due_from_its_instant_on(superuser: Connection) -> None:
    now = value(superuser, "select date_trunc('minute', now())")
    MovedClock(superuser).stand(now)
    reaper = internal(superuser, "reaper")
    superuser.execute("update kronos.pointers set next_tick_at = %s", [now + timedelta(hours=1)])
    superuser.execute("update kronos.pointers set next_tick_at = %s where job_id = %s", [now, reaper])
    found = look(superuser, -timedelta(days=9999))
    assert (found["is_silent"], found["internal_jobs"]) == (True, [reaper])
