"""The cost of the dashboard's pages with 50,000 CRON jobs and two years of history: CPU time of the API's process and
of PostgreSQL, statements, buffers, bytes. `python -m bench.pages`

Tables are filled by SQL, like in bench.history. The jobs have 20 endpoints, 2,880 cron expressions in five zones, and
tags. In addition there are 200 heartbeats, 50 alert rules and 4,000 incidents (bench.lookouts), 30 calendars used by
2,500 jobs, and 833 jobs that may be moved (bench.closures).
"""

import os
import sys
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import click
import httpx
import psycopg

from bench import closures, common, history, lookouts, machine
from bench.common import ENDPOINT, WORKSPACE, Instance
from bench.history import Size

_RULES, _CALENDARS = 50, 30
_ENDPOINTS, _ZONES = 20, ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Sydney")
# One in ten jobs ticks every 5 to 59 minutes, the others once a day. Every job has one of 40 tags, and one in 50 is
# paused. Their pg_cron entries ring only on New Year's Day, so that pages are measured and not firings.
_VARY = r"""
with numbered as (
    select job.job_id, substr(job.name, 5)::integer as n
      from kronos.jobs as job
     where job.name like 'job-%%'
), wanted as (
    select job_id, n, (%(zones)s::text[])[1 + n %% 5] as timezone,
           case when n %% 10 = 0 then format('*/%%s * * * *', 5 + n %% 55)
                else format('%%s %%s * * *', n %% 60, (n / 7) %% 24) end as cron
      from numbered
)
update kronos.jobs as job
   set timezone = wanted.timezone, cron = wanted.cron, alarm = regexp_replace(wanted.cron, '\S+ \S+ \S+$', '1 1 *'),
       schedule = json_populate_record(kronos.parse_cron(wanted.cron), json_build_object('timezone', wanted.timezone)),
       endpoint_id = endpoint.endpoint_id, tags = array['team-' || wanted.n %% 40, 'all'],
       status = case when wanted.n %% 50 = 1 then 'PAUSED' else 'ACTIVE' end,
       title = case when wanted.n %% 3 = 0 then 'Report number ' || wanted.n end
  from wanted
  join (select endpoint_id, row_number() over (order by name) - 1 as nth from kronos.endpoints where type = 'HTTP')
       as endpoint on endpoint.nth = wanted.n %% %(endpoints)s
 where wanted.job_id = job.job_id
"""
_ENTRIES = """
update cron.job as entry
   set schedule = job.alarm
  from kronos.jobs as job
 where entry.jobname = 'kronos:' || job.job_id and job.name like 'job-%%'
"""
_PAUSED = "delete from cron.job where jobname in (select 'kronos:' || job_id from kronos.jobs where status = 'PAUSED')"
_LATELY = """
with run as (
    select kronos.tick_id(job.job_id, tick.at) as execution_id, job.*, tick.at, tick.n
      from (select now() - %(over)s::interval * n / %(runs)s as at, n
              from generate_series(1, %(runs)s) as n) as tick
      join (select job_id, first_version_id, workspace_id, endpoint_id, row_number() over () as nth
              from kronos.jobs where name like 'job-%%') as job
        on job.nth = 1 + (tick.n * 7) %% %(jobs)s
), done as (
    insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, status,
                                       scheduled_at, run_at, created_at, started_at, completed_at, attempt_count,
                                       max_attempts, input, error)
    select execution_id, workspace_id, job_id, endpoint_id, 1, 'SCHEDULE', %(status)s, at, at, at, at,
           at + interval '1 s', 1, 5, '{"order": 4711}',
           case when %(status)s = 'FAILED'
                then jsonb_build_object('type', 'http_status', 'message', 'the endpoint answered ' || 500 + n %% 9) end
      from run
)
insert into kronos.dead_letters (execution_id, workspace_id, endpoint_id, job_id, first_version_id, failed_at,
                                 error_type, message)
select execution_id, workspace_id, endpoint_id, job_id, first_version_id, at + interval '1 s', 'http_status',
       'the endpoint answered ' || 500 + n %% 9
  from run
 where %(status)s = 'FAILED'
"""
PAGES = {
    "overview": "",
    "jobs": "/jobs",
    "jobs, a tag": "/jobs?tag=team-7",
    "jobs, paused": "/jobs?status=PAUSED",
    "jobs, a word": "/jobs?q=report",
    "jobs, nothing found": "/jobs?q=no-such-name",
    "a job": "/jobs/{job}",
    "a job of every 5 minutes": "/jobs/{busy}",
    "a job's form": "/jobs/{job}/edit",
    "executions": "/executions",
    "executions that failed": "/executions?status=FAILED",
    "executions that are late": "/executions?status=EXPIRED",
    "an execution": "/executions/{execution}",
    "dead letters": "/dead-letters",
    "dead letters, redrive": "/dead-letters/redrive?error_type=http_status",
    "load of a day": "/load?window=24h",
    "load of a week": "/load?window=7d",
    "load, one minute of it": "/load?window=7d&at={minute}",
    "load, the plan of a day": "/load/plan?window=24h",
    "load, the plan of a week": "/load/plan?window=7d",
    "calendars": "/calendars",
    "a calendar": "/calendars/closed-7?month=2027-01",
    "a job with a calendar": "/jobs/{closed}",
    "alerts": "/alerts",
    "alerts that are over": "/alerts?status=RESOLVED",
    "an alert rule": "/alert-rules/rule-7",
    "heartbeats": "/heartbeats",
    "a heartbeat": "/heartbeats/beat-7",
    "operations": "/operations",
    "endpoints": "/endpoints",
    "an endpoint": "/endpoints/sink",
    "audit": "/audit",
    "audit, an object": "/audit?object=job-17",
    "keys": "/keys",
    "usage": "/usage",
    "settings": "/settings",
    "configs": "/configs",
    "payload specs": "/payload-specs",
    "secrets": "/secrets",
}
SYSTEM = {
    "workspaces": "/w",
    "system": "/system",
    "system, drift": "/system?part=drift",
    "system, load": "/system/load",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The cost of one request: milliseconds of the API's process and of PostgreSQL's sessions, the data read, and the
    time to the first byte of the response, as the median and the 99th percentile."""

    api: float
    postgres: float
    statements: float
    buffers: float
    bytes: int
    first_byte: float
    first_byte_p99: float


def fill(one: Instance, size: Size, letters: int) -> None:
    """Fill like bench.history, then make the data more realistic."""
    with one.connect() as connection:
        connection.execute(
            "insert into kronos.endpoints (workspace_id, name, type)"
            " select workspace_id, 'sink-' || n, type from kronos.endpoints cross join generate_series(1, %s) as n"
            " where name = %s",
            [_ENDPOINTS - 1, ENDPOINT],
        )
        for table in ("endpoint_versions", "endpoint_gate"):
            _copy_of_sink(connection, table)
    history.fill(one, size)
    with one.connect() as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(_VARY, {"zones": list(_ZONES), "endpoints": _ENDPOINTS})
        connection.execute(_ENTRIES, {})
        connection.execute(_PAUSED)
        connection.execute(
            "insert into kronos.job_tags (workspace_id, tag, trigger, status, created_at, job_id, endpoint_id)"
            " select workspace_id, unnest(tags), trigger, status, created_at, job_id, endpoint_id from kronos.jobs"
        )
        for status, runs, over in (("FAILED", letters, "30 days"), ("SUCCESS", letters // 2, "1 hour")):
            params = {"status": status, "runs": runs, "over": over, "jobs": size.jobs}
            connection.execute(_LATELY, params)
        connection.execute("set session_replication_role = origin")
        connection.execute(
            "update kronos.pointers set next_tick_at = kronos.next_tick(job.schedule, now())"
            " from kronos.jobs as job where job.job_id = pointers.job_id and job.name like 'job-%'"
        )
        for table in ("jobs", "job_tags", "pointers", "dead_letters", "execution_done"):
            connection.execute(f"vacuum analyze kronos.{table}")
        lookouts.fill(connection, workspace=WORKSPACE, endpoint=ENDPOINT, beats=200, rules=_RULES, incidents=4000)
        connection.execute("vacuum full analyze cron.job")
        connection.execute("select pg_stat_statements_reset()")


def _copy_of_sink(connection: psycopg.Connection, table: str) -> None:
    names = [
        name
        for (name,) in connection.execute(
            "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped"
            " and attname <> 'endpoint_id'",
            [f"kronos.{table}"],
        )
    ]
    columns, values = ", ".join(names), ", ".join(f"sink.{name}" for name in names)
    connection.execute(
        f"insert into kronos.{table} (endpoint_id, {columns}) select new.endpoint_id, {values}"
        f" from kronos.{table} as sink"
        " join kronos.endpoints as old on old.endpoint_id = sink.endpoint_id and old.name = 'sink'"
        f" join kronos.endpoints as new on new.name like 'sink-%'"
        f" where not exists (select from kronos.{table} as there where there.endpoint_id = new.endpoint_id)".encode()
    )


class Meters:
    """The resources used by the API's process and PostgreSQL's sessions since the last reading."""

    def __init__(self, connection: psycopg.Connection, api_pid: int) -> None:
        self.connection, self.api_pid = connection, api_pid

    def _sessions(self) -> dict[int, float]:
        found = self.connection.execute(
            "select pid from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"
        ).fetchall()
        return {pid: machine.session_seconds(pid) for (pid,) in found}

    def _process(self) -> float:
        tasks = Path(f"/proc/{self.api_pid}/task")
        return sum(int((tasks / task / "schedstat").read_text().split()[0]) for task in os.listdir(tasks)) / 1e9

    def of(self, work: Callable[[], tuple[float, int]], runs: int) -> Cost:
        """Return the cost of one of `runs`, which returns the seconds to its page's first byte, and its bytes."""
        self.connection.execute("select pg_stat_statements_reset()")
        api, firsts, before, size = [], [], self._sessions(), 0
        for _ in range(runs):
            began = self._process()
            first, size = work()
            api.append(self._process() - began)
            firsts.append(first)
        sessions = sum(used - before.get(pid, 0.0) for pid, used in self._sessions().items())
        row = self.connection.execute(
            "select sum(calls), sum(shared_blks_hit + shared_blks_read) from pg_stat_statements"
            " where userid <> 'postgres'::regrole"
        ).fetchone()
        statements, buffers = row if row is not None and row[0] is not None else (0, 0)
        return Cost(
            api=median(api) * 1000,
            postgres=sessions / runs * 1000,
            statements=float(statements) / runs,
            buffers=float(buffers) / runs,
            bytes=size,
            first_byte=median(firsts) * 1000,
            first_byte_p99=sorted(firsts)[int(runs * 0.99)] * 1000,
        )


def counted_statements(one: Instance) -> None:
    """Enable PostgreSQL's statement counts, which needs a restart."""
    with (one.cluster.data / "postgresql.conf").open("a") as file:
        file.write("\nshared_preload_libraries = 'pg_cron,pg_stat_statements'\n")
    one.cluster.restart()
    with one.connect() as connection:
        connection.execute("create extension if not exists pg_stat_statements")


def names(connection: psycopg.Connection) -> dict[str, str]:
    """Return the values for the paths of pages."""
    (execution,) = connection.execute(
        "select execution_id from kronos.dead_letters order by failed_at desc limit 1"
    ).fetchone() or (None,)
    (minute,) = connection.execute(
        "select to_char(date_trunc('minute', now() + interval '1 hour') at time zone 'UTC',"
        ' \'YYYY-MM-DD"T"HH24:MI:00"Z"\')'
    ).fetchone() or (None,)
    at = urllib.parse.quote(str(minute))
    return {"job": "job-17", "busy": "job-110", "closed": "job-23", "execution": str(execution), "minute": at}


def measured(one: Instance, *, runs: int) -> dict[str, Cost]:
    """Measure the cost of each page."""
    found = {}
    with common.served(one) as (api, port), one.connect() as connection:
        key = one.key_file.read_text().strip()
        filled = names(connection)
        meters = Meters(connection, api.pid)
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {key}"}, timeout=120
        ) as client:
            closures.fill(client, connection, workspace=WORKSPACE, calendars=_CALENDARS)
            for name, path in ({each: f"/w/{WORKSPACE}{path}" for each, path in PAGES.items()} | SYSTEM).items():
                url = path.format_map(filled)

                def read(url: str = url) -> tuple[float, int]:
                    began = time.perf_counter()
                    with client.stream("GET", url) as answered:
                        first = time.perf_counter() - began
                        content = answered.read()
                    if answered.status_code != 200:
                        raise RuntimeError(f"{url}: {answered.status_code} {content[:2000]!r}")
                    return first, len(content)

                for _ in range(7):  # so that PostgreSQL chooses its plan
                    read()
                found[name] = meters.of(read, runs)
                common.console.print(name, found[name])
    return found


