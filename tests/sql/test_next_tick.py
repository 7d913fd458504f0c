"""next_tick finds the first minute after an instant that a schedule names, and nothing else."""

from bisect import bisect_left, bisect_right
from datetime import UTC, date, datetime, time, timedelta
from random import Random

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cron_texts
from cron_texts import instants, read, utc
from depth import depth

Connection = psycopg.Connection[tuple[object, ...]]

_NEXT = """
  select kronos.next_tick(kronos.parse_cron(cron), after)
    from unnest(%s::text[], %s::timestamptz[]) with ordinality as given(cron, after, n)
order by n
"""

_CHAIN = """
with recursive chain as (
    select n, kronos.parse_cron(cron) as schedule, %(after)s::timestamptz as tick, 0 as rank
      from unnest(%(crons)s::text[]) with ordinality as given(cron, n)
     union all
    select n, schedule, kronos.next_tick(schedule, tick), rank + 1 from chain where tick < %(until)s and rank < 3000
)
  select (select coalesce(array_agg(tick order by rank), '{}')
            from chain
           where chain.n = given.n and rank > 0 and tick < %(until)s)
    from generate_subscripts(%(crons)s::text[], 1) as given(n)
order by given.n
"""


_EACH_OF_EACH = """
    with parsed as materialized (
        select n, kronos.parse_cron(cron) as schedule from unnest(%s::text[]) with ordinality as given(cron, n)
    )
  select array_agg(kronos.next_tick(parsed.schedule, given.after) order by given.n)
    from parsed cross join unnest(%s::timestamptz[]) with ordinality as given(after, n)
group by parsed.n
order by parsed.n
"""

DAYS = [date(2023, 1, 1) + timedelta(days=n) for n in range(7 * 365)]


def next_ticks(shared: Connection, pairs: list[tuple[str, datetime]]) -> list[object]:
    rows = shared.execute(_NEXT, [[text for text, _ in pairs], [after for _, after in pairs]]).fetchall()
    return [tick for (tick,) in rows]


