"""How each field relates to a minute, according to the calendar that also finds the ticks."""

import random
from datetime import datetime, timedelta

import psycopg
import pytest

from sql_factory import value

CRONS = [
    "* * * * *", "*/7 3-5 * * *", "0 0 $ * *", "15 10 L * *", "0 12 15W * *", "0 12 LW * *", "0 9 * * 5#2",
    "0 9 * * 5L", "0 9 13 * 5",
    "0 9 */2 * 1", "0 9 1-31 * 1", "5 4 29 2 *", "0 0 1 1 *", "0 9 L-3 * *", "0 9 L-1W,L-30W * ?", "0 9 L-1,30-2 "
        "nov-feb fri-mon",
    "55-5 22-2 ? * sat-sun",
]  # fmt: skip


@pytest.mark.parametrize("cron", CRONS)
def test_all_fields_match_where_and_only_where_there_is_a_tick(shared: psycopg.Connection, cron: str) -> None:
    chance = random.Random(cron)
    first = datetime(2024, 1, 1)  # noqa: DTZ001  # a wall clock's reading
    minutes = [first + timedelta(minutes=chance.randrange(3 * 366 * 1440)) for _ in range(200)]
    # Few minutes of a year are ticks, so add some ticks and the minutes near them.
    ticks = [
        value(shared, "select kronos.next_local_tick(kronos.parse_cron(%s), %s)", [cron, minute])
        for minute in chance.sample(minutes, 40)
    ]
    minutes += [
        tick + shift
        for tick in ticks
        if tick
        for shift in (timedelta(), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1))
    ]

    differ = value(
        shared,
        """
        select count(*)
          from unnest(%(minutes)s::timestamp[]) as minute
         where (kronos.match_fields(kronos.parse_cron(%(cron)s), minute) ->> 'matches')::boolean
               is distinct from (kronos.next_local_tick(kronos.parse_cron(%(cron)s),
                   minute - interval '1 microsecond') = minute)
        """,
        {"cron": cron, "minutes": minutes},
    )
    assert differ == 0


def test_an_interval_has_no_fields(shared: psycopg.Connection) -> None:
    every = "kronos.read_schedule(null, '90m', '2026-01-01Z', 'UTC', 'SHIFT', 'FIRST')"
    assert value(shared, f"select kronos.match_fields({every}, '2026-01-01')") is None
