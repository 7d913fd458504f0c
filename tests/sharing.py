"""Instances whose jobs share entries of pg_cron, and what their entries must be, said once more and in other words."""

import uuid
from typing import Any

from factory import EndpointRow
from sql_factory import Connection, make_cron_job, records, value, values


def share(connection: Connection, *, wanted: str = "shared") -> None:
    """The instance as the reaper leaves it after it was told to share alarms, or to part them."""
    connection.execute("update kronos.alarm_setting set wanted = %s", [wanted])
    reap(connection)


def reap(connection: Connection, *, times: int = 12) -> dict[str, Any]:
    """The reaper, minute after minute, until it leaves nothing. What jobs of every minute were spared for is done in
    the last half second of a run."""
    for _ in range(times):
        done: dict[str, Any] = value(connection, "select kronos.reap()")
        assert "errors" not in done, done
        if done["left"]["entries"] == 0:
            return done
    raise AssertionError(f"the reaper does not come to an end: {done}")


def add(connection: Connection, cron: str, endpoint: EndpointRow | None = None, **columns: object) -> uuid.UUID:
    """A job with its entry, in one transaction as its route does it."""
    with connection.transaction():
        return make_cron_job(connection, endpoint, cron=cron, is_registered=True, **columns)


def end(connection: Connection, job_id: uuid.UUID, *, status: str = "RETIRED") -> bool:
    """The job is over, or paused, and its entry is taken from it, in one transaction; whether there was one."""
    with connection.transaction():
        connection.execute("update kronos.jobs set status = %s where job_id = %s", [status, job_id])
        return bool(value(connection, "select kronos.unregister_pg_cron(%s)", [job_id]))


def shared_entries(connection: Connection) -> list[str]:
    """The schedules of the entries that jobs share."""
    return values(connection, "select schedule from cron.job where jobname like 'kronos:@%' order by schedule")


def own_entries(connection: Connection) -> list[uuid.UUID]:
    """The jobs, internal ones aside, that have an entry of their own."""
    return values(
        connection,
        "select job.job_id from kronos.jobs as job join cron.job as entry on entry.jobname = 'kronos:' || job.job_id"
        " where job.job_id not in (select job_id from kronos.heartbeats) order by 1",
    )


def wanted_alarms(connection: Connection) -> list[str]:
    """The alarms of the jobs that must ring, each once."""
    return values(
        connection,
        "select distinct job.alarm from kronos.jobs as job join kronos.workspaces as workspace using (workspace_id)"
        " where job.trigger = 'CRON' and job.status = 'ACTIVE' and workspace.status = 'ACTIVE'"
        "   and job.job_id not in (select job_id from kronos.heartbeats) order by 1",
    )


def uncovered(connection: Connection) -> list[Any]:
    """The jobs that must ring, and for which no entry rings at the minutes of their alarm: neither their own nor a
    shared one."""
    return records(
        connection,
        """
        select job.job_id, job.alarm
          from kronos.jobs as job
          join kronos.workspaces as workspace using (workspace_id)
         where job.trigger = 'CRON' and job.status = 'ACTIVE' and workspace.status = 'ACTIVE'
           and not exists (select from cron.job as entry
                            where entry.active and entry.username = 'kronos_cron'
                              and (entry.schedule = job.alarm and entry.jobname = 'kronos:' || job.job_id
                                   or entry.jobname = 'kronos:@' || md5(entry.schedule)
                                  and (entry.schedule = job.alarm
                                       or entry.schedule = '* * * * *' and job.alarm !~ 'seconds')))
        """,
    )