@pytest.mark.parametrize(
    ("text", "after", "tick"),
    [
        # strictly later, whole minutes
        ("* * * * *", "2026-03-10 12:00", "2026-03-10 12:01"),
        ("* * * * *", "2026-03-10 12:00:00.000001", "2026-03-10 12:01"),
        ("* * * * *", "2026-03-10 11:59:59.999999", "2026-03-10 12:00"),
        ("30 4 * * *", "2026-03-10 04:30", "2026-03-11 04:30"),
        ("30 4 * * *", "2026-03-10 04:29:59.9", "2026-03-10 04:30"),
        ("30 4 * * *", "2026-03-10 04:59", "2026-03-11 04:30"),
        ("59 23 * * *", "2026-03-10 23:58", "2026-03-10 23:59"),
        ("59 23 * * *", "2026-03-10 23:59", "2026-03-11 23:59"),
        ("0,59 0,23 * * *", "2026-03-10 00:59", "2026-03-10 23:00"),
        # ends of hours, days, months, years
        ("* * * * *", "2026-12-31 23:59:30", "2027-01-01 00:00"),
        ("59 23 31 12 *", "2026-12-31 23:59", "2027-12-31 23:59"),
        ("@yearly", "2026-01-01 00:00", "2027-01-01 00:00"),
        ("@annually", "2026-06-01 00:00", "2027-01-01 00:00"),
        ("@monthly", "2026-12-15 00:00", "2027-01-01 00:00"),
        ("@weekly", "2026-03-10 00:00", "2026-03-15 00:00"),
        ("0 0 31 * *", "2026-03-31 00:00", "2026-05-31 00:00"),
        ("*/45 * * * *", "2026-03-10 12:45", "2026-03-10 13:00"),
        # Sunday is 0 and 7 (2026-03-15 is one)
        ("0 0 * * 0", "2026-03-10 00:00", "2026-03-15 00:00"),
        ("0 0 * * 7", "2026-03-10 00:00", "2026-03-15 00:00"),
        ("0 0 * * 6-7", "2026-03-14 00:00", "2026-03-15 00:00"),
        ("0 0 * * */7", "2026-03-10 00:00", "2026-03-15 00:00"),
        # the star rule: Friday the 13th (2026-03-13 is one), and Friday or the 13th
        ("0 0 13 * 5", "2026-03-01 00:00", "2026-03-06 00:00"),
        ("0 0 13 * 5", "2026-03-27 00:00", "2026-04-03 00:00"),
        ("0 0 */2 * 5", "2026-03-07 00:00", "2026-03-13 00:00"),
        ("0 0 1-31 * 5", "2026-03-07 00:00", "2026-03-08 00:00"),
        ("0 0 13 * */5", "2026-03-14 00:00", "2026-09-13 00:00"),
        ("0 0 1-31/2 * 5", "2026-03-05 00:00", "2026-03-06 00:00"),
        # the last day of the month
        ("0 0 $ * *", "2026-02-01 00:00", "2026-02-28 00:00"),
        ("0 0 $ * *", "2028-02-28 00:00", "2028-02-29 00:00"),
        ("0 0 $ * *", "2026-03-31 00:00", "2026-04-30 00:00"),
        ("0 0 $ 12 *", "2026-03-31 00:00", "2026-12-31 00:00"),
        ("0 0 15,$ * *", "2026-02-15 00:00", "2026-02-28 00:00"),
        ("0 0 $ * 1", "2026-03-30 00:00", "2026-03-31 00:00"),
        ("0 0 L * *", "2026-01-31 00:00", "2026-02-28 00:00"),
        ("0 0 1,L * *", "2028-02-01 00:00", "2028-02-29 00:00"),
        # the last day from Monday to Friday: 2026-01-31 and 02-28 are Saturdays, 05-31 is a Sunday, 03-31 a Tuesday
        ("0 0 LW * *", "2026-01-01 00:00", "2026-01-30 00:00"),
        ("0 0 LW * *", "2026-01-30 00:00", "2026-02-27 00:00"),
        ("0 0 LW * *", "2026-02-27 00:00", "2026-03-31 00:00"),
        ("0 0 LW * *", "2026-04-30 00:00", "2026-05-29 00:00"),
        # the nearest day from Monday to Friday: 2026-02-15 is a Sunday, 08-15 a Saturday, 04-15 a Wednesday
        ("0 0 15W * *", "2026-02-01 00:00", "2026-02-16 00:00"),
        ("0 0 15W * *", "2026-08-01 00:00", "2026-08-14 00:00"),
        ("0 0 15W * *", "2026-04-01 00:00", "2026-04-15 00:00"),
        # it stays in its month: 2026-08-01 is a Saturday, 02-01 a Sunday; 05-31 is a Sunday, 01-31 a Saturday
        ("0 0 1W * *", "2026-07-31 00:00", "2026-08-03 00:00"),
        ("0 0 1W * *", "2026-01-31 00:00", "2026-02-02 00:00"),
        ("0 0 31W * *", "2026-05-01 00:00", "2026-05-29 00:00"),
        ("0 0 31W * *", "2026-01-01 00:00", "2026-01-30 00:00"),
        ("0 0 28W 2 *", "2026-01-01 00:00", "2026-02-27 00:00"),
        ("0 0 30W * *", "2026-08-01 00:00", "2026-08-31 00:00"),  # a Sunday followed by another day of the month
        # no such day in the month, no nearest one
        ("0 0 31W * *", "2026-05-29 00:00", "2026-07-31 00:00"),
        ("0 0 29W 2 *", "2026-01-01 00:00", "2028-02-29 00:00"),
        # days before the last: 2026-02 has 28, 2028-02 has 29, 2026-04 has 30
        ("0 0 L-3 * *", "2026-02-01 00:00", "2026-02-25 00:00"),
        ("0 0 L-3 * *", "2026-02-25 00:00", "2026-03-28 00:00"),
        ("0 0 L-3 * *", "2028-02-01 00:00", "2028-02-26 00:00"),
        ("0 0 L-1 * *", "2026-12-31 00:00", "2027-01-30 00:00"),
        ("0 0 L-1 * *", "2026-01-30 00:00", "2026-02-27 00:00"),
        ("0 0 L-29 * *", "2026-01-02 00:00", "2026-03-02 00:00"),
        ("0 0 L-30 * *", "2026-01-01 00:00", "2026-03-01 00:00"),
        ("0 0 L-28 2 *", "2026-01-01 00:00", "2028-02-01 00:00"),
        ("0 0 L-2,L,15 * *", "2026-04-15 00:00", "2026-04-28 00:00"),
        ("0 0 L-2,L,15 * *", "2026-04-28 00:00", "2026-04-30 00:00"),
        ("0 0 L-3 * sat", "2026-04-25 00:00", "2026-04-27 00:00"),
        ("0 0 L-3 * */6", "2026-01-01 00:00", "2026-03-28 00:00"),
        # and the days from Monday to Friday nearest to them: 2026-02-25 is a Wednesday, 03-28 a Saturday, 09-27 a
        # Sunday
        ("0 0 L-3W * *", "2026-02-01 00:00", "2026-02-25 00:00"),
        ("0 0 L-3W * *", "2026-03-01 00:00", "2026-03-27 00:00"),
        ("0 0 L-3W * *", "2026-09-01 00:00", "2026-09-28 00:00"),
        ("0 0 L-30W * *", "2026-07-31 00:00", "2026-08-03 00:00"),  # 2026-08-01 is a Saturday
        ("0 0 L-30W * *", "2026-02-01 00:00", "2026-03-02 00:00"),  # 2026-03-01 is a Sunday
        # wrapping ranges: Friday is 2026-03-06
        ("0 22-2 * * *", "2026-03-10 02:00", "2026-03-10 22:00"),
        ("0 22-2 * * *", "2026-03-10 23:00", "2026-03-11 00:00"),
        ("0 22-2/3 * * *", "2026-03-10 22:00", "2026-03-11 01:00"),
        ("55-5 * * * *", "2026-03-10 12:05", "2026-03-10 12:55"),
        ("0 0 * * fri-mon", "2026-03-03 00:00", "2026-03-06 00:00"),
        ("0 0 * * fri-mon", "2026-03-09 00:00", "2026-03-13 00:00"),
        ("0 0 30-2 nov-feb ?", "2026-11-02 00:00", "2026-11-30 00:00"),
        ("0 0 30-2 nov-feb ?", "2027-02-02 00:00", "2027-11-01 00:00"),
        # in lists, and together with a weekday
        ("0 0 1,15W,L * *", "2026-08-01 00:00", "2026-08-14 00:00"),
        ("0 0 1,15W,L * *", "2026-08-14 00:00", "2026-08-31 00:00"),
        ("0 0 15W * sat", "2026-08-08 00:00", "2026-08-14 00:00"),
        ("0 0 15W * */6", "2026-01-01 00:00", None),  # never on Saturday or Sunday
        ("0 0 15W * */2", "2026-08-08 00:00", "2026-09-15 00:00"),  # and Sunday, Tuesday, Thursday or Saturday
        # the n-th weekday: Fridays of 2026-03 are 6, 13, 20, 27; Mondays 2, 9, 16, 23, 30; Sunday is 1 and 29
        ("0 0 * * 5#2", "2026-03-01 00:00", "2026-03-13 00:00"),
        ("0 0 * * fri#1", "2026-03-01 00:00", "2026-03-06 00:00"),
        ("0 0 * * mon#5", "2026-03-01 00:00", "2026-03-30 00:00"),
        ("0 0 * * fri#5", "2026-03-01 00:00", "2026-05-29 00:00"),
        ("0 0 * * 7#1", "2026-02-28 00:00", "2026-03-01 00:00"),
        ("0 0 * * 0#5", "2026-03-01 00:00", "2026-03-29 00:00"),
        ("0 0 13 * 5#2", "2026-02-01 00:00", "2026-02-13 00:00"),
        ("0 0 13 * 5#3", "2026-03-01 00:00", "2026-03-13 00:00"),  # the 13th or the third Friday
        ("0 0 13 * 5#3", "2026-03-13 00:00", "2026-03-20 00:00"),
        ("0 0 * * 1#5,5#1", "2026-03-06 00:00", "2026-03-30 00:00"),
        # the last weekday
        ("0 0 * * 5L", "2026-03-01 00:00", "2026-03-27 00:00"),
        ("0 0 * * 1L", "2026-03-01 00:00", "2026-03-30 00:00"),
        ("0 0 * * 7L", "2026-03-01 00:00", "2026-03-29 00:00"),
        ("0 0 * 2 satL", "2026-02-01 00:00", "2026-02-28 00:00"),
        ("0 0 * 2 0L", "2032-02-01 00:00", "2032-02-29 00:00"),
        ("0 0 * * 2,5L", "2026-03-25 00:00", "2026-03-27 00:00"),
        # a fifth weekday of February is a leap day
        ("0 0 * 2 1#5", "2026-01-01 00:00", "2044-02-29 00:00"),
        ("0 0 * 2 7#5", "2088-02-29 00:00", "2128-02-29 00:00"),
        ("0 0 */28 2 0#5", "2026-01-01 00:00", "2032-02-29 00:00"),
        # leap days; 1900 and 2100 have none, 2000 has
        ("0 0 29 2 *", "2026-01-01 00:00", "2028-02-29 00:00"),
        ("0 0 29 2 *", "2096-03-01 00:00", "2104-02-29 00:00"),
        ("0 0 29 2 *", "1896-03-01 00:00", "1904-02-29 00:00"),
        ("0 0 29 2 *", "1999-03-01 00:00", "2000-02-29 00:00"),
        ("0 0 29 2 */7", "2088-02-29 00:00", "2128-02-29 00:00"),
        ("0 0 29 2 */7", "2026-01-01 00:00", "2032-02-29 00:00"),
        # far from the present
        ("0 12 * * *", "1969-12-31 23:59", "1970-01-01 12:00"),
        ("0 12 * * *", "0001-01-01 00:00", "0001-01-01 12:00"),
        ("59 23 31 12 *", "9998-12-31 23:59", "9999-12-31 23:59"),
    ],
)
def test_the_next_tick_is_the_first_one_strictly_later(
    shared: Connection, text: str, after: str, tick: str | None
) -> None:
    assert next_ticks(shared, [(text, utc(after))]) == [tick and utc(tick)]


