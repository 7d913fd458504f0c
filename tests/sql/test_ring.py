"""A shared alarm's ring accounts for everything that is due, in committed steps of a thousand jobs. It waits for at
most one row at a time, and holds no other lock while it waits.
"""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from factory import add_endpoint
from moved_clock import MovedClock
from sharing import add, share
from sql_factory import EVERY_MINUTE, Connection, acting_as, await_lock, job, live, make_cron_job, value, values

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def noon(superuser: Connection) -> Connection:
    """An instance that shares alarms, a second after noon."""
    share(superuser)
    MovedClock(superuser).stand(NOON + SECOND)
    return superuser


@pytest.fixture
def ringing(database_url: str) -> Iterator[Connection]:
    """A session like those that pg_cron opens."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("set session authorization kronos_cron")
        yield connection


def ring(connection: Connection) -> None:
    connection.execute("call kronos.ring('a digest')")


def _many(connection: Connection, number: int) -> None:
    """Insert jobs that are due at noon, in one statement."""
    first = make_cron_job(connection, add_endpoint(connection), next_tick_at=NOON)
    connection.execute(
        """
        with made as (
            insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, cron, timezone,
                                     schedule, alarm, description)
            select new.job_id, new.job_id, like_it.workspace_id, like_it.endpoint_id, 'CRON', like_it.cron, 'UTC',
                   like_it.schedule, like_it.alarm, ''
              from kronos.jobs as like_it
             cross join lateral (select gen_random_uuid() as job_id from generate_series(2, %s)) as new
             where like_it.job_id = %s
            returning job_id, workspace_id
        )
        insert into kronos.pointers (job_id, workspace_id, next_tick_at) select job_id, workspace_id, %s from made
        """,
        [number, first, NOON],
    )


def test_a_ring_accounts_for_every_job_that_is_due_whatever_its_alarm(noon: Connection, ringing: Connection) -> None:
    due = [make_cron_job(noon, cron=cron, next_tick_at=NOON) for cron in (EVERY_MINUTE, "0 12 * * *", "*/5 * * * *")]
    later = make_cron_job(noon, cron="1 12 * * *", next_tick_at=NOON + timedelta(minutes=1))
    ring(ringing)
    assert [[run["scheduled_at"] for run in live(noon, job_id)] for job_id in due] == [[NOON]] * 3
    assert live(noon, later) == []
    ring(ringing)
    assert value(noon, "select count(*) from kronos.execution_live") == 3


def test_thousands_are_accounted_for_in_parts_that_are_each_committed(noon: Connection, ringing: Connection) -> None:
    _many(noon, 2100)
    ring(ringing)
    found = values(noon, "select count(*) from kronos.execution_live group by xmin order by 1 desc")
    assert found == [1000, 1000, 100]
    assert value(noon, "select count(*) from kronos.pointers where next_tick_at = %s", [NOON]) == 0


def test_one_that_cannot_be_accounted_for_stops_no_other(noon: Connection, ringing: Connection) -> None:
    jobs = [make_cron_job(noon, next_tick_at=NOON) for _ in range(12)]
    noon.execute("update kronos.jobs set schedule.timezone = 'No/Such' where job_id = %s", [jobs[4]])
    ring(ringing)
    assert [len(live(noon, job_id)) for job_id in jobs] == [1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1]
    assert values(noon, "select job_id from kronos.job_faults") == [jobs[4]]


def test_a_job_that_somebody_holds_is_waited_for_when_the_others_are_done(
    noon: Connection, ringing: Connection, database_url: str
) -> None:
    others = [make_cron_job(noon, next_tick_at=NOON) for _ in range(3)]
    held = make_cron_job(noon, next_tick_at=NOON)
    with ThreadPoolExecutor(1) as pool, psycopg.connect(database_url) as holder:
        holder.execute("select from kronos.jobs where job_id = %s for update", [held])
        rung = pool.submit(ring, ringing)
        await_lock(noon, ringing)
        # committed and unlocked while the ring waits
        assert [len(live(noon, job_id)) for job_id in others] == [1, 1, 1]
        assert (
            len(values(noon, "select job_id from kronos.jobs where job_id = any (%s) for update nowait", [others])) == 3
        )
        assert live(noon, held) == []
        holder.commit()
        rung.result()
    assert len(live(noon, held)) == 1


def test_one_ring_at_a_time_waits_for_rows_that_are_held(
    noon: Connection, ringing: Connection, database_url: str
) -> None:
    """pg_cron runs at most 32 commands at a time, and stops when all of them wait."""
    held = make_cron_job(noon, next_tick_at=NOON)
    with ThreadPoolExecutor(1) as pool, psycopg.connect(database_url) as holder:
        holder.execute("select from kronos.jobs where job_id = %s for update", [held])
        rung = pool.submit(ring, ringing)
        await_lock(noon, ringing)
        with psycopg.connect(database_url, autocommit=True) as other:
            other.execute("set session authorization kronos_cron")
            ring(other)  # would not return if it waited
        assert not rung.done()
        holder.rollback()
        rung.result()
    assert len(live(noon, held)) == 1


def test_a_tick_of_a_job_that_is_made_while_others_are_accounted_for_is_not_lost(
    noon: Connection, ringing: Connection, database_url: str
) -> None:
    held = make_cron_job(noon, next_tick_at=NOON)
    with ThreadPoolExecutor(1) as pool, psycopg.connect(database_url) as holder:
        holder.execute("select from kronos.jobs where job_id = %s for update", [held])
        rung = pool.submit(ring, ringing)
        await_lock(noon, ringing)
        late = add(noon, EVERY_MINUTE, next_tick_at=NOON)
        holder.commit()
        rung.result()
    ring(ringing)
    assert [len(live(noon, job_id)) for job_id in (held, late)] == [1, 1]


def test_an_instance_that_is_held_and_a_suspended_workspace_make_nothing(noon: Connection, ringing: Connection) -> None:
    suspended = add_endpoint(noon)
    of_suspended = make_cron_job(noon, suspended, next_tick_at=NOON, is_halted=True)
    noon.execute(
        "update kronos.workspaces set status = 'SUSPENDED', suspended_at = now() where workspace_id = %s",
        [suspended.workspace_id],
    )
    job_id = make_cron_job(noon, next_tick_at=NOON)
    with acting_as(noon, "kronos_cron"):
        noon.execute("set kronos.hold = on")
        ring(noon)
        noon.execute("reset kronos.hold")
    assert live(noon, job_id) == []
    ring(ringing)
    assert (len(live(noon, job_id)), live(noon, of_suspended)) == (1, [])


def test_a_ring_that_finds_nothing_moves_nothing(noon: Connection, ringing: Connection) -> None:
    job_id = make_cron_job(noon, next_tick_at=NOON + timedelta(minutes=1))
    before = job(noon, job_id)
    ring(ringing)
    assert (job(noon, job_id), live(noon, job_id)) == (before, [])


def test_200_jobs_of_two_zones_keep_their_local_times_over_both_changes_of_the_clocks(
    superuser: Connection, ringing: Connection
) -> None:
    """02:30 in Berlin and in New York: the alarm rings for each of a zone's two offsets, and only one of the two is a
    tick.
    """
    share(superuser)
    clock = MovedClock(superuser)
    endpoint = add_endpoint(superuser)
    zones = {"Europe/Berlin": (1, 2), "America/New_York": (-5, -4)}
    clock.stand(datetime(2026, 3, 7, tzinfo=UTC))
    superuser.execute(
        """
        with form as materialized (
            select zone, schedule, kronos.alarm('30 2 * * *', schedule) as alarm
              from unnest(%(zones)s::text[]) as zone
             cross join lateral kronos.read_schedule('30 2 * * *', null, null, zone, 'SHIFT', 'FIRST') as schedule
        ), made as (
            insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, cron, timezone,
                                     schedule, alarm, description, catch_up_policy)
            select job_id, job_id, %(workspace)s, %(endpoint)s, 'CRON', '30 2 * * *', zone, schedule, alarm, '',
                   'SKIP'
              from (select form.*, gen_random_uuid() as job_id from form cross join generate_series(1, 100)) as new
            returning job_id, workspace_id, schedule
        )
        insert into kronos.pointers (job_id, workspace_id, next_tick_at)
        select job_id, workspace_id, kronos.next_tick(schedule, kronos.now()) from made
        """,
        {"zones": list(zones), "workspace": endpoint.workspace_id, "endpoint": endpoint.endpoint_id},
    )
    # As pg_cron does: the alarm is its schedule, read in UTC, day by day.
    rings = values(
        superuser,
        "select distinct at from (select distinct alarm from kronos.jobs where timezone <> 'UTC') as job"
        " cross join lateral generate_series(timestamptz '2026-03-07 00:30Z', '2026-03-31 00:00Z', '30 minutes') as at"
        " where at in (select kronos.next_tick(kronos.parse_cron(job.alarm), at - interval '1 second')) order by 1",
    )
    for at in rings:
        clock.stand(at + SECOND)
        ring(ringing)
    local = values(
        superuser,
        "select distinct count(*) || ' ' || (live.scheduled_at at time zone job.timezone)::text"
        "  from kronos.execution_live as live join kronos.jobs as job using (job_id)"
        " where job.timezone = 'Europe/Berlin' group by job.timezone, live.scheduled_at order by 1",
    )
    expected = [
        f"100 2026-03-{day:02} {'03:00:00' if day == 29 else '02:30:00'}"  # clocks go forward across 02:30
        for day in range(7, 31)
    ]
    assert local == expected

    assert (
        value(
            superuser,
            "select count(*) from kronos.execution_live as live join kronos.jobs as job using (job_id)"
            " where job.timezone = 'America/New_York' and live.scheduled_at = '2026-03-08 07:00Z'",
        )
        == 100
    )


def test_a_step_takes_the_next_job_that_others_held_and_no_other(noon: Connection) -> None:
    """One after another by id, of the jobs that are due, on time and awaited."""
    made = sorted(make_cron_job(noon, next_tick_at=NOON) for _ in range(3))
    make_cron_job(noon, next_tick_at=NOON + 2 * SECOND)  # not yet due
    make_cron_job(noon, next_tick_at=NOON - 90 * SECOND)  # overdue ticks are caught up instead
    make_cron_job(noon, next_tick_at=NOON, status="PAUSED")
    failed = make_cron_job(noon, next_tick_at=NOON)
    noon.execute("select kronos.record_job_fault(array[%s::uuid], '22008', 'no such hour')", [failed])
    steps: list[uuid.UUID] = []
    step = "select kronos.ring_held(%s)"
    with noon.transaction(force_rollback=True):  # a job whose row stays locked is not waited for again
        assert value(noon, step, [made[0]]) == made[1]
    while (taken := value(noon, step, [steps[-1] if steps else uuid.UUID(int=0)])) is not None:
        steps.append(taken)
        assert [len(live(noon, each)) for each in made] == [1] * len(steps) + [0] * (3 - len(steps))
    assert steps == made
    assert values(noon, "select job_id from kronos.execution_live order by job_id") == made


def test_one_ring_at_a_time_waits_for_what_others_hold(noon: Connection, ringing: Connection) -> None:
    job_id = make_cron_job(noon, next_tick_at=NOON)
    step = "select kronos.ring_held('00000000-0000-0000-0000-000000000000')"
    with noon.transaction():
        noon.execute("select pg_advisory_xact_lock(hashtext('kronos.ring_held'))")
        assert value(ringing, step) is None
    assert value(ringing, step) == job_id
