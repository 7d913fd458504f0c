"""A hundred thousand CRON jobs with 5,000 schedules in 50 zones: the costs and savings of sharing and folding their
alarms. `python -m bench.alarms --many`"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import quantiles

from bench import common, machine
from bench.common import ENDPOINT, WORKSPACE, Instance
from kronos import database, jobs, new_jobs
from kronos.model import Json
from kronos.pool import Pool

_ZONES = 50
_POLL_SECONDS = 0.05
_TICKS_PER_SECOND = 100
_SWITCHED = 5_000
_FIRST = 10
"""Creations of each connection that are not timed."""
# The first %(due_forms)s schedules tick in the given minute of each hour, and have the jobs due in it.
_FILL = """
with zone as materialized (
    select name, row_number() over (order by md5(name)) - 1 as nth
      from pg_timezone_names
     where name like '%%/%%' and name !~ '^(posix|right|Etc|SystemV|US|Canada)' and extract(minute from utc_offset) = 0
     limit %(zones)s
), form as materialized (
    select n, zone.name as zone,
           case when n <= %(due_forms)s
                then format('%%s,%%s,%%s * * * *', %(minute)s, (%(minute)s + 1 + n %% 40) %% 60,
                            (%(minute)s + 11 + n / 40 %% 40) %% 60)
                else format('%%s %%s * * %%s', (%(minute)s + 3 + n %% 50) %% 60, n / 50 %% 24,
                            (array['*', '1-5', '0,6'])[1 + n / 1200 %% 3]) end as cron
      from generate_series(1, %(schedules)s) as n
      join zone on zone.nth = n %% %(zones)s
), read as materialized (
    select form.n, form.zone, form.cron, schedule, kronos.alarm(form.cron, schedule) as alarm
      from form
     cross join lateral kronos.read_schedule(form.cron, null, null, form.zone, 'SHIFT', 'FIRST') as schedule
), made as (
    insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, cron, timezone, schedule,
                             alarm, description)
    select job_id, job_id, endpoint.workspace_id, endpoint.endpoint_id, 'CRON', read.cron, read.zone, read.schedule,
           read.alarm, ''
      from (select gen_random_uuid() as job_id,
                   case when nth <= %(due)s then 1 + nth %% %(due_forms)s
                        else %(due_forms)s + 1 + nth %% (%(schedules)s - %(due_forms)s) end as n
              from generate_series(1, %(jobs)s) as nth) as new
      join read using (n)
      join kronos.endpoints as endpoint on endpoint.name = %(endpoint)s
    returning job_id, workspace_id, schedule
)
insert into kronos.pointers (job_id, workspace_id, next_tick_at)
select job_id, workspace_id, kronos.next_tick(schedule, now() + interval '2 minutes') from made
"""
# Moves the ticks of the given minute of the hour to another minute: an hour is too long to wait.
_MOVE = """
with form as materialized (
    select alike.cron, alike.timezone, %(to)s || substr(alike.cron, strpos(alike.cron, ',')) as to_cron
      from (select distinct cron, timezone from kronos.jobs where cron like %(like)s) as alike
), read as materialized (
    select form.*, schedule, kronos.alarm(form.to_cron, schedule) as alarm
      from form
     cross join lateral kronos.read_schedule(form.to_cron, null, null, form.timezone, 'SHIFT', 'FIRST') as schedule
), moved as (
    update kronos.jobs as job
       set cron = read.to_cron, schedule = read.schedule, alarm = read.alarm
      from read
     where job.cron = read.cron and job.timezone = read.timezone
    returning job.job_id
)
update kronos.pointers as pointer
   set next_tick_at = %(minute)s
  from moved
 where pointer.job_id = moved.job_id
"""
_IS_LEFT = """
select exists (select from kronos.pointers
                where is_awaited and next_tick_at between %(minute)s::timestamptz - interval '1 minute' and %(minute)s),
       clock_timestamp()
"""
_RUNS = """
select count(*) filter (where end_time is null), count(*), max(end_time)
  from cron.job_run_details
 where start_time >= %s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """Seconds after a full minute, and their cost."""

    last_row: float
    through: float
    rings: int
    cpu: float


