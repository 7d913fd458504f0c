"""pg_cron fires exactly the ticks that next_tick names: random expressions at random minutes, to each of which
PostgreSQL's clock is set."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from conftest import await_condition
from cron_texts import MONTHS, WEEKDAYS, read
from faults.own_server import connected, own_server
from faults.stepped_clock import SteppedClock, needs_library, stepped_clock
from kronos.embedded.cluster import Cluster
from sql_factory import Connection, records, value, values

pytestmark = [
    pytest.mark.pg_cron,
    needs_library,
]

EXPRESSIONS = 250
INSTANTS = int(os.environ.get("KRONOS_TEST_INSTANTS", "8"))  # each with every expression; 80 when run by hand
MINUTE = timedelta(minutes=1)
APART = timedelta(hours=4)  # of minutes more than three hours apart pg_cron fires only the later one

_REGISTER = """
select cron.schedule('tick-' || n, alarm, 'select 1') from unnest(%s::text[]) with ordinality as given (alarm, n)
"""
_HAS_TICK = """
select n, at
  from unnest(%s::text[]) with ordinality as given (cron, n)
 cross join lateral kronos.parse_cron(cron) as schedule
 cross join unnest(%s::timestamptz[]) as at
 where kronos.next_tick(schedule, at - interval '1 microsecond') = at
"""
_FIRED = """
select substring(jobname from 6)::integer as n, date_trunc('minute', start_time) as at, status
  from cron.job_run_details join cron.job using (jobid)
 where end_time is not null and jobname like 'tick-%'
"""


@pytest.fixture
def clock() -> Iterator[SteppedClock]:
    with stepped_clock() as made:
        yield made


@pytest.fixture
def cluster(clock: SteppedClock) -> Iterator[Cluster]:
    with own_server(environment=clock.environment) as made:
        yield made


def field(random: Random, low: int, high: int, names: list[str] | None = None, special: tuple[str, ...] = ()) -> str:
    """A field that names about half of its values, so that many expressions have a tick in any given minute."""
    first, last = random.sample(range(low, high + 1), 2)  # in a third of the cases the range wraps around
    if random.randrange(3):
        first, last = sorted((first, last))
    written = [str(end) if names is None else names[(end - low) % len(names)] for end in (first, last)]
    return random.choice(
        [
            "*",
            "*",
            f"*/{random.randint(1, 4)}",
            f"{first}-{last}",
            f"{low}-{last}/{random.randint(1, 3)}",
            ",".join(str(n) for n in sorted(random.sample(range(low, high + 1), (high - low) // 2))),
            ",".join(written),
            *special,
        ]
    )


def expression(random: Random) -> str:
    return " ".join(
        [
            field(random, 0, 59),
            field(random, 0, 23),
            field(random, 1, 31, special=("L", "LW", "15W", "1,L", "L-1", "1,L-2W", "?")),
            field(random, 1, 12, MONTHS),
            field(random, 0, 6, WEEKDAYS, special=("fri#2", "5L", "7", "1-5", "?")),
        ]
    )


def instants(random: Random, begin: datetime) -> list[datetime]:
    """Minutes of the six years after `begin`, in order and APART: the first and the last of years and months, and
    random ones."""
    year = begin.year + 1
    leap = year + -year % 4
    edges = [
        (year, 1, 1, 0, 0),
        (year, 12, 31, 23, 59),
        (leap, 2, 29, 0, 0),
        (leap, 3, 1, 0, 0),
        (leap + 1, 2, 28, 23, 59),
    ]
    chosen = [at for at in (datetime(*edge, tzinfo=UTC) for edge in edges) if at - begin > APART]
    while len(chosen) < INSTANTS:
        drawn = begin + APART + random.randrange(6 * 365 * 24 * 60) * MINUTE
        if min(abs(drawn - at) for at in chosen) > APART:
            chosen.append(drawn)
    return sorted(chosen)


def test_pg_cron_fires_what_next_tick_names(clock: SteppedClock, cluster: Cluster) -> None:
    random = Random(4711)
    crons = [expression(random) for _ in range(EXPRESSIONS)]
    with connected(cluster) as superuser:
        minutes = instants(random, value(superuser, "select date_trunc('minute', clock_timestamp())"))
        named = {(row["n"], row["at"]) for row in records(superuser, _HAS_TICK, [crons, minutes])}
        assert named == {(n, at) for n, cron in enumerate(crons, 1) for at in minutes if read(cron).has_minute(at)}
        superuser.execute("delete from cron.job")  # the internal jobs' rings would only wait for each other
        alarms = values(
            superuser, "select kronos.alarm(cron, kronos.parse_cron(cron)) from unnest(%s::text[]) as cron", [crons]
        )
        with superuser.transaction():
            superuser.execute("set local role kronos_cron")  # a role that pg_cron's own connections may log in as
            superuser.execute(_REGISTER, [alarms])
        for at in minutes:
            ticks = {n for n, tick in named if tick == at}
            clock.step(at - value(superuser, "select clock_timestamp()") + timedelta(seconds=2))
            await_condition(
                lambda: ticks <= fired_at(superuser, at),  # noqa: B023
                f"{len(ticks)} entries to be fired at {at}",
                seconds=100,
            )
        # Not the minutes in between: on a busy machine the next one may begin before an entry has been fired.
        fired = {(row["n"], row["at"]) for row in records(superuser, _FIRED) if row["at"] in minutes}
    alike = {n for n, cron in enumerate(crons, 1) if not read(cron).has_days_of_its_own}
    assert {(n, at) for n, at in fired if n in alike} == {(n, at) for n, at in named if n in alike}
    assert fired >= named


def fired_at(connection: Connection, at: datetime) -> set[int]:
    """The expressions whose entries were fired at this minute and succeeded."""
    return {row["n"] for row in records(connection, _FIRED) if row["at"] == at and row["status"] == "succeeded"}
