"""Ticks are counted per day. The count equals that of computing each tick, over random schedules, zones and spans."""

import os
import random
from datetime import UTC, datetime, timedelta

import pytest

from sql_factory import Connection, records, value

SEED = int(os.environ.get("KRONOS_TEST_SEED", "20261120"))
SCHEDULES = 150
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",  # changes by half an hour
    "America/Santiago",  # changes at midnight
    "America/Havana",  # back from 1:00 to 0:00, so that midnight comes twice
    "Africa/Cairo",
    "Asia/Beirut",
    "Africa/Casablanca",
    "Pacific/Apia",
    "Asia/Kathmandu",
    "Pacific/Chatham",
    "Atlantic/Azores",
]
# Each schedule is checked over weeks within these windows. They contain changes of all the zones; the last one contains
# the day that Apia skipped.
WINDOWS = [datetime(*day, tzinfo=UTC) for day in ((2026, 3, 1), (2026, 9, 1), (2026, 10, 20), (2011, 12, 15))]
ASKED_FOR_EACH = """
with recursive tick as (
    select %(first)s::timestamptz as at
    union all
    select kronos.next_tick(%(schedule)s::kronos.schedule, at) from tick where at <= %(upto)s
)
select count(at) filter (where at <= %(upto)s) as ticks, max(at) filter (where at <= %(upto)s) as last_tick,
       max(at) as following_tick
  from tick
"""


def random_cron(choose: random.Random) -> str:
    minute = choose.choice(["*", "*/7", "0", "59", "0,30", "5-20", "55-5", "50-20/7", str(choose.randrange(60))])
    hour = choose.choice(["*", "*/5", "0", "0-2", "1,2,3", "23", "22-2", "22-4/3", str(choose.randrange(24))])
    day = choose.choice(["*", "*", "*", "1", "*/3", "$", "10-20", "?", "L-3", "L-1W", "29-2"])
    weekday = choose.choice(["*", "*", "*", "1-5", "0", "?", "fri-mon"])
    return f"{minute} {hour} {day} * {weekday}"


@pytest.mark.parametrize("zone", ZONES)
def test_a_count_by_the_day_is_the_count_of_each(shared: Connection, zone: str) -> None:
    choose = random.Random(f"{SEED} {zone}")
    for _ in range(SCHEDULES // len(ZONES)):
        cron = random_cron(choose)
        dst = choose.choice(["SHIFT", "SHIFT_BY_GAP", "SKIP"]), choose.choice(["FIRST", "BOTH"])
        after = choose.choice(WINDOWS) + timedelta(minutes=choose.randrange(30 * 1440))
        short, long = (
            timedelta(minutes=choose.randrange(3000)),
            timedelta(days=choose.randrange(2, 25), seconds=choose.randrange(86400)),
        )
        upto = after + choose.choice([short, long])
        same(shared, (cron, None, None, zone, *dst), after, upto)


@pytest.mark.parametrize("every", ["90m", "7h", "1d"])
def test_an_interval_is_counted_by_arithmetic(shared: Connection, every: str) -> None:
    anchor = datetime(2026, 3, 28, 22, 30, tzinfo=UTC)
    for days in (0.01, 1, 40):
        after, upto = anchor + timedelta(minutes=1), anchor + timedelta(days=days)
        same(shared, (None, every, anchor, "Europe/Berlin", "SHIFT", "FIRST"), after, upto)


def same(connection: Connection, text: tuple[object, ...], after: datetime, upto: datetime) -> None:
    schedule = value(connection, "select kronos.read_schedule(%s, %s, %s, %s, %s, %s)::text", text)
    first = value(connection, "select kronos.next_tick(%s::kronos.schedule, %s)", [schedule, after])
    params = {"schedule": schedule, "first": first, "upto": upto}
    counted = records(
        connection, "select * from kronos.count_ticks(%(schedule)s::kronos.schedule, %(first)s, %(upto)s)", params
    )
    assert counted == records(connection, ASKED_FOR_EACH, params), (text, after, upto)


def test_nothing_is_counted_where_nothing_is_due(shared: Connection) -> None:
    count = (
        "select * from kronos.count_ticks(kronos.read_schedule('0 0 * * *', null, null, 'UTC', 'SHIFT', 'FIRST'), "
        "%s, %s)"
    )
    first = datetime(2026, 1, 2, tzinfo=UTC)
    assert records(shared, count, [first, first - timedelta(microseconds=1)]) == [
        {"ticks": 0, "last_tick": None, "following_tick": first}
    ]
    assert records(shared, count, [None, first])[0]["ticks"] == 0
    assert records(shared, count, [first, first])[0]["ticks"] == 1
