"""Which parts of a long history are searched, and how a row that stands for many ticks is spread over their time."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from cron_texts import utc
from sql_factory import Connection, value

DAY, WEEK, MINUTE = timedelta(days=1), timedelta(days=7), timedelta(minutes=1)
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


WEEKS = [utc(f"2026-{day}") for day in ("08-03", "08-10", "08-24", "08-31", "09-14")]


@pytest.mark.parametrize(
    ("lower", "upper", "spans"),
    [
        ("2026-07-01", None, [("2026-09-14", "2026-09-21"), ("2026-08-24", "2026-09-07"),
                              ("2026-08-03", "2026-08-17")]),
        ("2026-08-05", "2026-09-15", [("2026-09-14", "2026-09-15"), ("2026-08-24", "2026-09-07"),
                                      ("2026-08-05", "2026-08-17")]),
        ("2026-08-24", "2026-09-14", [("2026-08-24", "2026-09-07")]),
        ("2026-08-26", "2026-08-28", [("2026-08-26", "2026-08-28")]),
        ("2026-08-17", "2026-08-24", []),
        ("2026-08-16", "2026-08-25", [("2026-08-24", "2026-08-25"), ("2026-08-16", "2026-08-17")]),
        ("2026-09-21", None, []),
    ],
)  # fmt: skip
def test_of_a_long_time_only_the_weeks_that_have_anything_are_searched(
    shared: Connection, lower: str, upper: str | None, spans: list[tuple[str, str]]
) -> None:
    given = [WEEKS, utc(lower), upper and utc(upper)]
    found = shared.execute("select * from kronos.spans_to_look(%s::timestamptz[], %s, %s)", given).fetchall()
    assert found == [(utc(since), utc(until)) for since, until in spans]
    found = shared.execute("select * from kronos.spans_to_look(null, %s, %s)", given[1:]).fetchall()
    assert found == [tuple(given[1:])]


def below(
    connection: Connection, upper: datetime, days: int, weeks: list[datetime] | None, known: list[datetime], noted: str
) -> datetime:
    """The lower bound of the span below `upper`, where there are executions of these instants."""
    found: datetime = value(
        connection,
        "select kronos.span_below(%s, %s, %s::timestamptz[], array(select kronos.uuid7_floor(at)"
        "                                                            from unnest(%s::timestamptz[]) as at), %s)",
        [upper, days * DAY, weeks, known, utc(noted)],
    )
    return found


def test_a_short_span_is_as_long_as_asked_for(shared: Connection) -> None:
    upper = utc("2026-11-25 10:00")
    assert below(shared, upper, 15, [], [], "2020-01-01") == upper - 15 * DAY
    assert below(shared, upper, 400, None, [], "2020-01-01") == upper - 400 * DAY  # nothing is noted of the workspace


def test_a_long_span_begins_with_a_week_and_ends_where_there_is_enough_to_read(shared: Connection) -> None:
    """The fifth week, or the twenty-fifth known execution, whichever comes first."""
    upper, monday = utc("2026-11-25 10:00"), utc("2026-11-23")
    assert below(shared, upper, 16, [], [], "2026-11-24") == utc("2026-11-09")  # 16 days before, and its Monday
    many = [monday - nth * 10 * WEEK for nth in range(9)]
    assert below(shared, upper, 16, many, [], "2020-01-01") == many[4]
    assert below(shared, upper, 16, many[:5], [], "2020-01-01") == many[4]
    assert below(shared, upper, 16, many[:4], [], "2020-01-01") == utc("2019-12-30")  # too few: as far as is noted
    assert below(shared, upper, 16, many, [], "2026-03-04") == utc("2026-03-02")
    known = [upper - nth * 2 * DAY for nth in range(1, 40)]
    assert below(shared, upper, 16, many, known, "2020-01-01") == utc("2026-10-05")  # 50 days before
    assert below(shared, upper, 16, many, known[:24], "2020-01-01") == many[4]
    assert below(shared, upper, 16, [upper, *many], known, "2020-01-01") == utc("2026-10-05")
    assert below(shared, upper, 90, many, known, "2020-01-01") == utc("2026-08-24")  # further, as it was asked


@pytest.mark.parametrize(
    ("lasts", "ticks", "since", "shares", "each", "step"),
    [
        (timedelta(), 1, -9 * MINUTE, [0], 1, MINUTE),
        (timedelta(), 5, -9 * MINUTE, [0], 5, MINUTE),
        (2 * 60 * MINUTE, 3, -9 * MINUTE, [0, 1, 2], 1, 60 * MINUTE),
        (2 * 60 * MINUTE, 3, timedelta(), [0, 1, 2], 1, 60 * MINUTE),
        (2 * 60 * MINUTE, 3, MINUTE, [1, 2], 1, 60 * MINUTE),
        (2 * 60 * MINUTE, 3, 60 * MINUTE, [1, 2], 1, 60 * MINUTE),
        (2 * 60 * MINUTE, 3, 61 * MINUTE, [2], 1, 60 * MINUTE),
        (2 * 60 * MINUTE, 3, 121 * MINUTE, [], 1, 60 * MINUTE),
        (9 * MINUTE, 10, timedelta(), list(range(10)), 1, MINUTE),
        (9 * MINUTE, 540, timedelta(), list(range(10)), 54, MINUTE),  # one per second: a share for each minute
        (9 * MINUTE, 540, 7 * MINUTE, [7, 8, 9], 54, MINUTE),
        (MINUTE / 2, 30, timedelta(), [0], 30, MINUTE),
        (-MINUTE, 3, timedelta(), [], 1, MINUTE),  # a row that ends before it begins
    ],
)
def test_a_row_of_many_ticks_is_spread_evenly_over_their_time(
    shared: Connection,
    lasts: timedelta,
    ticks: int,
    since: timedelta,
    shares: list[int],
    each: int,
    step: timedelta,
) -> None:
    """Each share is of a tick or, if they are less than a minute apart, of a minute."""
    found = shared.execute(
        "select at, ticks from kronos.spread_ticks(%s, %s, %s, %s)", [NOON, NOON + lasts, ticks, NOON + since]
    ).fetchall()
    assert found == [(NOON + nth * step, Decimal(each)) for nth in shares]
