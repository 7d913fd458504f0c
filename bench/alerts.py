"""The cost of evaluating alert rules: `python -m bench.alerts [--jobs 50000]`.

A workspace has this many CRON jobs and one rule over all of them, for each type of rule in turn. Between two
evaluations, one run of each job ends; one in a hundred fails. CPU time is that of the evaluating session
(/proc/<pid>/schedstat).
"""

from collections.abc import Mapping
from pathlib import Path

import click
import psycopg
from psycopg.types.json import Jsonb

from bench import common
from bench.common import WORKSPACE
from kronos.model import Json

_RULES: Mapping[str, Json] = {
    "FAILURES": {"type": "FAILURES", "count": 3},
    "MISSED": {"type": "MISSED", "count": 1},
    "LATE": {"type": "LATE", "seconds": 60},
    "RUNNING": {"type": "RUNNING", "seconds": 60},
    "NO_SUCCESS": {"type": "NO_SUCCESS", "seconds": 86_400},
    "FAILURE_RATE": {"type": "FAILURE_RATE", "percent": 50, "runs": 20, "min_runs": 20},
}
_JOBS = """
insert into kronos.jobs (job_id, first_version_id, workspace_id, name, endpoint_id, trigger, cron, timezone, schedule,
                         alarm, description)
select made.id, made.id, endpoint.workspace_id, 'job-' || made.nth, endpoint.endpoint_id, 'CRON', '0 0 1 1 *', 'UTC',
       kronos.parse_cron('0 0 1 1 *'), '0 0 1 1 *', 'yearly'
  from (select gen_random_uuid() as id, nth from generate_series(1, %s) as nth) as made
  join kronos.endpoints as endpoint on endpoint.name = 'sink'
"""
_ENDS = """
insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, status,
                                   scheduled_at, run_at, created_at, started_at, attempt_count, max_attempts, input)
select kronos.uuid7(), workspace_id, job_id, endpoint_id, 1, 'SCHEDULE',
       case when nth %% 100 = 0 then 'FAILED' else 'SUCCESS' end, now(), now(), now(), now(), 1, 1, '{}'
  from (select job.*, row_number() over (order by job.job_id) as nth
          from kronos.jobs as job where job.name like 'job-%%') as job
 where nth > %s and nth <= %s
"""


def _cpu(connection: psycopg.Connection) -> float:
    """Return the CPU milliseconds of the session's process."""
    text = Path(f"/proc/{connection.info.backend_pid}/schedstat").read_text(encoding="ascii")
    return int(text.split()[0]) / 1e6


def _end_all(connection: psycopg.Connection, jobs: int) -> None:
    """End a run of each job, in statements of 5,000, which note as many rows as fifty statements of a hundred."""
    for first in range(0, jobs, 5000):
        connection.execute(_ENDS, [first, first + 5000])


def _evaluated(connection: psycopg.Connection) -> float:
    began = _cpu(connection)
    ((counts,),) = connection.execute("select kronos.evaluate_alerts(60)").fetchall()
    click.echo(f"  {counts}", err=True)
    return _cpu(connection) - began


@click.command()
@click.option("--jobs", default=50_000, show_default=True, help="CRON jobs of the workspace.")
@click.option("--only", type=click.Choice(list(_RULES)), help="Only this type of rule.")
@click.option("--times", default=3, show_default=True, help="Evaluations per type.")
def main(jobs: int, only: str | None, times: int) -> None:
    """Print the CPU milliseconds of an evaluation, by type of rule."""
    with common.instance() as one, one.connect() as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(_JOBS, [jobs])
        connection.execute("set session_replication_role = origin")
        connection.execute("analyze kronos.jobs")
        for name, condition in _RULES.items():
            if only is not None and name != only:
                continue
            connection.execute("delete from kronos.alert_rules")
            connection.execute(
                "insert into kronos.alert_rules (workspace_id, name, condition)"
                " select workspace_id, %s, %s from kronos.workspaces where slug = %s",
                [name, Jsonb(condition), WORKSPACE],
            )
            for _ in range(1 + jobs // 10_000):  # enrolls the jobs
                connection.execute("select kronos.evaluate_alerts(60)")
            quiet, busy = [], []
            for _ in range(times):
                _end_all(connection, jobs)
                busy.append(_evaluated(connection))
                quiet.append(_evaluated(connection))
            click.echo(f"{name:14} all ended {min(busy):8.1f} ms   nothing ended {min(quiet):6.1f} ms")


if __name__ == "__main__":
    main()
