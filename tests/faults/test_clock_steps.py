"""PostgreSQL's clock is set an hour forward and back while pg_cron and workers ring: no tick runs twice, none is
silently lost."""

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from conftest import await_condition, minute_with_time_left
from factory import EndpointRow, add_endpoint, add_executions, attempts_of, status_of
from faults.own_server import connected, faulty_ledgers, own_server
from faults.stepped_clock import SteppedClock, needs_library, stepped_clock
from kronos.embedded.cluster import Cluster
from sql_factory import Connection, Record, acting_as, job, make_cron_job, records, value, values
from worker.protocol import as_worker, claim, expire, finalize

pytestmark = [
    pytest.mark.faults,
    pytest.mark.pg_cron,
    needs_library,
]

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
SILENT_AFTER = timedelta(seconds=90)


@pytest.fixture(scope="module")
def clock() -> Iterator[SteppedClock]:
    with stepped_clock() as made:
        yield made


@pytest.fixture(scope="module")
def cluster(clock: SteppedClock) -> Iterator[Cluster]:
    """A young cluster: after the first test's step of an hour back, all of its recorded times are in the future."""
    with own_server(environment=clock.environment) as made:
        yield made


@pytest.fixture
def superuser(cluster: Cluster) -> Iterator[Connection]:
    """The superuser's connection. Afterwards the test's jobs are paused."""
    with connected(cluster) as connection:
        yield connection
    with connected(cluster) as connection:
        connection.execute(
            "update kronos.jobs set status = 'PAUSED' where trigger = 'CRON' and name is null and status = 'ACTIVE'"
        )


@pytest.fixture
def endpoint(superuser: Connection) -> EndpointRow:
    return add_endpoint(superuser)


def now(connection: Connection) -> datetime:
    shown: datetime = value(connection, "select clock_timestamp()")
    return shown


def jobs_by_policy(connection: Connection, endpoint: EndpointRow) -> dict[str, uuid.UUID]:
    """For each policy a job that ticks every minute, and one that ticks every 7 minutes."""
    week: dict[str, Any] = {"catch_up_window_seconds": 7 * 24 * 3600, "is_registered": True}
    return {
        f"{policy} {cron}": make_cron_job(connection, endpoint, cron=cron, catch_up_policy=policy, **week)
        for policy in ("SKIP", "LATEST", "ALL")
        for cron in ("* * * * *", "*/7 * * * *")
    }


def to_the_end_of_the_minute(clock: SteppedClock, connection: Connection) -> datetime:
    """Step forward, by less than a minute, to three seconds before the next one, and return that minute."""
    shown = now(connection)
    clock.step(max(timedelta(), 57 * SECOND - timedelta(seconds=shown.second, microseconds=shown.microsecond)))
    return shown.replace(second=0, microsecond=0) + MINUTE


def to_the_next_minute(clock: SteppedClock, connection: Connection) -> None:
    minute = to_the_end_of_the_minute(clock, connection)
    await_condition(lambda: now(connection) >= minute + SECOND, "the next minute", seconds=60)


def is_none_due(connection: Connection) -> bool:
    """Whether no job is due, except the internal job that rings hourly."""
    query = (
        "select job_id from kronos.jobs join kronos.pointers using (job_id)"
        " where status = 'ACTIVE' and next_tick_at <= clock_timestamp() and name is distinct from 'retention'"
    )
    return values(connection, query) == []


def runs_in_the_past(connection: Connection) -> list[uuid.UUID]:
    return values(
        connection,
        "select job_id from kronos.job_details where status = 'ACTIVE' and trigger = 'CRON' and next_run_at <= now()",
    )


def await_accounting(connection: Connection, what: str) -> None:
    """Wait until pg_cron's rings have accounted for all due ticks; meanwhile no job shows a next run in the past."""

    def is_accounted() -> bool:
        assert runs_in_the_past(connection) == []
        return is_none_due(connection)

    await_condition(is_accounted, what, seconds=150)


def rows_of(connection: Connection, job_id: uuid.UUID) -> list[Record]:
    return records(
        connection,
        "select case status when 'MISSED' then status else cause end as kind, scheduled_at, tick_count"
        "  from kronos.executions where job_id = %s order by scheduled_at",
        [job_id],
    )


def told(connection: Connection, jobs: dict[str, uuid.UUID]) -> dict[str, list[Record]]:
    return {name: rows_of(connection, job_id) for name, job_id in jobs.items()}


def kinds(rows: list[Record]) -> list[str]:
    """MISSED, or the cause of the execution."""
    return [row["kind"] for row in rows]


def last_beat(connection: Connection) -> datetime:
    """The last heartbeat of a job that rings each minute: an hourly one may lie ahead for an hour."""
    query = (
        "select greatest(max(rang_at), 'epoch')"
        "  from kronos.heartbeats join kronos.jobs using (job_id)"
        " where cron = '* * * * *'"
    )
    beat: datetime = value(connection, query)
    return beat