class Many:
    """One instance with its jobs."""

    def __init__(self, one: Instance, *, jobs: int, schedules: int, due: int, due_forms: int) -> None:
        self._one = one
        self._connection = one.connect()
        self._minute_of_hour = (common.clock_of(self._connection) + timedelta(minutes=30)).minute
        self._connection.execute(
            _FILL,
            {
                "zones": _ZONES,
                "due_forms": due_forms,
                "due": due,
                "minute": self._minute_of_hour,
                "schedules": schedules,
                "jobs": jobs,
                "endpoint": ENDPOINT,
            },
        )
        for table in ("kronos.jobs", "kronos.pointers"):
            self._connection.execute(f"vacuum analyze {table}".encode())

    def share(self, *, is_folded: bool) -> float:
        """Share alarms, folded or not, and return the seconds until the entries are updated."""
        began = time.perf_counter()
        self._connection.execute(
            "update kronos.alarm_setting set wanted = 'shared', is_shared = true, folded = 0, folded_at = %s",
            ["-infinity" if is_folded else "now"],
        )
        self.settle()
        return time.perf_counter() - began

    def settle(self) -> None:
        """Run the reaper until all entries are correct."""
        while True:
            (done,) = self._connection.execute("select kronos.reap()").fetchone() or ({},)
            if done["left"]["entries"] == 0:
                return

    def reaper(self) -> tuple[float, float]:
        """Return the seconds and CPU seconds of a run that finds nothing to do."""
        self.settle()
        began, cpu = time.perf_counter(), self._session_cpu()
        self._connection.execute("select kronos.reap()")
        return time.perf_counter() - began, self._session_cpu() - cpu

    def minute(self) -> Minute:
        """Measure a minute with all its due jobs."""
        minute = common.clock_of(self._connection).replace(second=0, microsecond=0) + timedelta(minutes=2)
        at = {"minute": minute, "like": f"{self._minute_of_hour},%", "to": str(minute.minute)}
        self._connection.execute(_MOVE, at)
        self._minute_of_hour = minute.minute
        self.settle()
        self._connection.execute("truncate kronos.execution_live, cron.job_run_details")
        if common.clock_of(self._connection) > minute - timedelta(seconds=3):
            raise RuntimeError("the machine is too slow for this: it was not ready within two minutes")
        common.await_instant(self._connection, minute)
        cpu = machine.cpu_seconds(self._one.postgres_pid)
        last = self._last_row(at)
        found: list[Json] = []
        seen: list[int] = []

        def is_through() -> bool:
            """Whether no entry is running and none has started for two seconds: queued entries are in no log."""
            found[:] = self._connection.execute(_RUNS, [minute]).fetchone() or ()
            seen.append(found[1])
            return bool(found[0] == 0 and seen[-9:] == [found[1]] * 9)

        common.wait_until(is_through, "pg_cron is not through", seconds=120, every=0.25)
        through: float = (found[2] - minute).total_seconds()
        return Minute(
            last_row=last, through=through, rings=found[1], cpu=machine.cpu_seconds(self._one.postgres_pid) - cpu
        )

    def _last_row(self, at: dict[str, Json]) -> float:
        while True:
            is_left, now = self._connection.execute(_IS_LEFT, at).fetchone() or (True, at["minute"])
            if not is_left:
                return float((now - at["minute"]).total_seconds())
            time.sleep(_POLL_SECONDS)  # the resolution of what is measured

    def rings(self) -> tuple[float, float, float, int]:
        """Return pg_cron's rings for jobs per day with one entry per job, one per alarm, and now; and the entries."""
        apart, shared, now, entries = self._connection.execute(
            "select rings_apart, rings_shared, rings_now, entries from kronos.system_alarms()"
        ).fetchone() or (0, 0, 0, 0)
        return apart, shared, now, entries

    def launcher_mib(self) -> float:
        """Return the memory of pg_cron's launcher."""
        (pid,) = self._connection.execute(
            "select pid from pg_stat_activity where application_name = 'pg_cron scheduler'"
            " or backend_type = 'pg_cron launcher' limit 1"
        ).fetchone() or (0,)
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        return int(status.split("VmRSS:")[1].split("kB")[0]) / 1024

    def create(self, number: int, *, connections: int) -> tuple[float, float, float, float]:
        """Measure creations per second over this many connections, all with one schedule; p50 and p99 in ms, and
        PostgreSQL's CPU time for each. A connection's first creations are not timed: they read the catalog and plan."""
        number += connections * _FIRST
        cpu = machine.cpu_seconds(self._one.postgres_pid)
        rate, p50, p99 = asyncio.run(self._create(number, connections))
        return rate, p50, p99, (machine.cpu_seconds(self._one.postgres_pid) - cpu) / number * 1000

    async def _create(self, number: int, connections: int) -> tuple[float, float, float]:
        took: list[float] = []
        left = iter(range(number))
        async with Pool(self._one.url, size=connections) as pool:
            view = database.WorkspaceView(pool, WORKSPACE)

            async def some() -> None:
                for _ in left:
                    began = time.perf_counter()
                    await jobs.create(view, new_jobs.NewJob(endpoint=ENDPOINT, trigger="CRON", cron="0 9 * * 1"))
                    took.append((time.perf_counter() - began) * 1000)

            began = time.perf_counter()
            await asyncio.gather(*(some() for _ in range(connections)))
            rate = len(took) / (time.perf_counter() - began)
        cuts = quantiles(took[connections * _FIRST :], n=100)
        return rate, cuts[49], cuts[98]

    def _session_cpu(self) -> float:
        stat = Path(f"/proc/{self._connection.info.backend_pid}/stat").read_text(encoding="utf-8")
        fields = stat.rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND


