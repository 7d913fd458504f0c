"""Jobs damaged by manual changes or by a disk, among healthy ones, while pg_cron rings: the healthy ones tick, the
damaged ones are reported."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from conftest import await_condition
from factory import add_endpoint
from faults.own_server import await_mid_minute, connected, faulty_ledgers, own_server
from kronos.embedded.cluster import Cluster
from sql_factory import Connection, job, make_cron_job, records, value, values

pytestmark = [pytest.mark.faults, pytest.mark.pg_cron]

MINUTE = timedelta(minutes=1)
HEALTHY = 5
# The damage to a job, whose id is %s; references to the job are not considered.
UNREADABLE = {
    "no such zone": "update kronos.jobs set schedule.timezone = 'Middle/Earth' where job_id = %s",
    "weeks that go back": "update kronos.jobs set schedule.every_days = -7, schedule.anchor_local = '2026-01-01' where "
    "job_id = %s",
    "every 0 seconds": "update kronos.jobs set schedule.every_seconds = 0, schedule.anchor = now() where job_id = %s",
}
WITHOUT_TICKS = {
    "no minutes": "update kronos.jobs set schedule.minutes = null where job_id = %s",
    "no months": "update kronos.jobs set schedule.months = 0 where job_id = %s",
}
NOTHING_TO_DELIVER_TO = {
    "no endpoint version": "delete from kronos.endpoint_versions as gone using kronos.jobs as job"
    " where gone.endpoint_id = job.endpoint_id and job.job_id = %s",
}
STAY_BEHIND = UNREADABLE | WITHOUT_TICKS | NOTHING_TO_DELIVER_TO
NOT_RUNG = {
    "no pointer": "update kronos.pointers set next_tick_at = 'infinity' where job_id = %s",
}
# Only text for people, or the ring itself, is affected: a job ticks by its schedule and its pointer.
HARMLESS = {
    "cron text": "update kronos.jobs set cron = 'every now and then' where job_id = %s",
    "zone's name": "update kronos.jobs set timezone = 'Middle/Earth' where job_id = %s",
    "alarm": "update kronos.jobs set alarm = 'ding dong' where job_id = %s",
    "entry's schedule": "update cron.job set schedule = 'ding dong' where jobname = 'kronos:' || %s",
    "entry's command": "update cron.job set command = 'select 1/0' where jobname = 'kronos:' || %s",
    "no entry": "delete from cron.job where jobname = 'kronos:' || %s",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """The damaged jobs, and the minute that pg_cron rang for afterwards."""

    minute: datetime
    healthy: list[uuid.UUID]
    broken: dict[str, uuid.UUID]
    overdue: dict[str, uuid.UUID]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with own_server() as made:
        yield made


@pytest.fixture
def superuser(cluster: Cluster) -> Iterator[Connection]:
    with connected(cluster) as connection:
        yield connection


def broken_job(connection: Connection, statement: str, pointer: datetime) -> uuid.UUID:
    job_id = make_cron_job(connection, next_tick_at=pointer, is_registered=True)
    with connection.transaction():
        connection.execute("set local session_replication_role = replica")
        connection.execute(statement, [job_id])
    return job_id


@pytest.fixture(scope="module")
def rung(cluster: Cluster) -> Rung:
    """The damaged jobs are older than the healthy ones. Of each kind that stays behind, one is due at the same minute,
    and one has been due for ten minutes."""
    with connected(cluster) as superuser:
        minute = await_mid_minute(superuser) + MINUTE
        broken, overdue = {}, {}
        for what, statement in (STAY_BEHIND | NOT_RUNG | HARMLESS).items():
            broken[what] = broken_job(superuser, statement, minute)
        for what, statement in STAY_BEHIND.items():
            overdue[what] = broken_job(superuser, statement, minute - 10 * MINUTE)
        endpoint = add_endpoint(superuser)
        healthy = [make_cron_job(superuser, endpoint, is_registered=True) for _ in range(HEALTHY)]
        rung = Rung(minute=minute, healthy=healthy, broken=broken, overdue=overdue)
        ticking = healthy + [broken[what] for what in HARMLESS]
        await_condition(
            lambda: (
                value(
                    superuser, "select count(distinct job_id) from kronos.executions where job_id = any (%s)", [ticking]
                )
                == len(ticking)
            ),
            "pg_cron to ring",
            seconds=100,
        )
        await_condition(
            lambda: len(internal_runs(superuser, minute)) == len(internal_jobs(superuser)),
            "the internal jobs",
            seconds=60,
        )
        # Each ring skips the rows that another one holds, and commits separately.
        await_condition(lambda: faulty_jobs(superuser) >= unreadable(rung), "the faults", seconds=60)
        return rung


def unreadable(rung: Rung) -> set[uuid.UUID]:
    return {each[what] for each in (rung.broken, rung.overdue) for what in UNREADABLE}


def faulty_jobs(connection: Connection) -> set[uuid.UUID]:
    return set(values(connection, "select job_id from kronos.job_faults"))


def ticks_of(connection: Connection, job_id: uuid.UUID) -> list[datetime]:
    return values(connection, "select scheduled_at from kronos.executions where job_id = %s order by 1", [job_id])


def internal_jobs(connection: Connection) -> list[str]:
    """The internal jobs that ring each minute."""
    return values(
        connection,
        "select job.name from kronos.jobs as job join kronos.endpoints using (endpoint_id)"
        " where type = 'INTERNAL' and job.cron = '* * * * *' order by job.name",
    )


def internal_runs(connection: Connection, minute: datetime) -> list[tuple[str, str]]:
    """(name, status) of this minute's runs of the internal jobs that ring each minute."""
    return connection.execute(
        "select job.name, done.status from kronos.execution_done as done join kronos.jobs as job using (job_id)"
        "  join kronos.workspaces as workspace on workspace.workspace_id = job.workspace_id"
        " where workspace.slug = 'kronos-system' and job.cron = '* * * * *' and done.scheduled_at = %s order by 1",
        [minute],
    ).fetchall()


