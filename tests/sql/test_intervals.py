"""Intervals: what a text means, the better text suggested for an invalid one, and ticks at anchor + n times the
interval.
"""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cron_texts import instants, utc
from depth import depth
from sql_factory import pg_cron

Connection = psycopg.Connection[tuple[object, ...]]

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)
_PARSE = "select kronos.parse_interval(%s, %s)"
_NEXT = "select kronos.next_tick(kronos.read_schedule(null, %s, %s, %s, 'SHIFT', 'FIRST'), %s)"


def refusal(connection: Connection, every: str, anchor: object = MIDNIGHT) -> psycopg.Error:
    with pytest.raises(psycopg.Error) as caught:
        connection.execute(_PARSE, [every, anchor])
    assert caught.value.sqlstate == "KR005"
    return caught.value


@pytest.mark.parametrize(
    ("every", "seconds"),
    [
        ("1m", 60),
        ("90m", 5400),
        ("1h30m", 5400),
        ("60s", 60),
        ("120s", 120),
        ("0h5m", 300),
        ("005m", 300),
        ("1m60s", 120),
        ("2d", 172_800),
        ("1w", 604_800),
        ("1w2d3h4m", 604_800 + 172_800 + 10_800 + 240),
        ("366d", 366 * 86_400),
        ("52w2d", 366 * 86_400),
        ("31622400s", 366 * 86_400),
    ],
)
def test_an_interval_is_whole_minutes(shared: Connection, every: str, seconds: int) -> None:
    assert shared.execute(_PARSE, [every, MIDNIGHT]).fetchone() == (seconds,)


@pytest.mark.parametrize(
    ("every", "named", "hint"),
    [
        ("", '""', "numbers with a unit"),
        ("90", '"90"', "90s, 90m, 90h or 90d"),
        ("90 m", '"90 m"', "Write 90m"),
        ("1h 30m", '"1h 30m"', "Write 1h30m"),
        ("90M", '"90M"', "write 90m for minutes, 90mo for months"),
        ("30m1h", '"30m1h"', "largest first"),
        ("1h1h", '"1h1h"', "each unit once"),
        ("1.5h", '"1.5h"', "whole numbers"),
        ("-5m", '"-5m"', "numbers with a unit"),
        ("PT5M", '"PT5M"', "Write 5m"),
        ("every 5m", '"every 5m"', "Write 5m"),
        ("5min", '"5min"', "Write 5m"),
        ("5m\n", "is not an interval", "Write 5m"),
        ("1 Hour", '"1 Hour"', "Write 1h"),
        ("2 hours and 30 minutes", '"2 hours and 30 minutes"', "Write 2h30m"),
        ("3 days", '"3 days"', "Write 3d"),
        ("1week", '"1week"', "Write 1w"),
        ("P1DT12H", '"P1DT12H"', "Write 1d12h"),
        ("P1M", '"P1M"', "Write 1mo"),
        ("1M", '"1M"', "write 1m for minutes, 1mo for months"),
        ("500M", '"500M"', "Write 500m: units are lower case"),
        ("every hour", '"every hour"', "Write 1h"),
        ("90S", '"90S"', "Write whole minutes"),
        ("30 seconds", '"30 seconds"', "Write whole minutes"),
        ("20 years", '"20 years"', "numbers with a unit"),
        ("P", '"P"', "numbers with a unit"),
        ("\u0665m", "is not an interval", "numbers with a unit"),
        ("1y", '"1y"', "y, mo, w, d, h, m, s"),
        ("0m", '"0m"', "Write 1m"),
        ("0s", '"0s"', "Write 1m"),
        ("367d", '"367d"', "cron text"),
        ("366d1m", '"366d1m"', "cron text"),
        ("99999999999d", '"99999999999d"', "cron text"),
        ("9" * 49 + "w", "366 days", "cron text"),
        ("9" * 5000 + "w", "is not an interval", "numbers with a unit"),
        ("61s", '"61s"', "Write 1m or 2m"),
        ("90s", '"90s"', "Write 1m or 2m"),
        ("1h30s", '"1h30s"', "Write 60m or 61m"),
    ],
)
def test_any_other_text_is_refused_with_a_better_one(shared: Connection, every: str, named: str, hint: str) -> None:
    with pg_cron(shared, "1.4"):  # with whole minutes only
        error = refusal(shared, every)
    assert named in (error.diag.message_primary or "")
    assert hint in (error.diag.message_hint or "")
    assert error.diag.column_name is None


