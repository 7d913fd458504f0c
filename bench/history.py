"""Reads of a ring and of requests with a small and a large history: time, buffers and locks. `python -m bench.history`

Tables are filled by SQL. Each read is the API's own statement, run as kronos_api in its workspace and prepared like the
API does.
"""

import json
import sys
import time
from dataclasses import dataclass
from statistics import median, quantiles

import click
import psycopg

from bench import common, history_reads, machine
from bench.common import ENDPOINT, WORKSPACE, Instance
from kronos import sql

_PARTITIONS = """
do $$
declare
    v_table text;
    v_from  timestamptz;
    v_to    timestamptz;
begin
    foreach v_table in array array['execution_done', 'attempt'] loop
        v_to := (select kronos.uuid7_time(min(from_id::text)::uuid) from kronos.partitions() where parent = v_table);
        while v_to > now() - make_interval(days => {days}) loop
            v_from := v_to - make_interval(days => {width});
            execute format('create table kronos.%I partition of kronos.%I for values from (%L) to (%L)',
                           v_table || '_' || to_char(v_from at time zone 'UTC', 'YYYYMMDD'), v_table,
                               kronos.uuid7_floor(v_from),
                           kronos.uuid7_floor(v_to));
            v_to := v_from;
        end loop;
        commit;
    end loop;
end
$$
"""
_JOBS = """
with job as (
insert into kronos.jobs (job_id, first_version_id, workspace_id, name, endpoint_id, trigger, cron, timezone,
    schedule, alarm, description,
                         created_at, ticks_from, tags)
select new.job_id, new.job_id, endpoint.workspace_id, 'job-' || n, endpoint.endpoint_id, 'CRON', read.cron,
       'UTC', read.schedule, read.cron,
       'daily', made.at, made.at,
       case when n %% 50 = 0 then array['common', 'rare'] else array['common'] end
  from kronos.endpoints as endpoint
 cross join generate_series(1, %(jobs)s) as n
 cross join lateral (select gen_random_uuid() as job_id where n > 0) as new
 cross join lateral (select now() - make_interval(days => %(days)s) + n * interval '1 second' as at) as made
 cross join lateral (select format('%%s %%s * * *', n %% 60, n %% 24) as cron) as text
 cross join lateral (select text.cron, kronos.parse_cron(text.cron) as schedule) as read
 where endpoint.name = %(endpoint)s
returning job_id, workspace_id, schedule
)
insert into kronos.pointers (job_id, workspace_id, next_tick_at)
select job_id, workspace_id, kronos.next_tick(schedule, now() + interval '1 hour') from job
"""
_TICKS = """
insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,
    status, status_reason,
                                   scheduled_at, run_at, created_at, started_at, completed_at, attempt_count,
                                       max_attempts, input)
select kronos.tick_id(job.job_id, tick.at), job.workspace_id, job.job_id, job.endpoint_id, 1, 'SCHEDULE',
       case when tick.n %% 1000 = 0 then 'FAILED' else 'SUCCESS' end, null, tick.at, tick.at, tick.at, tick.at,
       tick.at + interval '1 s', 1, 5, '{}'
  from (select job.*, row_number() over (order by job.created_at) as nth from kronos.jobs as job
       where job.trigger = 'CRON'
           and job.workspace_id = (select workspace_id from kronos.workspaces where slug = %(workspace)s)) as job
  join (select n, now() - make_interval(days => %(days)s) * n / %(ticks)s as at from generate_series(1,
      %(ticks)s) as n) as tick
    on tick.n %% %(jobs)s + 1 = job.nth
"""
_ONE_SHOTS = """
with made as (
    insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, status, retired_at,
        created_at, ticks_from)
    select new.job_id, new.job_id, endpoint.workspace_id, endpoint.endpoint_id, 'IMMEDIATE', 'COMPLETED', at.at,
           at.at, at.at
      from kronos.endpoints as endpoint
     cross join generate_series(1, %(one_shots)s) as n
     cross join lateral (select gen_random_uuid() as job_id where n > 0) as new
     cross join lateral (select now() - make_interval(days => %(days)s) * n / %(one_shots)s as at) as at
     where endpoint.name = %(endpoint)s
    returning job_id, workspace_id, endpoint_id, created_at
)
insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,
    status, scheduled_at, run_at,
                                   created_at, started_at, completed_at, attempt_count, max_attempts, input)
select kronos.tick_id(job_id, created_at), workspace_id, job_id, endpoint_id, 1, 'API', 'SUCCESS', created_at,
       created_at, created_at,
       created_at, created_at + interval '1 s', 1, 5, '{}'
  from made
"""
_ATTEMPTS = """
insert into kronos.attempt (execution_id, claim_token, workspace_id, attempt_number, status, started_at,
    completed_at, duration_ms,
                            worker_id)
select execution_id, gen_random_uuid(), workspace_id, 1, 'SUCCESS', started_at, completed_at, 1000, 'w1'
  from kronos.execution_done
 where started_at is not null      -- no internal job's, which pg_cron runs meanwhile
"""
_ENTRIES = """
insert into cron.job (schedule, command, nodename, nodeport, database, username, active, jobname)
select alarm, format('select kronos.fire(%%L)', job_id), current_setting('cron.host'),
       current_setting('port')::integer, current_database(),
       'kronos_cron', true, 'kronos:' || job_id
  from kronos.jobs
 where trigger = 'CRON' and workspace_id = (select workspace_id from kronos.workspaces where slug = %(workspace)s)
"""
_WEEKS = """
insert into kronos.history_weeks (workspace_id, subject_id, status, week, execution_id)
select workspace_id, subject_id, status, week, unnest((array_agg(execution_id))[:2])
  from (select workspace_id, execution_id, status, unnest(array[workspace_id, case when cause <> 'API'
       then job_id end]) as subject_id,
               date_trunc('week', kronos.uuid7_time(execution_id) at time zone 'UTC')::date as week
          from kronos.execution_done) as done
 where subject_id is not null
 group by workspace_id, subject_id, status, week
    on conflict do nothing
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The size of the history."""

    jobs: int
    one_shots: int
    ticks: int
    days: int
    width: int


