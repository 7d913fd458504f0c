"""Idle rings: how often pg_cron rings for a job in a time zone while nothing is due, over two years. `python -m
bench.alarms`; with --many: 100,000 jobs that share alarms (bench/many_alarms.py).

Reference: an entry that rings every minute, like a scheduler without time zones that checks every minute what is due:
1,440 rings per day.
"""

import sys
import time
from dataclasses import dataclass
from statistics import median

import click

from bench import common, machine, many_alarms
from bench.common import Instance

_DAYS = 728
_EXPRESSIONS = [
    "0 9 * * *",
    "0 9 * * 1",
    "30 2 * * *",
    "0 0 * * *",
    "0 22 * * 5",
    "0 0 1 * *",
    "0 6 L * *",
    "0 9-17 * * 1-5",
    "*/15 9-17 * * 1-5",
    "15 3,15 * * *",
    "0 */6 * * *",
    "0 * * * *",
    "*/5 * * * *",
]
_ZONES = [
    "Africa/Cairo",
    "Africa/Lagos",
    "America/Chicago",
    "America/Los_Angeles",
    "America/New_York",
    "America/Santiago",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Asia/Shanghai",
    "Asia/Tokyo",
    "Australia/Adelaide",
    "Australia/Sydney",
    "Europe/Berlin",
    "Europe/Lisbon",
    "Europe/London",
    "Europe/Madrid",
    "Pacific/Auckland",
    "Pacific/Chatham",
]
_COUNT = """
select given.alarm, ticks.ticks, rings.ticks
  from (select now() as after, now() + make_interval(days => %(days)s) as upto, schedule, kronos.alarm(%(cron)s,
       schedule) as alarm
          from kronos.read_schedule(%(cron)s, null, null, %(zone)s, 'SHIFT', 'FIRST') as schedule
        offset 0) as given,
       kronos.parse_cron(given.alarm) as ringing,
       kronos.count_ticks(given.schedule, kronos.next_tick(given.schedule, given.after), given.upto) as ticks,
       kronos.count_ticks(ringing, kronos.next_tick(ringing, given.after), given.upto) as rings
"""
_TIMED = """
do $$
declare
    v_schedule kronos.schedule := kronos.read_schedule('30 2 * * *', null, null, 'Europe/Berlin', 'SHIFT', 'FIRST');
begin
    for i in 1 .. 1000 loop
        perform kronos.alarm('30 2 * * *', v_schedule);
    end loop;
end
$$
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The counts for one expression in one zone: per day, on average."""

    zone: str
    alarm: str
    ticks: float
    idle: float


def _found(one: Instance, cron: str) -> list[Found]:
    found = []
    with one.connect() as connection:
        for zone in _ZONES:
            row = connection.execute(_COUNT, {"cron": cron, "zone": zone, "days": _DAYS}).fetchone()
            if row is None:
                raise RuntimeError("a count has one row")
            alarm, ticks, rings = row
            found.append(Found(zone=zone, alarm=alarm, ticks=ticks / _DAYS, idle=(rings - ticks) / _DAYS))
    return found


def _milliseconds(one: Instance, *, is_read: bool) -> float:
    """The time for one alarm in Europe/Berlin, if the reaper has already read the zone, and if `alarm` must read it."""
    with one.connect() as connection:
        connection.execute("delete from kronos.zones where timezone = 'Europe/Berlin'")
        if is_read:
            connection.execute("insert into kronos.zones select read.* from kronos.read_zone('Europe/Berlin') as read")
        connection.execute(_TIMED)  # warms up plans and the time zone's file
        began = time.perf_counter()
        connection.execute(_TIMED)
        return time.perf_counter() - began


@click.command(help=__doc__)
@click.option("--many", is_flag=True, help="Measure shared alarms instead.")
@click.option("--jobs", "count", default=100_000, show_default=True, help="With --many: number of CRON jobs.")
@click.option("--schedules", default=5000, show_default=True, help="With --many: number of different schedules.")
@click.option("--due", default=20_000, show_default=True, help="With --many: number of jobs due in one minute.")
@click.option(
    "--due-schedules",
    default=1000,
    show_default=True,
    help="With --many: number of different schedules among the due jobs.",
)
@click.option("--creations", default=400, show_default=True, help="With --many: number of jobs created per sample.")
def main(many: bool, count: int, schedules: int, due: int, due_schedules: int, creations: int) -> None:
    """Count and print a table."""
    if many:
        many_alarms.report(count=count, schedules=schedules, due=due, due_forms=due_schedules, creations=creations)
        return
    with common.instance() as one:
        found = {cron: _found(one, cron) for cron in _EXPRESSIONS}
        costs = [median(_milliseconds(one, is_read=is_read) for _ in range(5)) for is_read in (True, False)]
    print("\n### Idle rings of zoned schedules\n")
    print(
        f"{machine.description()}; {len(_ZONES)} zones, the {_DAYS} days from now, rings and ticks a day, on average.\n"
    )
    print("| | ticks | idle rings: median zone | most | zones with none | the alarm in the zone with most |")
    print("|---|---|---|---|---|---|")
    for cron, each in found.items():
        worst = max(each, key=lambda one: one.idle)
        idle = median(one.idle for one in each)
        none = sum(one.idle == 0 for one in each)
        ticks = median(one.ticks for one in each)
        print(
            f"| `{cron}` | {ticks:,.2f} | {idle:,.2f} | {worst.idle:,.2f} | {none} | `{worst.alarm}` ({worst.zone}) |"
        )
    every = [one for each in found.values() for one in each]
    idle = median(one.idle for one in every)
    share = sum(one.idle for one in every) / sum(1440 - one.ticks for one in every)
    print(
        f"\nMedian of all: {idle:,.2f} idle rings a day; together {share:.2%} of those of entries that ring every "
        "minute."
    )
    print(f"An alarm takes {costs[0]:.2f} ms where the reaper has read the zone, else {costs[1]:.2f} ms.")


if __name__ == "__main__":
    sys.exit(main())