@pytest.mark.parametrize(
    ("anchor", "hint"),
    [
        ("2026-01-01 00:00:01+00", "Write 2026-01-01T00:00:00Z"),
        ("2026-01-01 12:34:00.000001+00", "Write 2026-01-01T12:34:00Z"),
        ("infinity", "Write an instant"),
        ("-infinity", "Write an instant"),
        (None, "Write an instant"),
    ],
)
def test_the_anchor_of_minutes_is_a_whole_minute(shared: Connection, anchor: str | None, hint: str) -> None:
    error = refusal(shared, "5m", anchor)
    assert error.diag.column_name == "anchor"
    assert hint in (error.diag.message_hint or "")


@pytest.mark.parametrize("version", ["1.5", "1.6", "1.10", "2.0"])
def test_less_than_a_minute_is_accepted_from_pg_cron_1_5_on(shared: Connection, version: str) -> None:
    with pg_cron(shared, version):
        rows = shared.execute(
            "select kronos.parse_interval(every, %s) from unnest('{1s,59s,07s}'::text[]) as every", [MIDNIGHT]
        ).fetchall()
        assert rows == [(1,), (59,), (7,)]
        assert shared.execute(_PARSE, ["45s", utc("2026-01-01 00:00:07")]).fetchone() == (45,)
        with shared.transaction(force_rollback=True):
            assert refusal(shared, "45s", utc("2026-01-01 00:00:07.5")).diag.column_name == "anchor"


@pytest.mark.parametrize("version", ["1.4-1", "1.4", "1.3", "1.0"])
def test_on_an_older_pg_cron_less_than_a_minute_is_refused(shared: Connection, version: str) -> None:
    with pg_cron(shared, version):
        error = refusal(shared, "45s")
    assert "pg_cron 1.5" in (error.diag.message_primary or "")
    assert version in (error.diag.message_primary or "")
    assert "Write 1m" in (error.diag.message_hint or "")


@pytest.mark.parametrize(
    ("every", "anchor", "after", "tick"),
    [
        ("90m", "2026-01-01 00:00", "2026-01-01 00:00", "2026-01-01 01:30"),
        ("90m", "2026-01-01 00:00", "2026-01-01 01:29:59.999999", "2026-01-01 01:30"),
        ("90m", "2026-01-01 00:00", "2026-01-01 01:30", "2026-01-01 03:00"),
        ("90m", "2026-01-01 00:00", "2026-01-01 23:00", "2026-01-02 00:00"),
        ("7m", "2026-01-01 00:03", "2026-01-01 00:59", "2026-01-01 01:06"),
        # the anchor is the first tick
        ("90m", "2026-01-01 00:00", "2025-12-31 23:59:59.999999", "2026-01-01 00:00"),
        ("90m", "2026-01-01 00:00", "1950-01-01 00:00", "2026-01-01 00:00"),
        ("1d", "2030-05-05 05:05", "2026-01-01 00:00", "2030-05-05 05:05"),
        # an anchor long ago
        ("7m", "1970-01-01 00:00", "2026-01-01 00:00", "2026-01-01 00:07"),
        ("1w", "0001-01-01 00:00", "2026-01-01 00:00", "2026-01-05 00:00"),
        ("366d", "2024-01-01 00:00", "2024-01-01 00:00", "2025-01-01 00:00"),
    ],
)
def test_ticks_are_whole_intervals_from_the_anchor(
    shared: Connection, every: str, anchor: str, after: str, tick: str
) -> None:
    for zone in ("UTC", "Europe/Berlin"):
        assert shared.execute(_NEXT, [every, utc(anchor), zone, utc(after)]).fetchone() == (utc(tick),)


