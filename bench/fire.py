"""Many CRON jobs due in one minute: the time from the minute to the last execution row. `python -m bench.fire`

Reference, every other minute: plain pg_cron with as many entries that insert one row each. This takes minutes: each
sample waits for a full minute, and until pg_cron has run all its entries.
"""

import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import click
import psycopg

from bench import common, machine
from bench.common import ENDPOINT, WORKSPACE, Instance
from kronos.model import Json

_PLAIN = "pg_cron, an INSERT each"
_POLL_SECONDS = 0.01
# If the setup leaves less than this before the minute, the sample waits for the next one: pg_cron rereads its entries
# once per second.
_MARGIN = timedelta(seconds=4)
Connection = psycopg.Connection[tuple[Json, ...]]

# Zones with whole and half hours, with and without clock changes, north and south; every second job is in UTC.
ZONES = (
    "UTC",
    "Europe/Berlin",
    "UTC",
    "America/New_York",
    "UTC",
    "Asia/Kolkata",
    "UTC",
    "Australia/Lord_Howe",
    "UTC",
    "America/Sao_Paulo",
)
_ADD_JOBS = """
with form as materialized (
    select nth - 1 as nth, zone, schedule, kronos.alarm('* * * * *', schedule) as alarm,
           kronos.describe_schedule(schedule) as description
      from unnest(%(zones)s::text[]) with ordinality as zones (zone, nth)
     cross join lateral kronos.read_schedule('* * * * *', null, null, zone, 'SHIFT', 'FIRST') as schedule
), fresh as materialized (
    select gen_random_uuid() as job_id, n from generate_series(1, %(jobs)s) as n
), made as (
    insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, cron, timezone,
        schedule, alarm, description)
    select fresh.job_id, fresh.job_id, endpoint.workspace_id, endpoint.endpoint_id, 'CRON', '* * * * *',
           form.zone, form.schedule,
           form.alarm, form.description
      from fresh
      join form on form.nth = fresh.n %% cardinality(%(zones)s::text[])
     cross join kronos.endpoints as endpoint
     where endpoint.name = %(endpoint)s
    returning job_id, workspace_id
)
insert into kronos.pointers (job_id, workspace_id, next_tick_at) select job_id, workspace_id, %(minute)s from made
"""
_REGISTER = """
select count(kronos.register_pg_cron(job_id)) from kronos.jobs join kronos.workspaces using (workspace_id)
       where slug = %s
"""
_SCHEDULE = """
select count(cron.schedule('plain-' || n, '* * * * *', 'insert into public.fired default values'))
       from generate_series(1, %s) as n
"""


