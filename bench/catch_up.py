"""Many CRON jobs overdue at the same time, as after an outage: the time until each tick is accounted for. `python -m
bench.catch_up`

A quarter of the jobs each tick every minute, every 5 minutes, every hour and every day. They are overdue by 5 minutes
to a day. Of ten jobs, eight have the policy LATEST, one SKIP and one ALL. A ring's function is called until no job is
overdue. The goal is 5 s for 10,000 jobs. Reference: the same jobs in UTC only.
"""

import sys
import time
from functools import partial

import click

from bench import common, machine
from bench.common import ENDPOINT, WORKSPACE, Instance
from bench.fire import ZONES

_UTC = "UTC alone"
# A job's expression, zone, policy and overdue time are independent of each other.
_ADD_JOBS = """
with form as materialized (
    select row_number() over () - 1 as nth, texts.cron, texts.period, zone,
           kronos.read_schedule(texts.cron, null, null, zone, 'SHIFT', 'FIRST') as schedule
      from (values ('* * * * *', interval '1 minute'), ('*/5 * * * *', interval '5 minutes'), ('17 * * * *',
           interval '1 hour'),
                   ('23 4 * * *', interval '1 day')) as texts (cron, period)
     cross join unnest(%(zones)s::text[]) as zone
), fresh as materialized (
    select gen_random_uuid() as job_id, form.*, (array['LATEST', 'SKIP', 'ALL'])[greatest(1,
           n / 7 %% 10 - 6)] as policy,
           -- ages of 5 minutes to a day, an hour as frequent as its half and its double
           greatest(form.period + interval '5 minutes', interval '5 minutes' * power(288,
               n * 7919 %% 1000 / 1000.0)) as age
      from generate_series(1, %(jobs)s) as n
      join form on form.nth = n %% (select count(*) from form)
), made as (
    insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, cron, timezone,
        schedule, alarm, description,
                             catch_up_policy, ticks_from)
    select fresh.job_id, fresh.job_id, endpoint.workspace_id, endpoint.endpoint_id, 'CRON', fresh.cron,
           fresh.zone, fresh.schedule,
           '* * * * *', 'overdue', fresh.policy, now() - fresh.age
      from fresh, kronos.endpoints as endpoint
     where endpoint.name = %(endpoint)s
    returning job_id, workspace_id, schedule, ticks_from
)
insert into kronos.pointers (job_id, workspace_id, next_tick_at)
select job_id, workspace_id, kronos.next_tick(schedule, ticks_from) from made
"""
_IS_BEHIND = """
select exists (select
                 from kronos.pointers
                 join kronos.workspaces using (workspace_id)
                where slug = %s and next_tick_at < clock_timestamp() - kronos.grace())
"""
_WRITTEN = """
select (select count(*) from kronos.execution_live where cause in ('SCHEDULE', 'CATCH_UP')),
       (select count(*) from kronos.execution_done where status = 'MISSED'),
       (select coalesce(sum(tick_count), 0) from kronos.execution_done where status = 'MISSED')
"""


def sample(one: Instance, jobs: int, zones: list[str]) -> dict[str, float]:
    """Do what a ring does until nothing is overdue."""
    one.forget_jobs()
    with one.connect() as connection:
        connection.execute(
            "select cron.alter_job(jobid, active := false) from cron.job"
        )  # pg_cron's own rings would do part of it
        connection.execute(_ADD_JOBS, {"jobs": jobs, "zones": zones, "endpoint": ENDPOINT})
        connection.execute("analyze kronos.jobs, kronos.pointers")
        connection.execute("checkpoint")
        postgres, began, calls, first = machine.cpu_seconds(one.postgres_pid), time.monotonic(), 0, 0.0
        while connection.execute(_IS_BEHIND, [WORKSPACE]).fetchone() == (True,):
            connection.execute("select kronos.catch_up(clock_timestamp())")
            calls += 1
            first = first or time.monotonic() - began
        seconds = time.monotonic() - began
        used = machine.cpu_seconds(one.postgres_pid) - postgres
        row = connection.execute(_WRITTEN).fetchone()
    if row is None:
        raise RuntimeError("a count has one row")
    delivered, told, missed = map(float, row)
    one.forget_jobs()
    return {
        "seconds": seconds,
        "first": first,
        "calls": calls,
        "cpu": used,
        "ticks": delivered + missed,
        "executions": delivered,
        "told": told,
    }


@click.command(help=__doc__)
@click.option("--runs", default=5, show_default=True)
@common.tries
@click.option("--jobs", default=10_000, show_default=True, help="Number of overdue jobs.")
def main(runs: int, tries: int, jobs: int) -> None:
    """Measure and print a table."""
    with common.instance() as one:
        contestants = {
            "zones mixed": partial(sample, one, jobs, list(ZONES)),
            _UTC: partial(sample, one, jobs, ["UTC"]),
        }
        series = common.take_turns(contestants, runs=runs, tries=tries)
        columns = [
            ("seconds", "until none is overdue, s", 2),
            ("first", "first call, s", 2),
            ("calls", "calls", 0),
            ("cpu", "PostgreSQL's CPU s", 1),
            ("ticks", "ticks", 0),
            ("executions", "delivered", 0),
            ("told", "MISSED rows", 0),
        ]
        note = f"{one.cluster.installation}, fsync on."
        common.report(f"{jobs:,} overdue CRON jobs", series, columns, ratio=("seconds", _UTC), note=note)


if __name__ == "__main__":
    sys.exit(main())