@click.command(help=__doc__)
@click.option("--runs", default=10, show_default=True, help="Reads per page.")
@click.option("--jobs", default=50_000, show_default=True)
@click.option("--one-shots", default=100_000, show_default=True)
@click.option("--ticks", default=1_000_000, show_default=True, help="Finished executions of CRON jobs.")
@click.option("--letters", default=20_000, show_default=True, help="Dead letters.")
@click.option("--days", default=750, show_default=True)
@click.option("--width", default=7, show_default=True, help="Days per partition.")
def main(runs: int, jobs: int, one_shots: int, ticks: int, letters: int, days: int, width: int) -> None:
    """Measure and print a table."""
    with common.instance() as one:
        counted_statements(one)
        fill(one, Size(jobs=jobs, one_shots=one_shots, ticks=ticks, days=days, width=width), letters)
        found = measured(one, runs=runs)
    print(f"{machine.description()}; {runs} requests each, one after the other\n")
    print("| page | CPU ms, API | CPU ms, PostgreSQL | statements | buffers | kB | first byte ms, p50 | p99 |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, cost in found.items():
        print(
            f"| {name} | {cost.api:.1f} | {cost.postgres:.1f} | {cost.statements:.0f} | {cost.buffers:,.0f} "
            f"| {cost.bytes / 1000:.0f} | {cost.first_byte:.0f} | {cost.first_byte_p99:.0f} |"
        )


if __name__ == "__main__":
    sys.exit(main())