def rung_by_a_worker(connection: Connection) -> int | None:
    """Ring as a worker's watchdog does every few seconds; None while pg_cron is heard."""
    with acting_as(connection, "kronos_worker"):
        made: int | None = value(connection, "select executions from kronos.ring_if_silent(%s)", [SILENT_AFTER])
    return made


def await_quiet(connection: Connection) -> None:
    """Wait until pg_cron has rung each entry of this minute, and the next minute is not near: nothing moves."""
    quiet = """
        select extract(second from clock_timestamp()) < 50
               and min(beat.rang_at) >= date_trunc('minute', clock_timestamp())
               and not exists (select from pg_stat_activity where usename = 'kronos_cron')
               and not exists (select from cron.job_run_details where status not in ('succeeded', 'failed'))
          from kronos.heartbeats as beat join kronos.jobs using (job_id)
         where cron = '* * * * *'
    """
    await_condition(lambda: value(connection, quiet), "pg_cron to be done with this minute", seconds=150)


def baseline(clock: SteppedClock, connection: Connection, endpoint: EndpointRow) -> dict[str, uuid.UUID]:
    """Jobs whose first ticks pg_cron has rung for, on time. It rings no more in this minute."""
    jobs = jobs_by_policy(connection, endpoint)
    beat = last_beat(connection)
    to_the_next_minute(clock, connection)
    await_condition(lambda: last_beat(connection) > beat, "pg_cron to ring", seconds=150)
    await_accounting(connection, "pg_cron to ring for the first ticks")
    await_quiet(connection)
    assert {kind for rows in told(connection, jobs).values() for kind in kinds(rows)} == {"SCHEDULE"}
    return jobs


def test_an_hour_back_repeats_nothing_workers_ring_and_ticks_go_on_when_the_clock_has_caught_up(
    clock: SteppedClock, superuser: Connection, endpoint: EndpointRow
) -> None:
    jobs = baseline(clock, superuser, endpoint)
    before, beat = told(superuser, jobs), last_beat(superuser)

    clock.step(-HOUR)
    newcomer = make_cron_job(superuser, endpoint, is_registered=True, catch_up_policy="ALL")
    to_the_next_minute(clock, superuser)

    assert last_beat(superuser) == beat, "pg_cron is silent until the clock has caught up"
    assert value(superuser, "select silent_seconds from kronos.pg_cron_health()") > SILENT_AFTER.total_seconds()
    assert rung_by_a_worker(superuser) == 1
    assert kinds(rows_of(superuser, newcomer)) == ["SCHEDULE"]
    assert rung_by_a_worker(superuser) == 0
    assert told(superuser, jobs) == before
    assert runs_in_the_past(superuser) == []
    assert faulty_ledgers(superuser) == []

    clock.step(HOUR)
    to_the_next_minute(clock, superuser)

    await_condition(lambda: last_beat(superuser) > beat, "pg_cron to ring again", seconds=150)
    await_accounting(superuser, "pg_cron to account for what was due")
    assert rung_by_a_worker(superuser) is None
    for name, rows in told(superuser, jobs).items():
        assert rows[: len(before[name])] == before[name]
    assert [
        name
        for name, rows in told(superuser, jobs).items()
        if name.endswith(" * * * * *") and len(rows) == len(before[name])
    ] == []
    assert kinds(rows_of(superuser, newcomer)).count("CATCH_UP") >= 58
    assert faulty_ledgers(superuser) == []


def test_an_hour_forward_is_an_hour_of_missed_ticks(
    clock: SteppedClock, superuser: Connection, endpoint: EndpointRow
) -> None:
    jobs = baseline(clock, superuser, endpoint)
    before, pointers = (
        told(superuser, jobs),
        {name: job(superuser, job_id)["next_tick_at"] for name, job_id in jobs.items()},
    )

    clock.step(HOUR)

    await_accounting(superuser, "pg_cron to ring after the step")
    after = {name: rows[len(before[name]) :] for name, rows in told(superuser, jobs).items()}
    assert {name: rows[0]["scheduled_at"] for name, rows in after.items()} == pointers
    for name in ("SKIP * * * * *", "LATEST * * * * *"):
        assert kinds(after[name])[:2] == ["MISSED", "SCHEDULE"]
        assert after[name][0]["tick_count"] >= 58
    assert kinds(after["ALL * * * * *"]).count("CATCH_UP") >= 58
    assert kinds(after["SKIP */7 * * * *"])[0] == "MISSED"
    assert kinds(after["LATEST */7 * * * *"])[0] == "MISSED"
    assert kinds(after["LATEST */7 * * * *"])[1] in ("CATCH_UP", "SCHEDULE")
    assert set(kinds(after["ALL */7 * * * *"])) <= {"CATCH_UP", "SCHEDULE"}
    assert faulty_ledgers(superuser) == []


