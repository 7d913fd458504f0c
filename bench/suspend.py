"""The cost of suspending and resuming a workspace with very many jobs. `python -m bench.suspend`

All jobs tick every minute and have ticks to account for: one when the workspace is suspended, twenty when it is
resumed. Reports the session's CPU time (schedstat), which is the same on a busy machine.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import click
import psycopg

from bench import common
from bench.common import Instance

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]
_FILL = """
with made as (
insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, cron, timezone, schedule,
    alarm, description,
                         ticks_from)
select new.job_id, new.job_id, endpoint.workspace_id, endpoint.endpoint_id, 'CRON', '* * * * *', 'UTC',
       kronos.parse_cron('* * * * *'),
       '* * * * *', 'Every minute', now() - interval '30 minutes'
  from generate_series(1, %(jobs)s) as n
 cross join lateral (select gen_random_uuid() as job_id where n > 0) as new
  join kronos.endpoints as endpoint on endpoint.type = 'HTTP'
returning job_id, workspace_id
)
insert into kronos.pointers (job_id, workspace_id, next_tick_at)
select job_id, workspace_id, date_trunc('minute', now()) from made
"""
_FILL_ENTRIES = """
insert into cron.job (schedule, command, nodename, nodeport, database, username, active, jobname)
select alarm, format('select kronos.fire(%L)', job_id), current_setting('cron.host'),
       current_setting('port')::integer, current_database(),
       'kronos_cron', true, 'kronos:' || job_id
  from kronos.jobs
 where trigger = 'CRON' and name is null
"""
_BACKDATE = """
with earlier as (update kronos.workspaces set suspended_at = suspended_at - interval '20 minutes'
     where status = 'SUSPENDED')
update kronos.pointers
   set next_tick_at = next_tick_at - interval '20 minutes', last_run_at = last_run_at - interval '20 minutes'
 where is_halted
"""


@click.command(help=__doc__)
@click.option(
    "--jobs", default="50000,200000", show_default=True, help="ACTIVE CRON jobs of the workspace, a table row each."
)
def main(jobs: str) -> None:
    """Print one table."""
    print("| jobs | | the request's own, CPU ms | steps | longest step, CPU ms | its locks | all, CPU s | µs a job |")
    print("|---|---|---|---|---|---|---|---|")
    for count in map(int, jobs.split(",")):
        with common.instance() as one, _filled(one, count) as connection:
            (workspace,) = connection.execute(
                "select workspace_id from kronos.endpoints where type = 'HTTP'"
            ).fetchone() or (None,)
            for turn in ("suspend", "resume"):
                if turn == "resume":
                    connection.execute(_BACKDATE)
                print(
                    f"| {count:,} | {turn} | " + " | ".join(_measured(connection, workspace, turn, count)) + " |",
                    flush=True,
                )


@contextmanager
def _filled(one: Instance, jobs: int) -> Iterator[Connection]:
    with one.connect() as connection:
        connection.autocommit = True
        # No rings during the run: pg_cron 1.4's launcher stays away until the server restarts; later versions serve no
        # other database.
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pg_cron scheduler'"
        )
        connection.execute(_FILL, {"jobs": jobs})
        connection.execute(_FILL_ENTRIES.encode())
        for table in ("kronos.jobs", "kronos.pointers", "cron.job"):
            connection.execute(f"vacuum analyze {table}".encode())
        yield connection


def _measured(connection: Connection, workspace: object, turn: str, jobs: int) -> list[str]:
    began = _cpu(connection)
    with connection.transaction():
        connection.execute("select set_config('kronos.workspace_id', %s, true)", [str(workspace)])
        connection.execute(f"select kronos.{turn}_workspace()".encode())
    own = _cpu(connection) - began
    steps, locks = list[float](), 0
    while connection.execute("select from kronos.turns").fetchone() is not None:
        before = _cpu(connection)
        with connection.transaction():
            connection.execute("select kronos.turn_some(%s)", [workspace])
            if len(steps) in (5, jobs // 500 + 5):
                (held,) = connection.execute(
                    "select count(*) from pg_locks where pid = pg_backend_pid()"
                ).fetchone() or (0,)
                locks = max(locks, held)
        steps.append(_cpu(connection) - before)
    spent = _cpu(connection) - began
    return [
        f"{own * 1000:.0f}",
        f"{len(steps):,}",
        f"{max(steps) * 1000:.0f}",
        f"{locks}",
        f"{spent:.1f}",
        f"{spent / jobs * 1e6:.0f}",
    ]


def _cpu(connection: Connection) -> float:
    return int(Path(f"/proc/{connection.info.backend_pid}/schedstat").read_text().split()[0]) / 1e9


if __name__ == "__main__":
    sys.exit(main())
