"""Many jobs, inserted by SQL, for tests of costs that must not depend on the number of jobs."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from factory import EndpointRow, add_endpoint
from sql_factory import Connection, Params, value

HOUR = timedelta(hours=1)


@contextmanager
def unaudited(connection: Connection, *tables: str) -> Iterator[None]:
    """Within the block, rows of these tables are written without their audit: it takes half of the CPU of a scene of
    thousands of rows, and no test of costs reads it.
    """
    audits = (
        "select string_agg(format('alter table %%s %%s trigger %%I', tgrelid::regclass, %s::text, tgname), '; ')"
        " from pg_trigger where tgname like 'audited%%' and tgrelid = any (%s::regclass[])"
    )
    names = [f"kronos.{table}" for table in tables]
    connection.execute(value(connection, audits, ["disable", names]))
    try:
        yield
    finally:
        connection.execute(value(connection, audits, ["enable", names]))


def fill_cron_jobs(
    connection: Connection, count: int, *, endpoint: EndpointRow | None = None, is_registered: bool = True
) -> EndpointRow:
    """Insert `count` ACTIVE daily CRON jobs of one workspace, none of them due within the next hour."""
    endpoint = endpoint or add_endpoint(connection)
    connection.execute(
        """
        with made as (
            insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, cron,
                timezone, schedule, alarm,
                                     description)
            select new.job_id, new.job_id, %(workspace_id)s, %(endpoint_id)s, 'CRON', daily.cron, 'UTC',
                   kronos.parse_cron(daily.cron),
                   daily.cron, 'At a time of the day'
              from generate_series(1, %(count)s) as n
             cross join lateral (select gen_random_uuid() as job_id where n > 0) as new
             cross join lateral (select now() at time zone 'UTC' + interval
                 '2 hours' + (n %% 1200) * interval '1 minute' as at) as due
             cross join lateral (select extract(minute from due.at) || ' ' || extract(hour
                 from due.at) || ' * * *' as cron) as daily
            returning job_id, workspace_id, schedule
        )
        insert into kronos.pointers (job_id, workspace_id, next_tick_at)
        select job_id, workspace_id, kronos.next_tick(schedule, now()) from made
        """,
        {"workspace_id": endpoint.workspace_id, "endpoint_id": endpoint.endpoint_id, "count": count},
    )
    if is_registered:
        connection.execute(
            "select kronos.register_jobs(array_agg(job_id), array_agg(alarm)) from kronos.jobs where endpoint_id = %s",
            [endpoint.endpoint_id],
        )
    return endpoint


def fill_one_shots(connection: Connection, endpoint: EndpointRow, count: int) -> None:
    """Insert `count` one-shot jobs that ended long ago."""
    connection.execute(
        """
        insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, status,
            created_at, retired_at, ticks_until)
        select new.job_id, new.job_id, %(workspace_id)s, %(endpoint_id)s, 'IMMEDIATE', 'COMPLETED',
               now() - interval '40 days',
               now() - interval '40 days', now() - interval '40 days'
          from generate_series(1, %(count)s) as n
         cross join lateral (select gen_random_uuid() as job_id where n > 0) as new
        """,
        {"workspace_id": endpoint.workspace_id, "endpoint_id": endpoint.endpoint_id, "count": count},
    )


def buffers(connection: Connection, query: str, params: Params | None = None) -> int:
    """How many pages a query reads once its plans and their catalog reads are cached."""
    connection.execute(query, params)
    ((plan,),) = connection.execute(f"explain (analyze, buffers, timing off, format json) {query}", params).fetchall()
    top = plan[0]["Plan"]
    return int(top["Shared Hit Blocks"]) + int(top["Shared Read Blocks"])


def vacuum(connection: Connection) -> None:
    """Vacuum and analyze each of Kronos's tables that holds anything, dead rows included. PostgreSQL's own tables and
    empty partitions would take ten times as long.
    """
    tables = value(
        connection,
        "select string_agg(oid::regclass::text, ', ') from pg_class"
        " where relnamespace = 'kronos'::regnamespace and relkind = 'r' and pg_relation_size(oid) > 0",
    )
    connection.execute(f"vacuum analyze {tables}")
