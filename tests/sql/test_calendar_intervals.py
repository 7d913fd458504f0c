"""Calendar intervals: days, weeks, months and years on a zone's wall clock, compared with a slow implementation of the
rules in Python.
"""

import calendar
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from zoneinfo import ZoneInfo

import psycopg
import pytest

from calendar_interval import SCHEDULE, Interval
from cron_texts import read
from depth import depth
from sql_factory import Connection, records, value, values

_CHAIN = """
create function pg_temp.chain(p_schedule kronos.schedule, p_after timestamptz, p_until timestamptz)
    returns timestamptz[]
language plpgsql as $$
declare
    v_tick  timestamptz := kronos.next_tick(p_schedule, p_after);
    v_ticks timestamptz[] := '{}';
begin
    while v_tick < p_until loop
        v_ticks := v_ticks || v_tick;
        v_tick := kronos.next_tick(p_schedule, v_tick);
    end loop;
    return v_ticks;
end
$$
"""
ZONES = [
    *[
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "America/Santiago",
        "Africa/Cairo",
        "Antarctica/Troll",
    ],
    *["Pacific/Apia", "Asia/Kathmandu", "America/Havana", "Africa/Casablanca"],
]
MICROSECOND = timedelta(microseconds=1)


def readings(interval: Interval) -> Iterator[datetime]:
    """The local times, one by one from the anchor. A month without such a day uses its last one."""
    anchor = datetime.fromisoformat(interval.anchor)
    number, unit = int(interval.every.rstrip("dwmoy")), interval.every.lstrip("0123456789")
    for n in range(200_000):
        if unit in ("d", "w"):
            yield anchor + n * number * timedelta(days=7 if unit == "w" else 1)
        else:
            months = anchor.month - 1 + n * number * (12 if unit == "y" else 1)
            year, month = anchor.year + months // 12, months % 12 + 1
            yield anchor.replace(year=year, month=month, day=min(anchor.day, calendar.monthrange(year, month)[1]))


def instants(local: datetime, interval: Interval) -> list[datetime]:
    """The instants at which the clocks show a local time, according to the interval's policies."""
    clock = ZoneInfo(interval.zone)
    first, second = (local.replace(tzinfo=clock, fold=fold).astimezone(UTC) for fold in (0, 1))
    if (
        first.astimezone(clock).replace(tzinfo=None, fold=0) != local
    ):  # no clock shows it; with fold 0, Python uses the offset from before the gap
        if interval.gap != "SHIFT":
            return [first] if interval.gap == "SHIFT_BY_GAP" else []
        low, high = second, first
        while high - low > timedelta(minutes=1):
            half = low + (high - low) // 120 * 60
            half = half.replace(second=0) if half.replace(second=0) > low else low + timedelta(minutes=1)
            low, high = (
                (half, high) if half.astimezone(clock).utcoffset() == low.astimezone(clock).utcoffset() else (low, half)
            )
        return [high]
    return [first, second] if first != second and interval.overlap == "BOTH" else [first]


def oracle(interval: Interval, after: datetime, until: datetime) -> list[datetime]:
    """The ticks later than `after` and before `until`."""
    first, last = (each.replace(tzinfo=None) for each in (after, until))
    ticks: set[datetime] = set()
    for local in readings(interval):
        if local > last + timedelta(days=3):
            break
        if local >= first - timedelta(days=3):
            ticks |= set(instants(local, interval))
    return sorted(tick for tick in ticks if after < tick < until)


