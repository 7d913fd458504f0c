"""History of any age, inserted by SQL."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from factory import EndpointRow
from sql_factory import Connection, Record, uuid_of, value, values

DAY = timedelta(days=1)


def finished(
    connection: Connection,
    job_id: uuid.UUID,
    status: str = "SUCCESS",
    *,
    days: float,
    took: timedelta = timedelta(),
    ticks: int = 1,
    **columns: Any,
) -> uuid.UUID:
    """Insert an execution of the job whose tick was that many days ago and which ended `took` later, with its attempt
    and a late result.
    """
    at: datetime = value(connection, "select date_trunc('minute', now()) - %s", [timedelta(days=days)])
    reason = (
        None
        if status in ("SUCCESS", "FAILED")
        else {"code": "test", "last": (at + (ticks - 1) * timedelta(minutes=1)).isoformat()}
    )
    given = {"status_reason": reason, "tick_count": ticks, "cause": "SCHEDULE", **columns}
    return uuid_of(
        connection,
        f"""
        with done as (
            insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id,
                endpoint_version, status, scheduled_at,
                                               run_at, created_at, started_at, completed_at, max_attempts,
                                                   input, {", ".join(given)})
            select kronos.tick_id(job_id, %(at)s), workspace_id, job_id, endpoint_id, 1, %(status)s, %(at)s,
                   %(at)s, %(at)s, %(at)s, %(at)s + %(took)s, 1, '{{}}', {", ".join(f"%({name})s" for name in given)}
              from kronos.jobs where job_id = %(job)s
            returning execution_id, workspace_id, status, started_at, completed_at
        ), attempt as (
            insert into kronos.attempt (execution_id, claim_token, workspace_id, attempt_number, status,
                started_at, completed_at,
                                        worker_id)
            select execution_id, gen_random_uuid(), workspace_id, 1, case status when 'SUCCESS' then 'SUCCESS'
                   else 'FAILED' end,
                   started_at, completed_at, 'w'
              from done where status in ('SUCCESS', 'FAILED')
        ), late as (
            insert into kronos.attempt_late (execution_id, claim_token, status, worker_id)
            select execution_id, gen_random_uuid(), 'SUCCESS', 'w' from done where status in ('SUCCESS', 'FAILED')
        )
        select execution_id from done
        """,
        {
            **{name: Jsonb(each) if isinstance(each, dict) else each for name, each in given.items()},
            "at": at,
            "status": status,
            "took": took,
            "job": job_id,
        },
    )


def one_shot(
    connection: Connection, endpoint: EndpointRow, status: str = "SUCCESS", *, days: float, created: float | None = None
) -> uuid.UUID:
    """Insert a one-shot job that ended that many days ago, created `created` days ago, with its execution."""
    job_id = uuid.uuid4()
    made = timedelta(days=days if created is None else created)
    over = "RETIRED" if status == "CANCELLED" else "COMPLETED"
    connection.execute(
        """
        insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, status,
            created_at, retired_at, ticks_from)
        values (%(job)s, %(job)s, %(workspace)s, %(endpoint)s, 'IMMEDIATE', %(over)s, now() - %(made)s,
                now() - %(ended)s, now() - %(made)s)
        """,
        {
            "job": job_id,
            "workspace": endpoint.workspace_id,
            "endpoint": endpoint.endpoint_id,
            "over": over,
            "made": made,
            "ended": timedelta(days=days),
        },
    )
    finished(connection, job_id, status, days=made / DAY, took=made - timedelta(days=days), cause="API")
    return job_id


def retain(connection: Connection, seconds: float = 10, *, is_anew: bool = False) -> Record:
    """Run retention once. Return its counts."""
    counts: Record = value(connection, "select kronos.retain(%s, %s)", [seconds, is_anew])
    assert "errors" not in counts, counts
    return counts


def retain_all(connection: Connection) -> Record:
    """Run retention until nothing is left, as `kronos retention run` does. Return the sums of its counts."""
    totals: Record = {}
    is_anew = True
    while True:
        counts = retain(connection, 1, is_anew=is_anew)
        is_anew = False
        for name, count in counts.items():
            totals[name] = totals.get(name, 0) + count
        if not counts["is_left"]:
            return totals


def kept(connection: Connection, job_id: uuid.UUID) -> list[str]:
    """The statuses of the job's finished executions, oldest first."""
    return values(
        connection, "select status from kronos.execution_done where job_id = %s order by scheduled_at", [job_id]
    )


def partition_of_days(connection: Connection, *, first: int, days: int, each: int = 1) -> list[str]:
    """Create partitions of `each` days, starting `first` days ago, as earlier releases did. Return their bounds."""
    begins: datetime = (
        value(connection, "select date_trunc('day', now() at time zone 'UTC') at time zone 'UTC'") - first * DAY
    )
    made = []
    for number in range(days):
        at, to = begins + number * each * DAY, begins + (number + 1) * each * DAY
        made.append(f"{at:%Y%m%d}")
        for table in ("execution_done", "attempt"):
            low, high = (value(connection, "select kronos.uuid7_floor(%s)", [bound]) for bound in (at, to))
            connection.execute(
                f"create table kronos.{table}_{at:%Y%m%d} partition of kronos.{table} for values from ('{low}') to "
                f"('{high}')"
            )
            connection.execute(f"alter table kronos.{table}_{at:%Y%m%d} owner to kronos_owner")
    return made


def days_to(connection: Connection, day: str) -> float:
    """How many days ago noon of that day was. In the afternoon, whole days plus a half would be a different day."""
    age: timedelta = value(
        connection, "select now() - (to_date(%s, 'YYYYMMDD') + interval '12 hours') at time zone 'UTC'", [day]
    )
    return age / DAY


def own_ages(connection: Connection, endpoint: EndpointRow, success: int | None, failure: int | None) -> None:
    connection.execute("select kronos.set_retention(%s, %s, %s)", [endpoint.workspace_id, success, failure])