class Bench:
    """Both contestants, on one instance. Polls over a separate connection."""

    def __init__(self, one: Instance, jobs: int, zones: list[str]) -> None:
        self._one = one
        self._jobs = jobs
        self._zones = zones
        self._connection = one.connect()
        self._connection.execute(
            "create table if not exists public.fired (at timestamptz not null default clock_timestamp())"
        )
        self._connection.execute("grant insert on public.fired to kronos_cron")

    def kronos(self) -> dict[str, float]:
        """Each entry calls kronos.fire."""

        def set_up(minute: datetime) -> None:
            self._connection.execute(
                _ADD_JOBS, {"zones": self._zones, "jobs": self._jobs, "minute": minute, "endpoint": ENDPOINT}
            )
            self._connection.execute(_REGISTER, [WORKSPACE])

        return self._sample(
            set_up, "select count(*) from kronos.execution_live where scheduled_at = %s", "%kronos.fire%"
        )

    def plain(self) -> dict[str, float]:
        """Each entry inserts a row."""

        def set_up(minute: datetime) -> None:
            with self._connection.transaction():
                self._connection.execute(
                    "set local role kronos_cron"
                )  # the entries' user, whom pg_hba.conf lets in, as for Kronos's own
                self._connection.execute(_SCHEDULE, [self._jobs])

        return self._sample(set_up, "select count(*) from public.fired where at >= %s", "insert into public.fired%")

    def _sample(self, set_up: Callable[[datetime], None], count: str, command: str) -> dict[str, float]:
        self._clean()
        minute = self._prepared(set_up)
        common.await_instant(self._connection, minute)
        postgres = machine.cpu_seconds(self._one.postgres_pid)
        first, last = self._watch(minute, count)
        through = self._through(minute, command)
        used = machine.cpu_seconds(self._one.postgres_pid) - postgres
        self._clean()
        return {"first": first, "last": last, "through": through, "cpu": used}

    def _prepared(self, set_up: Callable[[datetime], None]) -> datetime:
        """Return the minute that everything is ready for."""
        while True:
            minute = common.clock_of(self._connection).replace(second=0, microsecond=0) + timedelta(minutes=1)
            if minute - common.clock_of(self._connection) < 2 * _MARGIN:
                minute += timedelta(minutes=1)
                common.await_instant(self._connection, minute - timedelta(seconds=59))  # into the next minute
            set_up(minute)
            self._make_noticed()
            if minute - common.clock_of(self._connection) >= _MARGIN:
                return minute
            self._clean()

    def _make_noticed(self) -> None:
        """Ensure that pg_cron rereads its entries.

        The invalidation message is one among thousands here, and pg_cron 1.4 misses it when PostgreSQL's queue of such
        messages overflows (4,096): it continued with the 2 entries it knew of 5,002. So the message is sent again after
        pg_cron has emptied the queue, which it does every second.
        """
        time.sleep(1.5)  # pg_cron empties its queue once per second, without any signal
        self._connection.execute("update cron.job set active = active where jobid = (select min(jobid) from cron.job)")

    def _watch(self, minute: datetime, count: str) -> tuple[float, float]:
        """Return the seconds after the minute at which the first and the last row were seen."""
        first = 0.0
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            row = self._connection.execute(f"select ({count}), clock_timestamp()", [minute]).fetchone()
            if row is None:
                raise RuntimeError("a count has one row")
            seen, at = row
            if seen and not first:
                first = (at - minute).total_seconds()
            if seen >= self._jobs:
                return first, (at - minute).total_seconds()
            time.sleep(_POLL_SECONDS)  # the resolution of what is measured
        raise TimeoutError(f"{self._jobs} rows were not there within 120 s")

    def _through(self, minute: datetime, command: str) -> float:
        """Return the seconds after the minute at which pg_cron had run all its entries."""
        ended = (
            "select count(end_time), max(end_time) from cron.job_run_details where start_time >= %s and command like %s"
        )
        found: list[Json] = []

        def is_through() -> bool:
            found[:] = self._connection.execute(ended, [minute, command]).fetchone() or ()
            return bool(found[0] >= self._jobs)

        common.wait_until(is_through, "pg_cron has not run all entries", seconds=180, every=0.2)
        through: float = (found[1] - minute).total_seconds()
        return through

    def _clean(self) -> None:
        """Delete everything except the internal jobs and their entries."""
        self._one.forget_jobs()
        self._connection.execute("truncate public.fired, cron.job_run_details")


@click.command(help=__doc__)
@click.option("--runs", default=3, show_default=True)
@common.tries
@click.option(
    "--jobs",
    "sizes",
    default=[1000, 5000],
    show_default=True,
    multiple=True,
    help="Number of due jobs. Can be given more than once.",
)
@click.option("--utc", is_flag=True, help="Put all jobs in UTC. By default every second one is in another zone.")
def main(runs: int, tries: int, sizes: list[int], utc: bool) -> None:
    """Measure and print a table for each size."""
    with common.instance() as one:
        for jobs in sizes:
            bench = Bench(one, jobs, ["UTC"] if utc else list(ZONES))
            series = common.take_turns({"Kronos": bench.kronos, _PLAIN: bench.plain}, runs=runs, tries=tries)
            columns = [
                ("first", "first row, s", 3),
                ("last", "last row, s", 3),
                ("through", "pg_cron is through, s", 1),
                ("cpu", "PostgreSQL's CPU s", 1),
            ]
            zones = "all in UTC" if utc else "half of the jobs in other zones"
            note = f"{one.cluster.installation}, fsync on; seconds after the minute; {zones}."
            common.report(f"{jobs:,} CRON jobs due in one minute", series, columns, ratio=("last", _PLAIN), note=note)


if __name__ == "__main__":
    sys.exit(main())