def test_after_a_restart_pg_cron_is_heard_though_its_last_heartbeat_lies_ahead(
    clock: SteppedClock, cluster: Cluster, superuser: Connection, endpoint: EndpointRow
) -> None:
    jobs = baseline(clock, superuser, endpoint)
    before = told(superuser, jobs)
    superuser.close()

    clock.step(-HOUR)
    cluster.restart()

    with connected(cluster) as restarted:
        newcomer = make_cron_job(restarted, endpoint, is_registered=True)
        assert rung_by_a_worker(restarted) is None
        to_the_end_of_the_minute(clock, restarted)
        await_condition(lambda: rows_of(restarted, newcomer), "pg_cron to ring by the clock of now", seconds=150)
        await_condition(lambda: last_beat(restarted) <= now(restarted), "a heartbeat of now", seconds=60)
        assert rung_by_a_worker(restarted) is None
        assert told(restarted, jobs) == before
        assert faulty_ledgers(restarted) == []
        clock.step(HOUR)
        await_accounting(restarted, "pg_cron to ring after the step")
        assert faulty_ledgers(restarted) == []


def test_a_lease_that_a_step_ended_is_lost_once_and_one_set_back_is_not_stolen(
    clock: SteppedClock, cluster: Cluster, superuser: Connection, endpoint: EndpointRow
) -> None:
    (execution_id,) = add_executions(superuser, endpoint)
    with as_worker(cluster.superuser_url) as worker:
        first, claimed = claim(worker, endpoint)
        assert claimed == [execution_id]
        assert claim(worker, endpoint)[1] == []

        claims: list[tuple[uuid.UUID, list[uuid.UUID]]] = []

        def is_claimed_again() -> bool:
            """The lease-keeper rings too, and may hold the row: then it is passed over here."""
            expire(worker)
            claims.append(claim(worker, endpoint))
            return bool(claims[-1][1])

        clock.step(HOUR)
        await_condition(is_claimed_again, "the lease to be lost")
        second, claimed = claims[-1]
        assert claimed == [execution_id]
        clock.step(-HOUR)

        expire(worker)
        assert claim(worker, endpoint)[1] == []
        assert finalize(worker, first, [execution_id]) == {execution_id: "FENCED"}
        assert finalize(worker, second, [execution_id]) == {execution_id: "SUCCESS"}
    assert status_of(superuser, execution_id) == "SUCCESS"
    assert attempts_of(superuser, execution_id) == ["LOST", "SUCCESS"]
    clock.step(HOUR)


def test_other_peoples_hanging_entries_take_all_of_pg_cron_and_no_tick_with_it(
    clock: SteppedClock, cluster: Cluster, superuser: Connection, endpoint: EndpointRow
) -> None:
    superuser.execute("alter system set cron.max_running_jobs = 2")
    hanging = "set statement_timeout = 0; select pg_sleep(3600)"
    with acting_as(superuser, "kronos_cron"):  # the role that this server admits without a password
        for name in ("hangs-1", "hangs-2"):
            superuser.execute("select cron.schedule(%s, '* * * * *', %s)", [name, hanging])
    superuser.execute("update cron.job set active = false where jobname like 'kronos:%'")  # the others come first
    superuser.close()
    cluster.restart()
    with connected(cluster) as again:
        hang = (
            "select count(*) = 2 from pg_stat_activity where query like 'set statement_timeout = 0; select pg_sleep%'"
        )
        to_the_next_minute(clock, again)
        await_condition(lambda: value(again, hang), "the others' entries to hang", seconds=150)
        again.execute("update cron.job set active = true where jobname like 'kronos:%'")
        minute_with_time_left(again)  # its first tick is the next minute's
        job_id = make_cron_job(again, endpoint, is_registered=True, catch_up_policy="ALL")
        beat = last_beat(again)
        for _ in range(2):
            to_the_next_minute(clock, again)
        assert last_beat(again) == beat, "pg_cron has no free slot for Kronos's alarms"
        assert value(again, "select running from kronos.pg_cron_sessions()") >= 2
        assert rung_by_a_worker(again) is not None
        due = "select next_tick_at <= clock_timestamp() from kronos.pointers where job_id = %s"
        assert value(again, due, [job_id]) is False
        assert set(kinds(rows_of(again, job_id))) == {"SCHEDULE"}
        assert faulty_ledgers(again) == []
        again.execute("select count(cron.unschedule(jobid)) from cron.job where jobname like 'hangs-%'")
        again.execute("alter system reset cron.max_running_jobs")
        again.execute(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity where query ~ 'select pg_sleep' "
            "and pid <> pg_backend_pid()"
        )