@cache
def agrees(url: str, zone: str) -> bool:
    """Whether the time zone data of PostgreSQL and Python agree for the hundred years."""
    days = [datetime(2000, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(0, 36_525, 3)]
    query = (
        "select array_agg(extract(epoch from at at time zone %s - at at time zone 'UTC')::integer order by at) "
        "from unnest(%s) as at"
    )
    with psycopg.connect(url) as connection:
        (offsets,) = connection.execute(query, [zone, days]).fetchone() or ([],)
    return list(offsets) == [
        int((day.astimezone(ZoneInfo(zone)).utcoffset() or timedelta()).total_seconds()) for day in days
    ]


def cases(zone: str) -> list[Interval]:
    """Times near clock changes, ends of months, and spans of all lengths."""
    random = Random(zone)
    days = ["2000-01-03", "2000-01-31", "2000-02-29", "2000-03-26", "2000-10-29", "2001-12-30", "2003-08-30"]
    times = ["02:30", "02:00", "00:00", "00:30", "01:30", "02:15", "23:30", "09:00", "03:00"]
    return [
        Interval(
            every,
            f"{random.choice(days)}T{random.choice(times)}:00",
            zone,
            random.choice(_GAPS),
            random.choice(["FIRST", "BOTH"]),
        )
        for every in ("1d", "2d", "1w", "2w", "10d", "366d", "1mo", "1mo", "2mo", "5mo", "12mo", "1y", "4y", "120mo")
    ]


_GAPS = ["SHIFT", "SHIFT_BY_GAP", "SKIP"]


@pytest.mark.parametrize("zone", ZONES)
def test_the_ticks_of_decades_are_those_of_the_calendar(
    shared: Connection, module_database_url: str, zone: str
) -> None:
    if not agrees(module_database_url, zone):
        pytest.skip(f"PostgreSQL's time zone data and Python's differ for {zone}")
    end = datetime(depth(2030, deep=2100), 1, 1, tzinfo=UTC)
    random = Random(f"after {zone}")
    with shared.transaction(force_rollback=True):
        shared.execute(_CHAIN)
        for interval in cases(zone):
            # only some years for intervals of single days: more, for each of three policies, would dominate the test
            begin = datetime(end.year - depth(4, deep=10) if interval.every in ("1d", "2d") else 1999, 1, 1, tzinfo=UTC)
            expected = oracle(interval, begin, end)
            found = value(
                shared, f"select pg_temp.chain({SCHEDULE}, %(begin)s, %(end)s)", interval.params(begin=begin, end=end)
            )
            assert found == expected, interval
            shifts = [-MICROSECOND, MICROSECOND, timedelta(days=-random.randrange(9))]
            afters = [random.choice(expected) + shift for shift in shifts]
            query = (
                f"select kronos.next_tick({SCHEDULE}, after.at) from unnest(%(afters)s) with ordinality as after "
                "(at, n) "
                "order by n"
            )
            later = [next((tick for tick in expected if tick > after), None) for after in afters]
            asked = values(shared, query, interval.params(afters=afters))
            assert [tick for tick, known in zip(asked, later, strict=True) if known] == [
                tick for tick in later if tick
            ], (interval, afters)


@pytest.mark.parametrize(
    ("interval", "after", "expected"),
    [
        # every other Monday at nine, across both clock changes of 2026
        (Interval("2w", "2026-03-16T09:00"), "2026-03-01", "2026-03-16 08:00, 2026-03-30 07:00, 2026-04-13 07:00"),
        (Interval("2w", "2026-03-16T09:00"), "2026-10-13", "2026-10-26 08:00, 2026-11-09 08:00"),
        (Interval("1d", "2026-03-28T02:30"), "2026-03-28", "2026-03-28 01:30, 2026-03-29 01:00, 2026-03-30 00:30"),
        (Interval("1d", "2026-03-28T02:30", gap="SKIP"), "2026-03-28", "2026-03-28 01:30, 2026-03-30 00:30"),
        (
            Interval("1d", "2026-03-28T02:30", gap="SHIFT_BY_GAP"),
            "2026-03-28",
            "2026-03-28 01:30, 2026-03-29 01:30, 2026-03-30 00:30",
        ),
        (Interval("1d", "2026-10-24T02:30"), "2026-10-24", "2026-10-24 00:30, 2026-10-25 00:30, 2026-10-26 01:30"),
        (
            Interval("1d", "2026-10-24T02:30", overlap="BOTH"),
            "2026-10-24 12:00",
            "2026-10-25 00:30, 2026-10-25 01:30, 2026-10-26 01:30",
        ),
        # the end of each month, without drifting
        (
            Interval("1mo", "2026-01-31T12:00", "UTC"),
            "2026-02-01",
            "2026-02-28 12:00, 2026-03-31 12:00, 2026-04-30 12:00",
        ),
        (Interval("1mo", "2027-12-31T12:00", "UTC"), "2028-02-01", "2028-02-29 12:00, 2028-03-31 12:00"),
        (
            Interval("1y", "2024-02-29T12:00", "UTC"),
            "2024-02-01",
            "2024-02-29 12:00, 2025-02-28 12:00, 2026-02-28 12:00",
        ),
        (
            Interval("4y", "2024-02-29T12:00", "UTC"),
            "2096-02-01",
            "2096-02-29 12:00, 2100-02-28 12:00, 2104-02-29 12:00",
        ),
        # the anchor is the first tick, even if it is far in the future
        (Interval("1mo", "2090-05-31T09:00"), "2026-01-01", "2090-05-31 07:00, 2090-06-30 07:00"),
        # a day that never existed: 30 December 2011
        (
            Interval("1d", "2011-12-29T09:00", "Pacific/Apia"),
            "2011-12-29",
            "2011-12-29 19:00, 2011-12-30 10:00, 2011-12-30 19:00",
        ),
        (
            Interval("1d", "2011-12-29T09:00", "Pacific/Apia", "SKIP"),
            "2011-12-29",
            "2011-12-29 19:00, 2011-12-30 19:00, 2011-12-31 19:00",
        ),
        (
            Interval("1d", "2011-12-29T09:00", "Pacific/Apia", "SHIFT_BY_GAP"),
            "2011-12-29",
            "2011-12-29 19:00, 2011-12-30 19:00",
        ),
        (Interval("1y", "2010-12-30T09:00", "Pacific/Apia", "SKIP"), "2011-01-01", "2012-12-29 19:00"),
    ],
)
def test_a_calendar_interval_ticks_at_its_local_time(
    shared: Connection, interval: Interval, after: str, expected: str
) -> None:
    count = expected.count(",") + 1
    found = values(
        shared,
        f"select kronos.next_ticks({SCHEDULE}, %(after)s, %(count)s)",
        interval.params(after=f"{after}Z", count=count),
    )
    assert ", ".join(f"{tick.astimezone(UTC):%Y-%m-%d %H:%M}" for tick in found) == expected


@pytest.mark.parametrize("interval", [Interval("1d", "1970-01-01T09:00"), Interval("1mo", "1970-01-31T09:00")])
def test_the_next_tick_is_not_walked_to(shared: Connection, interval: Interval) -> None:
    """A tick a thousand years after the anchor costs as much as the second one, counted in function calls."""

    def calls(after: str) -> int:
        with psycopg.connect(
            shared.info.dsn, password=shared.info.password or None, options="-c track_functions=pl"
        ) as connection:
            connection.execute(f"select kronos.next_tick({SCHEDULE}, %(after)s)", interval.params(after=after))
            return int(value(connection, "select sum(calls) from pg_stat_xact_user_functions"))

    assert calls("2999-06-15 12:00Z") <= calls("1970-02-15 12:00Z") + 4


@pytest.mark.parametrize(
    ("every", "anchor", "words"),
    [
        ("1d", "2026-12-07T09:00", "Every day at 09:00, counted from 2026-12-07"),
        ("3d", "2026-12-07T09:05", "Every 3 days at 09:05, counted from 2026-12-07"),
        ("1w", "2026-12-07T09:00", "Every week on Monday at 09:00, counted from 2026-12-07"),
        ("2w", "2026-12-07T09:00", "Every 2 weeks on Monday at 09:00, counted from 2026-12-07"),
        ("14d", "2026-12-09T23:59", "Every 2 weeks on Wednesday at 23:59, counted from 2026-12-09"),
        ("1w3d", "2026-12-07T09:00", "Every 10 days at 09:00, counted from 2026-12-07"),
        ("1mo", "2026-12-07T09:00", "Every month on day 7 at 09:00, counted from 2026-12-07"),
        (
            "3mo",
            "2026-01-31T09:00",
            "Every 3 months on day 31, or the month's last day, at 09:00, counted from 2026-01-31",
        ),
        ("6mo", "2026-01-31T09:00", "Every 6 months on day 31 at 09:00, counted from 2026-01-31"),
        ("1y", "2026-12-07T09:00", "Every year on day 7 of December at 09:00, counted from 2026-12-07"),
        ("1y6mo", "2026-12-07T09:00", "Every 18 months on day 7 at 09:00, counted from 2026-12-07"),
        (
            "2y",
            "2024-02-29T09:00",
            "Every 2 years on day 29 of February, or the month's last day, at 09:00, counted from 2024-02-29",
        ),
    ],
)
def test_it_is_said_in_words(shared: Connection, every: str, anchor: str, words: str) -> None:
    assert value(shared, f"select kronos.describe_schedule({SCHEDULE})", Interval(every, anchor).params()) == words


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        (Interval("2w", "2026-03-16T09:00"), []),
        (
            Interval("1w", "2026-03-15T02:30"),
            [
                "02:30 on 2026-03-29 does not exist in Europe/Berlin, "
                "as clocks go forward: the run moves to 03:00 (dst_gap SHIFT)",
                "02:30 on 2026-10-25 occurs twice in Europe/Berlin, "
                "as clocks go back: it runs the first time only (dst_overlap FIRST)",
            ],
        ),
        (
            Interval("1w", "2026-03-15T02:30", gap="SHIFT_BY_GAP", overlap="BOTH"),
            [
                "02:30 on 2026-03-29 does not exist in Europe/Berlin, "
                "as clocks go forward: the run moves by 1 hour, to 03:30 (dst_gap SHIFT_BY_GAP)",
                "02:30 on 2026-10-25 occurs twice in Europe/Berlin, "
                "as clocks go back: it runs both times (dst_overlap BOTH)",
            ],
        ),
        (Interval("2w", "2026-03-22T02:30"), []),  # neither Sunday is one of the ticks
        (
            Interval("1mo", "2026-01-30T09:00"),
            ["day 30 does not exist in every month: there it runs on the month's last day"],
        ),
        (Interval("1mo", "2026-01-28T09:00"), []),
        (Interval("6mo", "2026-01-31T09:00"), []),  # January and July
    ],
)
def test_what_may_surprise_is_named(shared: Connection, interval: Interval, expected: list[str]) -> None:
    query = f"select kronos.lint_schedule(null, {SCHEDULE}, '2026-03-01Z', null)"
    assert value(shared, query, interval.params()) == expected


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        (Interval("2w", "2026-12-07T09:00", "UTC"), "0 9 * * 1"),
        (Interval("2w", "2026-12-07T09:00"), "0 7,8 * * 1"),
        (Interval("2w", "2026-12-06T00:30"), "30 22,23 * * 6"),
        (Interval("3d", "2026-12-07T09:00"), "0 7,8 * * *"),
        (Interval("1mo", "2026-12-07T09:00"), "0 7,8 7 * *"),
        (Interval("3mo", "2026-12-07T09:00"), "0 7,8 7 3-12/3 *"),
        (Interval("1mo", "2026-01-31T09:00", "UTC"), "0 9 28-31 * *"),
        (Interval("1mo", "2026-01-30T09:00", "UTC"), "0 9 28-30 * *"),
        (Interval("6mo", "2026-01-31T09:00", "UTC"), "0 9 31 1,7 *"),
        (Interval("1y", "2026-12-07T09:00", "UTC"), "0 9 7 12 *"),
        (Interval("1mo", "2026-01-01T05:00", "Asia/Kolkata"), "30 23 28-31 * *"),
        (Interval("1w", "2026-03-15T02:30"), "0,30 0,1 * * 0"),
        (Interval("1w", "2026-03-15T02:30", gap="SKIP"), "30 0,1 * * 0"),
    ],
)
def test_its_alarm_names_the_days_that_it_can_come_to(
    cron_superuser: Connection, interval: Interval, expected: str
) -> None:
    assert value(cron_superuser, f"select kronos.alarm(null, {SCHEDULE})", interval.params()) == expected
    with cron_superuser.transaction(force_rollback=True):
        assert value(cron_superuser, "select cron.schedule('x', %s, 'select') > 0", [expected])