def fill(one: Instance, size: Size) -> None:
    """Create jobs, executions and attempts of this size, spread over its days, in partitions of its width."""
    params = {
        "workspace": WORKSPACE,
        "endpoint": ENDPOINT,
        "jobs": size.jobs,
        "one_shots": size.one_shots,
        "ticks": size.ticks,
        "days": size.days,
    }
    with one.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        # No rings during the run: pg_cron 1.4's launcher stays away until the server restarts; later versions serve no
        # other database.
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pg_cron scheduler'"
        )
        connection.execute("update kronos.workspaces set created_at = now() - make_interval(days => %(days)s)", params)
        connection.execute(_PARTITIONS.format(days=size.days, width=size.width).encode())
        connection.execute(
            "set session_replication_role = replica"
        )  # no triggers and foreign keys: a fifth of the time
        for statement in (_JOBS, _ENTRIES, _TICKS, _ONE_SHOTS, _ATTEMPTS):
            connection.execute(statement.encode(), params)
        if connection.execute("select to_regclass('kronos.history_weeks') is not null").fetchone() == (True,):
            connection.execute(_WEEKS.encode())
            connection.execute("update kronos.retention set weeks_from = '-infinity'")
            connection.execute("vacuum analyze kronos.history_weeks")
        connection.execute("set session_replication_role = origin")
        connection.execute("vacuum analyze kronos.jobs, kronos.pointers, cron.job")
        connection.execute("analyze kronos.execution_done")
        connection.execute("analyze kronos.attempt")


def measured(one: Instance, *, runs: int) -> dict[str, dict[str, float]]:
    """Measure time, CPU time, buffers and relation locks of each read; for a ring also in a fresh session."""
    found: dict[str, dict[str, float]] = {}
    with one.connect() as superuser:
        wanted = history_reads.reads(superuser)
        (workspace_id,) = superuser.execute(
            "select workspace_id from kronos.workspaces where slug = %s", [WORKSPACE]
        ).fetchone() or (None,)
        found["a ring, one job due, a fresh session"] = _ring(one, superuser, runs=min(runs, 10))
    with psycopg.connect(
        one.url, autocommit=True, prepare_threshold=0, options="-c role=kronos_api -c jit=off -c timezone=UTC"
    ) as connection:
        connection.execute("select set_config('kronos.workspace_id', %s, false)", [str(workspace_id)])
        for name, (statement, params) in wanted.items():
            text = sql.texts()[statement]
            seconds, used = [], 0.0
            for run in range(runs + 6):  # the first six make PostgreSQL choose its plan
                if run == 6:
                    used = machine.session_seconds(connection.info.backend_pid)
                began = time.perf_counter()
                connection.execute(text, params).fetchall()
                seconds.append(time.perf_counter() - began)
            used = machine.session_seconds(connection.info.backend_pid) - used
            locks = 0
            with connection.transaction():
                connection.execute(text, params)
                (locks,) = connection.execute(_LOCKS).fetchone() or (0,)
            ((explained,),) = connection.execute(
                b"explain (analyze, buffers, format json) " + text.encode(), params
            ).fetchall()
            plan = explained[0]["Plan"]
            buffers = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
            found[name] = _told(seconds[6:], locks=locks, buffers=buffers, cpu=used / runs)
    return found


