"""pg_cron's launcher really fires: one minute boundary for all tests of this file."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from conftest import await_condition
from factory import add_endpoint
from faults.own_server import await_mid_minute
from kronos import changes, jobs, new_jobs, pauses
from kronos.database import WorkspaceView
from kronos.model import Job
from kronos.pool import Pool
from sql_factory import Connection, Record, records, value, values

pytestmark = pytest.mark.pg_cron

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """Jobs that existed as one minute began."""

    minute: datetime
    ticking: Job
    cancelled: Job
    paused: Job
    retired_by_hand: Job
    of_suspended_workspace: Job
    of_another_minute: Job
    ending: Job


@pytest.fixture(scope="module")
async def watched(cron_database_url: str) -> AsyncIterator[Watched]:
    """The jobs are created through the operation that a request runs, and the following minute has been fired."""
    pool = Pool(cron_database_url, size=2, wait_seconds=60)
    await pool.open(wait=True)
    with psycopg.connect(cron_database_url, autocommit=True) as superuser:
        endpoint, suspended = add_endpoint(superuser), add_endpoint(superuser)
        names: dict[uuid.UUID, str] = dict(
            superuser.execute("select workspace_id, name from kronos.endpoints").fetchall()
        )
        view, view_suspended = (
            WorkspaceView(pool, str(endpoint.workspace_id)),
            WorkspaceView(pool, str(suspended.workspace_id)),
        )
        minute = await_mid_minute(superuser) + MINUTE

        async def made(cron: str, *, into: WorkspaceView = view, ends_at: datetime | None = None) -> Job:
            name = names[uuid.UUID(into.workspace)]
            job, is_new = await jobs.create(
                into, new_jobs.NewJob(endpoint=name, trigger="CRON", cron=cron, ends_at=ends_at, input={"a": 1})
            )
            assert is_new
            return job

        other_minute = (minute + 30 * MINUTE).astimezone(UTC)
        seen = Watched(
            minute=minute,
            ticking=await made("* * * * *"),
            cancelled=await made("* * * * *"),
            paused=await made("* * * * *"),
            retired_by_hand=await made("* * * * *"),
            of_suspended_workspace=await made("* * * * *", into=view_suspended),
            of_another_minute=await made(f"{other_minute.minute} * * * *"),
            ending=await made("* * * * *", ends_at=minute + timedelta(seconds=1)),
        )
        await changes.cancel(view, str(seen.cancelled.job_id))
        await pauses.pause(view, str(seen.paused.job_id), {}, actor="k")
        superuser.execute("update kronos.jobs set status = 'RETIRED' where job_id = %s", [seen.retired_by_hand.job_id])
        superuser.execute(
            "update kronos.workspaces set status = 'SUSPENDED', suspended_at = now() where workspace_id = %s",
            [suspended.workspace_id],
        )
        for fired in (seen.ticking, seen.ending):  # each has its own session, which may end long after another's
            await_condition(
                lambda: run_details(superuser, fired, seen.minute),  # noqa: B023
                "pg_cron to have fired the job",
                seconds=100,
            )
        await_condition(
            lambda: len(internal_runs(superuser, seen.minute)) == 4,
            "pg_cron to have fired the internal jobs",
            seconds=100,
        )
        yield seen
        superuser.execute(
            "update kronos.jobs set status = 'RETIRED' where workspace_id = any (%s)",
            [[endpoint.workspace_id, suspended.workspace_id]],
        )
        superuser.execute("delete from cron.job where jobname = %s", [f"kronos:{seen.ticking.job_id}"])
    await pool.close()


def run_details(connection: Connection, job: Job, since: datetime) -> list[Record]:
    """pg_cron's own record of the runs of the job's entry that began at `since` or later and have ended."""
    assert job.pg_cron is not None
    return records(
        connection,
        "select * from cron.job_run_details where jobid = %s and start_time >= %s and status in ('succeeded', "
        "'failed') order by runid",
        [job.pg_cron["jobid"], since],
    )


def internal_runs(connection: Connection, minute: datetime) -> list[Record]:
    """The runs of this minute, by pg_cron alone, of the internal jobs that ring each minute."""
    return records(
        connection,
        "select job.name, done.* from kronos.execution_done as done join kronos.jobs as job using (job_id)"
        "  join kronos.workspaces as workspace on workspace.workspace_id = job.workspace_id"
        " where workspace.slug = 'kronos-system' and done.scheduled_at = %s and done.status in ('SUCCESS', 'FAILED')"
        "   and job.cron = '* * * * *' order by job.name",
        [minute],
    )


def ticks(connection: Connection, job: Job) -> list[datetime]:
    """The nominal ticks that became executions, up to the watched minute."""
    return values(
        connection, "select scheduled_at from kronos.executions where job_id = %s order by scheduled_at", [job.job_id]
    )


def test_a_jobs_entry_is_kronos_crons_and_calls_fire(watched: Watched, cron_superuser: Connection) -> None:
    (entry,) = records(
        cron_superuser, "select * from cron.job where jobname = %s", [f"kronos:{watched.ticking.job_id}"]
    )
    assert (entry["username"], entry["schedule"], entry["active"]) == ("kronos_cron", "* * * * *", True)
    assert entry["command"] == f"select kronos.fire('{watched.ticking.job_id}')"
    assert watched.ticking.pg_cron == {
        "jobid": entry["jobid"],
        "jobname": entry["jobname"],
        "schedule": "* * * * *",
        "active": True,
    }


def test_a_job_fires_inside_postgresql_at_its_minute(watched: Watched, cron_superuser: Connection) -> None:
    assert watched.ticking.next_run_at == watched.minute
    (execution,) = records(
        cron_superuser,
        "select * from kronos.executions where job_id = %s and scheduled_at = %s",
        [watched.ticking.job_id, watched.minute],
    )
    assert (execution["cause"], execution["status"], execution["input"]) == ("SCHEDULE", "QUEUED", {"a": 1})
    assert timedelta(0) <= execution["created_at"] - watched.minute < timedelta(seconds=30)
    assert ticks(cron_superuser, watched.ticking)[0] == watched.minute


def test_pg_cron_says_that_the_run_succeeded_as_kronos_cron(watched: Watched, cron_superuser: Connection) -> None:
    run = run_details(cron_superuser, watched.ticking, watched.minute)[0]
    assert (run["status"], run["username"], run["command"]) == (
        "succeeded",
        "kronos_cron",
        f"select kronos.fire('{watched.ticking.job_id}')",
    )
    assert run["start_time"] >= watched.minute


def test_the_pointer_is_at_the_next_minute(watched: Watched, cron_superuser: Connection) -> None:
    pointer, runs = cron_superuser.execute(
        "select next_tick_at, runs from tests.jobs where job_id = %s", [watched.ticking.job_id]
    ).fetchone() or (None, 0)
    assert pointer == watched.minute + runs * MINUTE
    assert runs >= 1


@pytest.mark.parametrize("which", ["cancelled", "paused", "retired_by_hand", "of_suspended_workspace"])
def test_a_job_that_was_stopped_before_the_minute_does_not_fire(
    watched: Watched, cron_superuser: Connection, which: str
) -> None:
    assert ticks(cron_superuser, getattr(watched, which)) == []


def test_the_reaper_has_removed_what_was_stopped_by_hand(watched: Watched, cron_superuser: Connection) -> None:
    stopped = [
        f"kronos:{getattr(watched, which).job_id}"
        for which in ("cancelled", "paused", "retired_by_hand", "of_suspended_workspace")
    ]
    assert values(cron_superuser, "select jobname from cron.job where jobname = any (%s)", [stopped]) == []


def test_a_job_of_another_minute_does_not_fire_in_this_one(watched: Watched, cron_superuser: Connection) -> None:
    assert ticks(cron_superuser, watched.of_another_minute) == []
    assert run_details(cron_superuser, watched.of_another_minute, watched.minute) == []


def test_a_job_runs_to_its_end_and_no_further(watched: Watched, cron_superuser: Connection) -> None:
    assert ticks(cron_superuser, watched.ending) == [watched.minute]


def test_the_internal_jobs_run_by_themselves_as_executions(watched: Watched, cron_superuser: Connection) -> None:
    found = internal_runs(cron_superuser, watched.minute)
    assert [(run["name"], run["status"], run["cause"], run["worker_id"]) for run in found] == [
        ("alerts", "SUCCESS", "SCHEDULE", "pg_cron"),
        ("catch-up", "SUCCESS", "SCHEDULE", "pg_cron"),
        ("lease-keeper", "SUCCESS", "SCHEDULE", "pg_cron"),
        ("reaper", "SUCCESS", "SCHEDULE", "pg_cron"),
    ]
    assert found[0]["output"].keys() == {"rules", "ends", "opened", "resolved", "said"}
    assert found[1]["output"].keys() == {"delivered", "backfilled", "overdue"}
    assert found[2]["output"].keys() >= {"requeued", "failed"}
    assert found[3]["output"]["unscheduled"] >= 2


def test_the_internal_jobs_runs_are_pg_crons_heartbeat(watched: Watched, cron_superuser: Connection) -> None:
    beats = values(
        cron_superuser, "select rang_at from kronos.heartbeats join kronos.jobs using (job_id) where cron = '* * * * *'"
    )
    assert len(beats) == 4
    assert [beat for beat in beats if beat < watched.minute] == []
    assert value(cron_superuser, "select silent_seconds < 90 from kronos.pg_cron_health()") is True