def test_an_interval_is_elapsed_time_where_clocks_change(shared: Connection) -> None:
    schedule = "kronos.read_schedule(null, '12h', %s, 'Europe/Berlin', 'SKIP', 'BOTH')"
    query = (
        f"select array(select extract(epoch from tick) from kronos.next_ticks({schedule}, to_timestamp(%s), 4) as tick)"
    )
    for day in ("2026-03-29", "2026-10-25"):
        noon = utc(f"{day} 12:00").timestamp()
        with shared.transaction(force_rollback=True):
            shared.execute("set local timezone = 'Europe/Berlin'")
            found = shared.execute(query, [MIDNIGHT, noon - 25 * 3600]).fetchone()
        assert found == ([noon + n * 12 * 3600 for n in (-2, -1, 0, 1)],)


@pytest.mark.parametrize(
    ("after", "tick"),
    [("infinity", None), ("9999-12-31 00:00+00", None), ("-infinity", MIDNIGHT), ("0044-03-15 BC", MIDNIGHT)],
)
def test_an_interval_ends_with_the_calendar(shared: Connection, after: str, tick: datetime | None) -> None:
    assert shared.execute(_NEXT.replace("%s)", "%s::timestamptz)"), ["1h", MIDNIGHT, "UTC", after]).fetchone() == (
        tick,
    )


_MANY = """
  select kronos.next_interval_tick(seconds, anchor, after)
    from unnest(%s::integer[], %s::timestamptz[], %s::timestamptz[]) with ordinality as given(seconds, anchor, after, n)
order by n
"""


@settings(
    deadline=None,
    max_examples=depth(10, deep=40),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    given_ones=st.lists(
        st.tuples(st.integers(1, 59) | st.integers(1, 366 * 1440).map(lambda n: n * 60), instants, instants),
        min_size=100,
        max_size=100,
    )
)
def test_any_tick_of_an_interval_is_the_first_whole_one_later(
    shared: Connection, given_ones: list[tuple[int, datetime, datetime]]
) -> None:
    columns = [list(column) for column in zip(*given_ones, strict=True)]
    rows = shared.execute(_MANY, columns).fetchall()
    for (seconds, anchor, after), (tick,) in zip(given_ones, rows, strict=True):
        step = timedelta(seconds=seconds)
        assert tick == (anchor + ((after - anchor) // step + 1) * step if after >= anchor else anchor)


_FIRST = (
    "select kronos.first_tick(kronos.read_schedule(null, '1d', %(anchor)s, 'UTC', 'SHIFT', 'FIRST'), "
    "%(starts_at)s, %(ends_at)s)"
)


@pytest.mark.parametrize(
    ("anchor", "starts_at", "tick"),
    [
        ("2090-01-01 06:00", None, "2090-01-01 06:00"),
        ("2026-01-01 06:00", "2090-01-01 06:00", "2090-01-01 06:00"),
        ("2026-01-01 06:00", "2090-01-01 06:00:01", "2090-01-02 06:00"),
        ("2090-01-05 06:00", "2090-01-01 06:00", "2090-01-05 06:00"),
    ],
)
def test_the_first_tick_is_the_first_whole_interval_from_starts_at_on(
    shared: Connection, anchor: str, starts_at: str | None, tick: str
) -> None:
    given_ones = {"anchor": utc(anchor), "starts_at": starts_at and utc(starts_at), "ends_at": None}
    assert shared.execute(_FIRST, given_ones).fetchone() == (utc(tick),)


def test_an_interval_that_begins_when_the_job_ends_is_refused(shared: Connection) -> None:
    with pytest.raises(psycopg.Error) as caught:
        shared.execute(
            _FIRST, {"anchor": utc("2090-01-05 06:00"), "starts_at": None, "ends_at": utc("2090-01-05 06:00")}
        )
    assert caught.value.sqlstate == "KR003"