@pytest.mark.parametrize(
    "text",
    [
        "0 0 31 2 *",
        "0 0 30 2 *",
        "0 0 30,31 feb *",
        "0 0 31 4,6,9,11 *",
        "* * 31 2 */2",
        "0 0 30W 2 *",
        "0 0 31W 4,6,9,11 *",
        "0 0 15W * */6",
        "0 0 L-29 2 *",
        "0 0 L-30 2,4,6,9,11 *",
        "0 0 L-30W 2,4,6,9,11 *",
        "0 0 */20 2 1#5",
    ],
)
def test_an_impossible_date_has_no_tick(shared: Connection, text: str) -> None:
    assert next_ticks(shared, [(text, utc("2026-03-10 12:00"))]) == [None]


def test_an_impossible_date_or_a_weekday_has_the_weekday(shared: Connection) -> None:
    assert next_ticks(shared, [("0 0 31 2 1", utc("2026-02-03 00:00"))]) == [utc("2026-02-09 00:00")]


@pytest.mark.parametrize(
    "after",
    ["infinity", "-infinity", "0044-03-15 12:00+00 BC", "9999-12-31 23:59+00", "12000-01-01+00", "250000-01-01+00"],
)
def test_there_is_no_tick_beyond_the_calendar(shared: Connection, after: str) -> None:
    tick = shared.execute("select kronos.next_tick(kronos.parse_cron('* * * * *'), %s::timestamptz)", [after])
    assert tick.fetchone() == (None,)