@contextmanager
def _own(one: Instance) -> Iterator[None]:
    """Each job with an entry of its own, written at once, and removed so but for _SWITCHED of them: the reaper would
    take minutes."""
    with one.connect() as connection:
        connection.execute("update kronos.alarm_setting set wanted = 'own', is_shared = false, folded = 0")
        connection.execute(
            """
            insert into cron.job (schedule, command, nodename, nodeport, database, username, active, jobname)
            select alarm, format('select kronos.fire(%L)', job_id), current_setting('cron.host'),
                   current_setting('port')::integer, current_database(), 'kronos_cron', true, 'kronos:' || job_id
              from kronos.jobs where trigger = 'CRON' and job_id not in (select job_id from kronos.heartbeats)
            on conflict do nothing
            """
        )
        connection.execute("vacuum analyze cron.job")
    time.sleep(2)  # pg_cron reads its entries once per second, without any signal
    yield
    with one.connect() as connection:
        connection.execute(
            "delete from cron.job where jobid in (select jobid from cron.job where jobname like 'kronos:%%'"
            " and jobname not in (select 'kronos:' || job_id from kronos.heartbeats) order by jobid offset %s)",
            [_SWITCHED],
        )
        connection.execute("vacuum analyze cron.job")


def report(*, count: int, schedules: int, due: int, due_forms: int, creations: int) -> None:
    """Measure and print a table."""
    with common.instance() as one:
        many = Many(one, jobs=count, schedules=schedules, due=due, due_forms=due_forms)
        print(f"\n### {count:,} CRON jobs of {schedules:,} schedules in {_ZONES} zones\n")
        print(f"{machine.description()}; {due:,} due in one minute, of {due_forms:,} schedules.\n")
        print(
            "| | entries | rings a day | launcher, MiB | creations/s of 8 connections | p50, p99 ms | CPU ms each | "
            "one connection: p99 ms | reaper, s (CPU) | last row, s | pg_cron is through, s | rings | CPU s |"
        )
        print("|---|---|---|---|---|---|---|---|---|---|---|---|---|")
        with _own(one):
            _row(many, "an entry a job", creations, has_minute=False)
        taken = many.share(is_folded=False)
        _row(many, "an entry an alarm", creations, has_minute=True)
        many.share(is_folded=True)
        _row(many, "folded", creations, has_minute=True)
        switched = min(_SWITCHED, count)
        print(f"\nThe entries of {switched:,} jobs had followed {taken:.0f} s after alarms were to be shared.")


def _row(many: Many, name: str, creations: int, *, has_minute: bool) -> None:
    rate, p50, p99, each = many.create(creations, connections=8)
    _, _, alone, _ = many.create(creations, connections=1)
    seconds, cpu = many.reaper() if has_minute else (float("nan"), float("nan"))
    minute = many.minute() if has_minute else None
    _, _, rings, entries = many.rings()
    told = (
        f"{minute.last_row:.2f} | {minute.through:.1f} | {minute.rings:,} | {minute.cpu:.1f}" if minute else " | | | "
    )
    print(
        f"| {name} | {entries:,} | {rings:,.0f} | {many.launcher_mib():.0f} | {rate:,.0f} | {p50:.1f}, {p99:.1f} | "
        f"{each:.1f} | {alone:.1f} | {seconds:.2f} ({cpu:.2f}) | {told} |",
        flush=True,
    )
