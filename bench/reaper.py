"""The cost of the reaper with nothing to repair, with one missing entry, and with 5,000. `python -m bench.reaper`

Reports the CPU seconds of its session and the pages it reads; both are the same on a busy machine. A run that takes
longer than the 30 s of a firing is rolled back and reported.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, TypeAlias

import click
import psycopg

from bench import common
from bench.common import Instance

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]
_RUNS = 3
_TICKS_PER_SECOND = 100
_FILL_JOBS = """
with made as (
insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, cron, timezone, schedule,
    alarm, description)
select new.job_id, new.job_id, endpoint.workspace_id, endpoint.endpoint_id, 'CRON', daily.cron, 'UTC',
       daily.schedule, daily.cron, 'daily'
  from generate_series(1, %(jobs)s) as n
 cross join lateral (select gen_random_uuid() as job_id where n > 0) as new
  join (select h * 60 + m as nth, m || ' ' || h || ' * * *' as cron,
      kronos.parse_cron(m || ' ' || h || ' * * *') as schedule
          from generate_series(0, 59) as m, generate_series(0, 23) as h) as daily on daily.nth = n %% 1440
  join kronos.endpoints as endpoint on endpoint.type = 'HTTP'
returning job_id, workspace_id, schedule
)
insert into kronos.pointers (job_id, workspace_id, next_tick_at)
select job_id, workspace_id, kronos.next_tick(schedule, now() + interval '1 hour') from made
"""
_FILL_ONE_SHOTS = """
insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, status, created_at, retired_at)
select new.job_id, new.job_id, endpoint.workspace_id, endpoint.endpoint_id, 'IMMEDIATE', 'COMPLETED',
       now() - interval '40 days', now()
  from generate_series(1, %(one_shots)s) as n
 cross join lateral (select gen_random_uuid() as job_id where n > 0) as new
  join kronos.endpoints as endpoint on endpoint.type = 'HTTP'
"""
_FILL_ENTRIES = """
insert into cron.job (schedule, command, nodename, nodeport, database, username, active, jobname)
select alarm, format('select kronos.fire(%L)', job_id), current_setting('cron.host'),
       current_setting('port')::integer, current_database(),
       'kronos_cron', true, 'kronos:' || job_id
  from kronos.jobs
 where trigger = 'CRON' and name is null
"""
_LOSE = (
    "delete from cron.job where jobid in (select jobid from cron.job where username = 'kronos_cron' order by "
    "jobid desc limit %s)"
)
_REAP = "explain (analyze, buffers, timing off, format json) select kronos.reap()"


@click.command(help=__doc__)
@click.option("--jobs", default="1000,50000", show_default=True, help="ACTIVE CRON jobs, a table row each.")
@click.option("--one-shots", default=0, show_default=True, help="Finished one-shot jobs in addition.")
def main(jobs: str, one_shots: int) -> None:
    """Print one table."""
    print(
        "| jobs and entries | finished one-shots | to repair | CPU s a run | pages read | registered "
        "|\n|---|---|---|---|---|---|"
    )
    for count in map(int, jobs.split(",")):
        with common.instance() as one, _filled(one, count, one_shots) as connection:
            for lost in (0, 1, 5000):
                if lost <= count:
                    print(
                        f"| {count:,} | {one_shots:,} | {lost:,} | " + " | ".join(_measured(connection, lost)) + " |",
                        flush=True,
                    )


@contextmanager
def _filled(one: Instance, jobs: int, one_shots: int) -> Iterator[Connection]:
    with one.connect() as connection:
        connection.autocommit = True
        # No rings during the run: pg_cron 1.4's launcher stays away until the server restarts; later versions serve no
        # other database.
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pg_cron scheduler'"
        )
        connection.execute(_FILL_JOBS, {"jobs": jobs})
        connection.execute(_FILL_ONE_SHOTS, {"one_shots": one_shots})
        connection.execute(_FILL_ENTRIES.encode())
        connection.execute("vacuum analyze kronos.jobs")
        connection.execute("vacuum analyze cron.job")
        connection.execute("select kronos.reap()")
        connection.execute("set statement_timeout = '30s'")
        yield connection


def _measured(connection: Connection, lost: int) -> list[str]:
    """Return a run's CPU seconds, pages and registered entries: the median of several, or a single run if it changes
    something."""
    cpu, pages, registered = list[float](), list[int](), 0
    for _ in range(_RUNS if lost <= 1 else 1):
        connection.execute(_LOSE, [lost])
        before, began = _entries(connection), _cpu_seconds(connection)
        try:
            (plan,) = connection.execute(_REAP).fetchone() or ([],)
        except psycopg.errors.QueryCanceled:
            return [f"{_cpu_seconds(connection) - began:.2f}, undone after 30 s", "", "0"]
        cpu.append(_cpu_seconds(connection) - began)
        pages.append(plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"])
        registered = _entries(connection) - before
    return [f"{median(cpu):.2f}", f"{int(median(pages)):,}", f"{registered:,}"]


def _entries(connection: Connection) -> int:
    (count,) = connection.execute("select count(*) from cron.job").fetchone() or (0,)
    return int(count)


def _cpu_seconds(connection: Connection) -> float:
    fields = Path(f"/proc/{connection.info.backend_pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND


if __name__ == "__main__":
    sys.exit(main())
