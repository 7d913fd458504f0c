"""Rows inserted by SQL as an administrator would, with valid defaults: each test names only what it is about."""

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row, scalar_row

from conftest import await_condition
from factory import EndpointRow, add_endpoint
from jobs_view import ROWS

Connection = psycopg.Connection[tuple[Any, ...]]
Record = dict[str, Any]
Params = Sequence[Any] | Mapping[str, Any]

EVERY_MINUTE = "* * * * *"


def make_cron_job(
    connection: Connection,
    endpoint: EndpointRow | None = None,
    *,
    cron: str = EVERY_MINUTE,
    is_registered: bool = False,
    **columns: object,
) -> uuid.UUID:
    """Insert an ACTIVE CRON job, in a new workspace unless `endpoint` is given. Other columns of the job and its
    pointer are set by name.
    """
    endpoint = endpoint or add_endpoint(connection)
    job_id = uuid.uuid4()
    own = {name for name in columns if name not in ("next_tick_at", "last_run_at", "runs", "is_halted")}
    pointers = {name for name in columns if name not in own} - {"next_tick_at"}
    next_tick_at = (
        "coalesce(%(next_tick_at)s::timestamptz, 'infinity')"
        if "next_tick_at" in columns
        else "kronos.next_tick(schedule, now())"
    )
    connection.execute(
        f"""
        with given as materialized (
            select kronos.parse_cron(%(cron)s) as schedule
        ), job as (
            insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, cron,
                timezone, schedule, alarm,
                                     description {"".join(f", {name}" for name in own)})
            select %(job_id)s, %(job_id)s, workspace_id, endpoint_id, 'CRON', %(cron)s, 'UTC',
                   given.schedule,
                   kronos.alarm(%(cron)s, given.schedule),
                       kronos.describe_schedule(given.schedule)
                   {"".join(f", %({name})s" for name in own)}
              from kronos.endpoints
             cross join given
             where endpoint_id = %(endpoint_id)s
            returning job_id, workspace_id, endpoint_id, schedule, status
        )
        insert into kronos.pointers (job_id, workspace_id, next_tick_at, is_paused,
            is_internal {"".join(f", {name}" for name in pointers)})
        select job.job_id, job.workspace_id, {next_tick_at}, job.status = 'PAUSED', endpoint.type = 'INTERNAL'
               {"".join(f", %({name})s" for name in pointers)}
          from job
          join kronos.endpoints as endpoint using (endpoint_id)
         where job.status in ('ACTIVE', 'PAUSED')
        """,
        {"job_id": job_id, "endpoint_id": endpoint.endpoint_id, "cron": cron, **columns},
    )
    if is_registered:
        connection.execute("select kronos.register_pg_cron(%s)", [job_id])
    return job_id


def fire(connection: Connection, job_id: uuid.UUID) -> int:
    """Ring as the job's pg_cron entry does. Return how many executions were made."""
    return int(value(connection, "select kronos.fire(%s)", [job_id]))


def account(connection: Connection, job_id: uuid.UUID, *, now: datetime) -> int:
    """Account for the job's ticks as fire does, at an instant that the test chooses."""
    return int(value(connection, "select kronos.account_ticks(array[%s::uuid], %s)", [job_id, now]))


def once(at: datetime) -> str:
    """A cron text whose only tick of the day is at `at`."""
    return f"{at.minute} {at.hour} * * *"


def await_lock(connection: Connection, waiting: Connection, *, kind: str | None = None) -> None:
    """Wait until the other session waits for a lock, of kind `wait_event` if one is given."""
    query = (
        "select 1 from pg_stat_activity where pid = %(pid)s and wait_event_type = 'Lock' and wait_event = "
        "coalesce(%(kind)s, wait_event)"
    )
    at = {"pid": waiting.info.backend_pid, "kind": kind}
    await_condition(lambda: values(connection, query, at), "the other session to wait for a lock")


def job(connection: Connection, job_id: uuid.UUID) -> Record:
    """The job's row, with its pointer's columns."""
    (found,) = records(connection, f"select * from ({ROWS}) as job where job_id = %s", [job_id])
    return found


def live(connection: Connection, job_id: uuid.UUID) -> list[Record]:
    """The job's unfinished executions, by tick."""
    return records(connection, "select * from kronos.execution_live where job_id = %s order by scheduled_at", [job_id])


def done(connection: Connection, job_id: uuid.UUID) -> list[Record]:
    """The job's finished executions, by tick, then by creation time."""
    return records(
        connection, "select * from kronos.execution_done where job_id = %s order by scheduled_at, created_at", [job_id]
    )


def entries(connection: Connection) -> list[Record]:
    """All pg_cron entries of Kronos."""
    return records(connection, "select * from cron.job where jobname like 'kronos:%' order by jobname, username")


def records(connection: Connection, query: str, params: Params | None = None) -> list[Record]:
    """Rows as dicts by column name."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, params).fetchall()


def values(connection: Connection, query: str, params: Params | None = None) -> list[Any]:
    """The first column of each row."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        return cursor.execute(query, params).fetchall()


def value(connection: Connection, query: str, params: Params | None = None) -> Any:
    """The first column of the only row."""
    (found,) = values(connection, query, params)
    return found


def uuid_of(connection: Connection, query: str, params: Params | None = None) -> uuid.UUID:
    """The only column of the only row, an id."""
    found = value(connection, query, params)
    assert isinstance(found, uuid.UUID), found
    return found


def buffers(connection: Connection, query: str) -> int:
    """How many pages the query reads."""
    plan = "\n".join(values(connection, f"explain (analyze, buffers, timing off, costs off) {query}"))
    found = re.search(r"Buffers: (.*)", plan)
    return sum(map(int, re.findall(r"(?:hit|read)=(\d+)", found[1]))) if found else 0


@contextmanager
def acting_as(connection: Connection, role: str) -> Iterator[None]:
    """Give the connection the role `role`, including its session user, as if it had logged in as that role."""
    connection.execute(f"set session authorization {role}")
    try:
        yield
    finally:
        connection.execute("reset session authorization")


@contextmanager
def pg_cron(connection: Connection, version: str) -> Iterator[None]:
    """Make the database look as if that version of pg_cron were installed."""
    with connection.transaction(force_rollback=True):
        connection.execute("update pg_extension set extversion = %s where extname = 'pg_cron'", [version])
        yield