def row(**fields: str) -> str:
    """A kronos.schedule as SQL: 00:00 on each day that is both the first of a month and a Sunday. `fields` override it;
    the rest is null.
    """
    masks = {"minutes": "1", "hours": "1", "days": "2", "months": "8190", "weekdays": "1", "both_days": "true"} | fields
    return f"row({', '.join(masks.get(name, 'null') for name in FIELDS)})::kronos.schedule"


FIELDS = [
    *[
        "minutes",
        "hours",
        "days",
        "months",
        "weekdays",
        "both_days",
        "nearest_days",
        "nth_weekdays",
        "last_weekdays",
        "every_hour",
    ],
    *["every_seconds", "anchor", "timezone", "dst_gap", "dst_overlap"],
    *["every_days", "every_months", "anchor_local"],
]


def tick_of(connection: Connection, schedule: str, after: str = "2026-03-10 12:00+00") -> object:
    (tick,) = connection.execute(f"select kronos.next_tick({schedule}, %s::timestamptz)", [after]).fetchone() or (None,)
    return tick


@pytest.mark.parametrize("zone", ["null", "'UTC'", "'Europe/Berlin'"])
@pytest.mark.parametrize("field", ["minutes", "hours", "days", "months", "weekdays"])
def test_a_schedule_with_an_empty_or_a_null_mask_ends(shared: Connection, field: str, zone: str) -> None:
    for value in ("0", "null"):
        schedule = row(**{field: value}, timezone=zone)
        if (field, value) in [("minutes", "0"), ("hours", "0")]:
            with pytest.raises(psycopg.errors.DatetimeFieldOverflow):
                tick_of(shared, schedule)
        else:
            assert tick_of(shared, schedule) is None


def test_a_row_of_the_first_release_means_what_it_meant(shared: Connection) -> None:
    assert tick_of(shared, row()) == utc("2026-11-01 00:00")
    assert tick_of(shared, row(timezone="'Asia/Kolkata'")) == utc("2026-10-31 18:30")
    assert tick_of(shared, row(nth_weekdays="128")) == utc("2026-11-01 00:00")
    assert tick_of(shared, row(weekdays="0", nth_weekdays="1")) == utc("2026-11-01 00:00")


