"""Impossible calendar intervals: the error, and what to write instead."""

import psycopg
import pytest

from calendar_interval import SCHEDULE, Interval
from sql_factory import Connection, value


def refusal(connection: Connection, every: str, **given: object) -> tuple[str, str, str | None]:
    """The message, the hint, and the field that it is about."""
    with pytest.raises(psycopg.Error) as caught:
        connection.execute(f"select {SCHEDULE}", Interval(every, "2026-12-07T09:00").params(**given))
    assert caught.value.sqlstate == "KR005"
    told = caught.value.diag
    return told.message_primary or "", told.message_hint or "", told.column_name


@pytest.mark.parametrize(
    ("every", "message", "hint"),
    [
        ("36h", "hours, minutes and seconds are real time", "give the anchor an offset"),
        ("1d12h", "hours, minutes and seconds are real time", "give the anchor an offset"),
        ("90m", "hours, minutes and seconds are real time", "whole days, weeks, months or years"),
        ("1mo12h", "hours, minutes and seconds are real time", "Write whole years and months, as in 1y6mo"),
        ("1mo2w", "mixes months and days", "weeks and days, as in 2w"),
        ("1y1d", "mixes months and days", "weeks and days, as in 2w"),
        ("0d", "not between one day and 366 days", "1d for every day"),
        ("0mo", "not between one day", "1d for every day"),
        ("367d", "not between one day", "months or years, as in 2y"),
        ("121mo", "one month and ten years", "at most 10y"),
        ("11y", "one month and ten years", "at most 10y"),
        ("1M", "is not an interval", "write 1m"),
        ("1MO", "is not an interval", "Write 1mo"),
        ("1 mo", "is not an interval", "Write 1mo"),
        ("2d1w", "is not an interval", "largest first"),
        ("1month", "is not an interval", "Write 1mo"),
        ("2 Years", "is not an interval", "Write 2y"),
        ("", "is not an interval", "numbers with a unit"),
        ("9" * 49 + "d", "not between one day", "months or years"),
        ("9" * 60 + "d", "is not an interval", "numbers with a unit"),
    ],
)
def test_what_no_wall_clock_counts_is_refused_with_a_better_one(
    shared: Connection, every: str, message: str, hint: str
) -> None:
    told, better, column = refusal(shared, every)
    assert (message in told, hint in better, column) == (True, True, None), (told, better)


def test_an_anchor_of_a_wall_clock_is_a_whole_minute_and_has_no_offset(shared: Connection) -> None:
    told, hint, column = refusal(shared, "2w", anchor="2026-12-07T09:00:30")
    assert ("whole minute" in told, hint, column) == (True, "Write 2026-12-07T09:00:00 instead.", "anchor")
    told, hint, column = refusal(shared, "2w", anchor="infinity")
    assert (hint, column) == ("Write a local time, such as 2026-12-01T09:00:00.", "anchor")
    with pytest.raises(psycopg.Error) as caught:
        shared.execute(
            "select kronos.read_schedule(null, '1mo', '2026-12-07T08:00Z', 'Europe/Berlin', 'SHIFT', 'FIRST')"
        )
    assert (caught.value.sqlstate, caught.value.diag.column_name) == ("KR005", "anchor")
    assert "2026-12-07T09:00:00, which is that instant in Europe/Berlin" in (caught.value.diag.message_hint or "")


def test_months_without_an_anchor_are_counted_from_the_zones_present_minute(shared: Connection) -> None:
    query = """
        select (kronos.read_schedule(null, '1mo', null, 'Asia/Kolkata', 'SHIFT', 'FIRST')).anchor_local
               = date_trunc('minute', now() at time zone 'Asia/Kolkata')
    """
    assert value(shared, query) is True


@pytest.mark.parametrize(
    ("field", "fault"),
    [
        ("every_days = 0", "every_days 0, every_months null, anchor 2026-12-07 09:00:00"),
        ("every_days = null", "every_days null, every_months null, anchor 2026-12-07 09:00:00"),
        ("every_months = 1", "every_days 14, every_months 1, anchor 2026-12-07 09:00:00"),
    ],
)
def test_a_malformed_one_is_reported(shared: Connection, field: str, fault: str) -> None:
    name, wrong = field.split(" = ")
    query = f"select kronos.schedule_fault(jsonb_populate_record({SCHEDULE}, jsonb_build_object('{name}', {wrong})))"
    assert value(shared, query, Interval("2w", "2026-12-07T09:00").params()) == f"its interval is invalid: {fault}"


@pytest.mark.parametrize(
    "columns", ["row.every_days = -5", "row.every_days = 0", "row.every_days = null, row.every_months = -3"]
)
def test_one_that_goes_back_is_refused_as_it_is_read(shared: Connection, columns: str) -> None:
    """As edited by hand: if the next tick were not later than the last one, every ring would search for it
    without end.
    """
    assignments = "; ".join(each.replace(" = ", " := ") for each in columns.split(", "))
    shared.execute(
        f"""
        create or replace function pg_temp.next_of_a_broken_one() returns timestamptz language plpgsql as $$
        declare
            row kronos.schedule := kronos.read_schedule(null, '2w', null, 'UTC', 'SHIFT', 'FIRST', '2026-12-07T09:00');
        begin
            {assignments};
            return kronos.next_tick(row, '2027-03-01T00:00Z');
        end $$"""
    )
    with pytest.raises(psycopg.DataError):
        shared.execute("select pg_temp.next_of_a_broken_one()")
