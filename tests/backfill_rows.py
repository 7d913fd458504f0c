"""Backfills inserted by SQL, and their results."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from factory import EndpointRow, add_endpoint
from sql_factory import Connection, Record, make_cron_job, records, value, values
from worker import protocol

NOON = datetime(2024, 3, 12, 12, tzinfo=UTC)  # long past, whatever the test machine's clock says
MINUTE = timedelta(minutes=1)


def minutes(count: int, *, after: int = 0) -> list[datetime]:
    """`count` minutes from noon on."""
    return [NOON + nth * MINUTE for nth in range(after, after + count)]


def make_backfill(
    connection: Connection,
    job_id: uuid.UUID,
    *,
    ticks: int = 10,
    from_at: datetime = NOON,
    to_at: datetime | None = None,
    max_active: int = 10,
) -> uuid.UUID:
    """Insert a RUNNING backfill that has not been advanced. It covers `ticks` minutes from noon on, unless its window
    is given.
    """
    backfill_id: uuid.UUID = value(
        connection,
        """
        with counted as (
            select job.workspace_id, job.job_id, job.first_version_id, count(tick)::integer as ticks,
                   min(tick) as first_at
              from kronos.jobs as job
              left join lateral kronos.backfill_ticks(job, %(from_at)s, %(to_at)s, 100000) on true
             where job.job_id = %(job_id)s
             group by job.job_id
        )
        insert into kronos.backfills (workspace_id, job_id, first_version_id, from_at, to_at, max_active,
            next_at, ticks)
        select workspace_id, job_id, first_version_id, %(from_at)s, %(to_at)s, %(max_active)s, first_at, ticks
               from counted
        returning backfill_id
        """,
        {"job_id": job_id, "from_at": from_at, "to_at": to_at or from_at + ticks * MINUTE, "max_active": max_active},
    )
    return backfill_id


def make_run(
    connection: Connection,
    job_id: uuid.UUID,
    tick: datetime,
    *,
    status: str,
    cause: str = "SCHEDULE",
    reason: str | None = None,
) -> None:
    """Insert the earlier outcome of a tick, for a version that was already in force: a finished execution, or a waiting
    one if `status` is QUEUED.

    Its id is the one that Kronos would give it: the tick's id, the id that an earlier backfill gives the tick, or a new
    one.
    """
    job = "select job_id, workspace_id, endpoint_id from kronos.jobs where job_id = %(job_id)s"
    params = {"job_id": job_id, "tick": tick, "status": status, "cause": cause}
    connection.execute(
        "update kronos.jobs set ticks_from = least(ticks_from, %s - interval '1 minute') where job_id = %s",
        [tick, job_id],
    )
    if status == "QUEUED":
        connection.execute(
            f"""
            insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id,
                endpoint_version, cause, scheduled_at,
                                               run_at, visible_at, max_attempts, max_crashes, timeout_ms, input)
            select kronos.uuid7(), workspace_id, job_id, endpoint_id, 1, %(cause)s, %(tick)s, now(), now(), 5,
                   3, 1000, '{{}}'
              from ({job}) as job
            """,
            params,
        )
        return
    connection.execute(
        f"""
        with earlier as (
            insert into kronos.backfills (workspace_id, job_id, first_version_id, status, from_at, to_at,
                max_active, ticks, completed_at)
            select workspace_id, job_id, first_version_id, 'COMPLETED', %(tick)s,
                   %(tick)s + interval '1 minute', 1, 1, now()
              from kronos.jobs where job_id = %(job_id)s and %(cause)s = 'BACKFILL'
            returning backfill_id, created_at
        )
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
            cause, status, status_reason,
                                           scheduled_at, run_at, created_at, max_attempts, input)
        select case %(cause)s when 'MANUAL'   then kronos.uuid7()
                              when 'BACKFILL' then (select kronos.backfill_execution_id(backfill_id, created_at,
                                  %(tick)s) from earlier)
                              else kronos.tick_id(job_id, %(tick)s)
               end, workspace_id, job_id, endpoint_id, 1, %(cause)s, %(status)s, '{{"code": "test"}}', %(tick)s,
                   %(tick)s, now(),
               5, '{{}}'
          from ({job}) as job
        """,
        params,
    )


def advance(connection: Connection, backfill_id: uuid.UUID, limit: int = 1000) -> int:
    """Advance the backfill by one batch. Return how many executions it made."""
    made: int = value(connection, "select kronos.advance_backfill(%s, %s)", [backfill_id, limit])
    return made


def backfill(connection: Connection, backfill_id: uuid.UUID) -> Record:
    """The backfill as the API shows it."""
    (found,) = records(connection, "select * from kronos.backfill_details where backfill_id = %s", [backfill_id])
    return found


def unfinished(connection: Connection, backfill_id: uuid.UUID) -> list[Record]:
    """The backfill's unfinished executions, in the order in which they are claimed."""
    return records(
        connection, "select * from kronos.execution_live where backfill_id = %s order by visible_at", [backfill_id]
    )


def ticks_of(connection: Connection, *backfill_ids: uuid.UUID) -> list[datetime]:
    """The ticks for which the backfills made executions, whatever their outcome. A tick appears once per execution."""
    return values(
        connection,
        """
        select scheduled_at
          from (select backfill_id, scheduled_at from kronos.execution_live
                 union all
                select backfill_id, scheduled_at from kronos.execution_done) as run
         where backfill_id = any (%s)
         order by scheduled_at
        """,
        [list(backfill_ids)],
    )


def deliver(worker: Any, endpoint: EndpointRow, *, quota: int = 1000, status: str = "SUCCESS") -> Sequence[uuid.UUID]:
    """Claim and finish everything that a worker can claim."""
    token, claimed = protocol.claim(worker, endpoint, quota=quota)
    protocol.finalize(worker, token, claimed, status)
    return claimed


def endpoint_and_job(connection: Connection, **columns: Any) -> tuple[EndpointRow, uuid.UUID]:
    """A job that ticks every minute, and its endpoint."""
    endpoint = add_endpoint(connection)
    return endpoint, make_cron_job(connection, endpoint, **columns)


def next_version(connection: Connection, job_id: uuid.UUID, **columns: object) -> uuid.UUID:
    """Replace the job's version, as PATCH does: retire it and insert the next one."""
    newer: uuid.UUID = uuid.uuid4()
    with connection.transaction():
        connection.execute(
            "update kronos.jobs set status = 'RETIRED', status_reason = '{\"code\": \"replaced\"}', replaced_by_id = "
            "%s where job_id = %s",
            [newer, job_id],
        )
        ((first, version),) = connection.execute(
            "select first_version_id, version from kronos.jobs where job_id = %s", [job_id]
        ).fetchall()
        named = {
            "job_id": newer,
            "first_version_id": first,
            "version": version + 1,
            "previous_version_id": job_id,
            **columns,
        }
        connection.execute(
            f"""
            insert into tests.jobs (workspace_id, endpoint_id, trigger, cron, timezone, schedule, alarm,
                description, next_tick_at,
                                     {", ".join(named)})
            select workspace_id, endpoint_id, 'CRON', cron, timezone, schedule, alarm, description,
                   kronos.next_tick(schedule, now()),
                   {", ".join(f"%({name})s" for name in named)}
              from tests.jobs where job_id = %(old)s
            """,
            {**named, "old": job_id},
        )
    return newer