@settings(
    deadline=None,
    max_examples=depth(13, deep=50),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(texts=st.lists(cron_texts.cron_texts, min_size=20, max_size=20), random=st.randoms(use_true_random=False))
def test_25000_next_ticks_are_those_of_brute_force_over_minutes(
    shared: Connection, texts: list[str], random: Random
) -> None:
    begin, end = (datetime.combine(day, time(), UTC) for day in (DAYS[0], DAYS[-1] + timedelta(days=1)))
    afters = [begin + timedelta(seconds=random.randrange(int((end - begin).total_seconds()))) for _ in range(50)]
    rows = shared.execute(_EACH_OF_EACH, [texts, afters]).fetchall()
    for text, (found,) in zip(texts, rows, strict=True):
        minutes, days = brute_force(text)
        for after, tick in zip(afters, found, strict=True):  # type: ignore[call-overload]  # an array
            expected = first_later(minutes, days, after)
            assert tick == expected if expected else tick is None or tick >= end, (text, after)


def brute_force(text: str) -> tuple[list[int], list[date]]:
    """The minutes of a day and the days of seven years at which the text has ticks, each tested by itself."""
    reading = read(text)
    minutes = [n for n in range(24 * 60) if n % 60 in reading.minutes and n // 60 in reading.hours]
    return minutes, [day for day in DAYS if reading.has_day(day)]


def first_later(minutes: list[int], days: list[date], after: datetime) -> datetime | None:
    """The first of these minutes on one of these days that is later than `after`."""
    for day in days[bisect_left(days, after.date()) :][:2]:
        nth = bisect_right(minutes, after.hour * 60 + after.minute) if day == after.date() else 0
        if nth < len(minutes):
            return datetime.combine(day, time(), UTC) + timedelta(minutes=minutes[nth])
    return None


@settings(
    deadline=None,
    max_examples=depth(10, deep=40),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(pairs=st.lists(st.tuples(cron_texts.cron_texts, instants), min_size=40, max_size=40))
def test_any_next_tick_is_the_one_that_walking_day_by_day_finds(
    shared: Connection, pairs: list[tuple[str, datetime]]
) -> None:
    assert next_ticks(shared, pairs) == [cron_texts.next_tick(text, after) for text, after in pairs]


@settings(
    deadline=None,
    max_examples=depth(5, deep=20),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(texts=st.lists(cron_texts.cron_texts, min_size=10, max_size=10), after=instants)
def test_tick_by_tick_two_days_have_exactly_the_matching_minutes(
    shared: Connection, texts: list[str], after: datetime
) -> None:
    first = after.replace(second=0, microsecond=0) + timedelta(minutes=1)
    window = [first + timedelta(minutes=n) for n in range(2 * 24 * 60)]
    until = window[-1] + timedelta(minutes=1)
    chains = shared.execute(_CHAIN, {"crons": texts, "after": after, "until": until}).fetchall()
    for text, (chain,) in zip(texts, chains, strict=True):
        reading = read(text)
        assert chain == [minute for minute in window if reading.has_minute(minute)], text


def test_the_session_settings_do_not_matter(shared: Connection) -> None:
    query = "select extract(epoch from kronos.next_tick(kronos.parse_cron('30 2 29 3,10 *'), to_timestamp(%s)))"
    after = utc("2026-03-29 02:15").timestamp()
    with shared.transaction(force_rollback=True):
        for zone, style in [("UTC", "ISO, MDY"), ("Europe/Berlin", "German, DMY"), ("Asia/Kathmandu", "SQL, DMY")]:
            shared.execute("select set_config('TimeZone', %s, true), set_config('DateStyle', %s, true)", [zone, style])
            (tick,) = shared.execute(query, [after]).fetchone() or (None,)
            assert tick == utc("2026-03-29 02:30").timestamp()


def test_the_lowest_bit_is_found_at_each_position(shared: Connection) -> None:
    rows = shared.execute(
        """
        select n, kronos.lowest_bit(1::bigint << n), kronos.lowest_bit(-1::bigint << n)
          from generate_series(0, 62) as n
        """
    ).fetchall()
    assert rows == [(n, n, n) for n in range(63)]
    assert shared.execute("select kronos.lowest_bit(0)").fetchone() == (64,)


def test_the_interpreter_may_stand_in_an_index_and_a_parallel_plan(shared: Connection) -> None:
    rows = shared.execute(
        """
        select proname, provolatile::text, proparallel::text
          from pg_proc
         where pronamespace = 'kronos'::regnamespace
           and proname in ('parse_cron', 'next_tick', 'next_local_tick', 'describe_schedule', 'alarm')
      order by proname
        """
    ).fetchall()
    assert rows == [
        ("alarm", "s", "s"),
        ("describe_schedule", "i", "s"),
        ("next_local_tick", "i", "s"),
        ("next_tick", "i", "s"),
        ("parse_cron", "i", "s"),
    ]