_LOCKS = "select count(*) from pg_locks where pid = pg_backend_pid() and locktype = 'relation'"


def _ring(one: Instance, superuser: psycopg.Connection, *, runs: int) -> dict[str, float]:
    seconds, locks, used = [], 0, 0.0
    for _ in range(runs):
        row = superuser.execute(
            "update kronos.pointers set next_tick_at = date_trunc('minute', now()) where job_id = (select job_id from "
            "kronos.pointers"
            " where not is_internal and next_tick_at > now() limit 1) returning job_id"
        ).fetchone()
        with one.connect() as connection, connection.transaction():
            began = time.perf_counter()
            connection.execute("select kronos.fire(%s)", [row[0] if row else None])
            seconds.append(time.perf_counter() - began)
            used += machine.session_seconds(connection.info.backend_pid)  # the session's, from its beginning
            (locks,) = connection.execute(_LOCKS).fetchone() or (0,)
    return _told(seconds, locks=locks, buffers=0, cpu=used / runs)


def _told(seconds: list[float], *, locks: int, buffers: int, cpu: float) -> dict[str, float]:
    return {
        "p50": median(seconds) * 1000,
        "p99": quantiles(seconds, n=100)[98] * 1000,
        "cpu": cpu * 1000,
        "buffers": buffers,
        "locks": locks,
    }


@click.command(help=__doc__)
@click.option("--runs", default=50, show_default=True, help="Runs per read.")
@click.option("--jobs", default=50_000, show_default=True)
@click.option("--one-shots", default=1_000_000, show_default=True)
@click.option(
    "--ticks", default=1_000_000, show_default=True, help="Finished executions of CRON jobs, in addition to one-shots'."
)
@click.option("--days", default=750, show_default=True)
@click.option("--width", default=7, show_default=True, help="Days per partition.")
@click.option("--as-json", is_flag=True)
def main(runs: int, jobs: int, one_shots: int, ticks: int, days: int, width: int, as_json: bool) -> None:
    """Measure and print a table."""
    sizes = {
        "small": Size(jobs=1000, one_shots=1000, ticks=2000, days=7, width=1),
        "large": Size(jobs=jobs, one_shots=one_shots, ticks=ticks, days=days, width=width),
    }
    found = {}
    for name, size in sizes.items():
        with common.instance() as one:
            began = time.monotonic()
            fill(one, size)
            common.console.print(f"{name}: filled in {time.monotonic() - began:.0f} s")
            found[name] = measured(one, runs=runs)
    if as_json:
        print(json.dumps(found))
        return
    print(
        f"\n{machine.description()}; {runs} runs each; small: 1,000 CRON jobs, 1,000 one-shots, 2,000 ticks, 7 days; "
        "large:"
    )
    print(f"{jobs:,} CRON jobs, {one_shots:,} one-shots, {ticks:,} ticks, {days} days, {width} to a partition\n")
    print("| | small p50 / p99 ms | large p50 / p99 ms | CPU ms | buffers | locks |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, small in found["small"].items():
        large = found["large"][name]
        times = " | ".join(f"{each['p50']:.1f} / {each['p99']:.1f}" for each in (small, large))
        counts = " | ".join(f"{small[each]:,.0f} → {large[each]:,.0f}" for each in ("buffers", "locks"))
        print(f"| {name} | {times} | {small['cpu']:.1f} → {large['cpu']:.1f} | {counts} |")


if __name__ == "__main__":
    sys.exit(main())