def test_the_healthy_tick(rung: Rung, superuser: Connection) -> None:
    assert [ticks_of(superuser, job_id)[0] for job_id in rung.healthy] == [rung.minute] * HEALTHY
    assert internal_runs(superuser, rung.minute) == [(name, "SUCCESS") for name in internal_jobs(superuser)]
    assert faulty_ledgers(superuser, [str(job_id) for job_id in rung.healthy]) == []


@pytest.mark.parametrize("what", UNREADABLE)
def test_one_whose_schedule_cannot_be_read_stays_behind_and_says_so(
    rung: Rung, superuser: Connection, what: str
) -> None:
    for job_id, pointer in ((rung.broken[what], rung.minute), (rung.overdue[what], rung.minute - 10 * MINUTE)):
        (fault,) = records(superuser, "select * from kronos.job_faults where job_id = %s", [job_id])
        assert fault["sqlstate"][:2] == "22"
        assert fault["message"]
        assert fault["next_tick_at"] == job(superuser, job_id)["next_tick_at"] == pointer
        assert ticks_of(superuser, job_id) == []


@pytest.mark.parametrize("what", WITHOUT_TICKS)
def test_one_whose_schedule_has_no_ticks_any_more_runs_for_the_one_it_waited_for_at_most(
    rung: Rung, superuser: Connection, what: str
) -> None:
    assert ticks_of(superuser, rung.broken[what]) in ([], [rung.minute])
    assert ticks_of(superuser, rung.overdue[what]) in ([], [rung.minute - 10 * MINUTE])


@pytest.mark.parametrize("what", NOTHING_TO_DELIVER_TO)
def test_one_with_nothing_to_deliver_to_stays_behind(rung: Rung, superuser: Connection, what: str) -> None:
    assert [ticks_of(superuser, job_id) for job_id in (rung.broken[what], rung.overdue[what])] == [[], []]


@pytest.mark.parametrize("what", STAY_BEHIND)
def test_its_status_names_the_fault(rung: Rung, superuser: Connection, what: str) -> None:
    query = "select kronos.job_fault(job) ->> 'message' from kronos.jobs as job where job_id = any (%s)"
    assert all(values(superuser, query, [[rung.broken[what], rung.overdue[what]]]))


@pytest.mark.parametrize("what", NOT_RUNG)
def test_ticks_that_nobody_counts_are_missing_in_the_ledger(rung: Rung, superuser: Connection, what: str) -> None:
    job_id = rung.broken[what]
    assert ticks_of(superuser, job_id) == []
    (ledger,) = records(
        superuser,
        "select ledger.* from kronos.jobs as job cross join lateral kronos.check_ledger(job_id, ticks_from, "
        "clock_timestamp()) as ledger"
        " where job_id = %s",
        [job_id],
    )
    assert ledger["unaccounted"] >= 1
    assert ledger["first_unaccounted"] == rung.minute


@pytest.mark.parametrize("what", HARMLESS)
def test_what_only_people_or_alarms_read_stops_no_tick(rung: Rung, superuser: Connection, what: str) -> None:
    assert ticks_of(superuser, rung.broken[what])[0] == rung.minute


def test_none_is_in_anothers_faults(rung: Rung, superuser: Connection) -> None:
    assert faulty_jobs(superuser) == unreadable(rung)


def test_the_reaper_puts_the_entries_right_that_can_be(rung: Rung, superuser: Connection) -> None:
    entries = [f"kronos:{rung.broken[what]}" for what in ("entry's schedule", "entry's command", "no entry")]
    await_mid_minute(superuser)  # it skips a job that is just being rung for
    superuser.execute("select kronos.fire(job_id) from kronos.jobs where name = 'reaper'")
    right = (
        "select count(*) from cron.job where jobname = any (%s) and schedule = '* * * * *' and command like "
        "'select kronos.fire(%%'"
    )
    assert value(superuser, right, [entries]) == len(entries)