@pytest.mark.parametrize("zone", ZONES)
def test_each_tick_of_two_years_has_a_ring_in_its_own_minute(shared: Connection, zone: str) -> None:
    now = datetime.now(UTC)
    with shared.transaction(force_rollback=True):
        shared.execute(_CHAIN)
        for interval in cases(zone):
            params = interval.params(begin=now, end=now + timedelta(days=729))
            alarm, ticks = shared.execute(
                f"select kronos.alarm(null, {SCHEDULE}), pg_temp.chain({SCHEDULE}, %(begin)s, %(end)s)", params
            ).fetchone() or ("", [])
            rings = read(alarm)
            assert [tick for tick in ticks if not rings.has_minute(tick.astimezone(UTC))] == [], (interval, alarm)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Pacific/Apia", "UTC"])
def test_ticks_are_counted_as_they_are_asked_for(shared: Connection, zone: str) -> None:
    with shared.transaction(force_rollback=True):
        shared.execute(_CHAIN)
        for interval in cases(zone):
            begin, end = datetime(2009, 5, 1, tzinfo=UTC), datetime(2012, 5, 1, tzinfo=UTC)
            params = interval.params(begin=begin, end=end)
            ticks = value(shared, f"select pg_temp.chain({SCHEDULE}, %(begin)s, %(end)s)", params)
            counted = records(
                shared,
                f"""
                select counted.*
                  from (select {SCHEDULE} as schedule) as given,
                       kronos.count_ticks(given.schedule, kronos.next_tick(given.schedule, %(begin)s),
                                          %(end)s::timestamptz - interval '1 us') as counted
                """,
                params,
            )
            following = value(
                shared, f"select kronos.next_tick({SCHEDULE}, %(end)s::timestamptz - interval '1 us')", params
            )
            last = ticks[-1] if ticks else None
            assert counted == [{"ticks": len(ticks), "last_tick": last, "following_tick": following}], interval


def test_no_span_holds_more_ticks_than_catch_up_reckons_with(shared: Connection) -> None:
    for every, span, most in (("1d", 31, 33), ("2d", 31, 18), ("2w", 31, 5), ("1mo", 31, 2), ("1d", 100_000, 10_000)):
        query = f"select kronos.ticks_at_most({SCHEDULE}, make_interval(days => %(span)s))"
        assert value(shared, query, Interval(every, "2026-12-07T09:00").params(span=span)) in (most - 1, most), every
