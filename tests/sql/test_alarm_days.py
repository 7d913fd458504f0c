"""The days of an alarm: each day that a day-of-month field can name, and the same in UTC where that is another day.

Nothing else reads alarm_month_days and alarm_days: the alarm of a job in UTC is its own text.
"""

from calendar import monthrange
from datetime import date, timedelta
from functools import cache
from typing import Any

import pytest

from cron_texts import read
from sql.truths import differing
from sql_factory import Connection

_NAMES = ("L", "LW", *(str(n) for n in range(1, 32)), *(f"{n}W" for n in range(1, 32)))
_BEFORE = tuple(f"L-{n}{near}" for n in range(1, 31) for near in ("", "W"))
_ALL_DAYS = [date(2001, 1, 1) + timedelta(days=n) for n in range(28 * 365 + 7)]
"""28 years: each length of a month with each weekday that it can begin on."""


@cache
def _firsts() -> dict[tuple[int, int], date]:
    """The first day of one month of each kind, by its weekday and the month's length."""
    return {monthrange(year, month): date(year, month, 1) for year in range(2001, 2029) for month in range(1, 13)}


@cache
def _days_of(cron: str) -> list[date]:
    reading = read(cron)
    return [day for day in _ALL_DAYS if reading.has_day(day)]


def _bits(numbers: set[int]) -> int:
    return sum(1 << number for number in numbers)


@pytest.mark.parametrize("length", [28, 29, 30, 31])
def test_the_days_of_a_month_are_all_that_its_field_can_name(shared: Connection, length: int) -> None:
    days = [first + timedelta(days=n) for (_, of), first in _firsts().items() for n in range(of) if of == length]
    assert len(days) == 7 * length
    facts: list[tuple[Any, ...]] = []
    for name in (*_NAMES, *_BEFORE, "*", "1-31/7", "1,15W,L-2", "30,L-30", "LW,2W"):
        reading = read(f"0 0 {name} * *")
        facts.append((name, length, _bits({day.day for day in days if reading.has_day(day)})))
    call = "kronos.alarm_month_days(kronos.parse_cron(format('0 0 %%s * *', %s::text)), %s)"
    assert differing(shared, call, facts) == []


@pytest.mark.parametrize("shift", [-1, 0, 1])
@pytest.mark.parametrize("months", ["*", "1", "2", "3", "4", "12", "2,8"])
def test_days_are_shifted_with_their_months(shared: Connection, months: str, shift: int) -> None:
    """The first of March is the 28th or 29th of February a day earlier, and the last of December is the first of
    January a day later.
    """
    days: list[tuple[Any, ...]] = []
    of_months: list[tuple[Any, ...]] = []
    for name in ("1", "2", "28", "29", "30", "31", "L", "LW", "1W", "15W", "31W", "L-1", "L-28", "L-29W", "1,15,L"):
        shifted = [day + timedelta(days=shift) for day in _days_of(f"0 0 {name} {months} *")]
        days.append((f"0 0 {name} {months} *", [shift], _bits({day.day for day in shifted})))
        of_months.append((f"0 0 {name} {months} *", [shift], _bits({day.month for day in shifted})))
    call = "(kronos.alarm_days(kronos.parse_cron(%s), %s::integer[]))"
    assert differing(shared, f"{call}.days", days) == []
    assert differing(shared, f"{call}.months", of_months) == []


@pytest.mark.parametrize("text", ["0 0 1 3 *", "0 0 L * *", "0 0 15W 2,12 *"])
def test_several_shifts_are_the_days_of_each(shared: Connection, text: str) -> None:
    days, months = (
        _bits({getattr(day + timedelta(days=shift), part) for day in _days_of(text) for shift in (-1, 1)})
        for part in ("day", "month")
    )
    call = "(kronos.alarm_days(kronos.parse_cron(%s), %s::integer[]))"
    assert differing(shared, f"{call}.days", [(text, [-1, 1], days)]) == []
    assert differing(shared, f"{call}.months", [(text, [-1, 1], months)]) == []


@pytest.mark.parametrize("shift", [-1, 0, 1])
def test_weekdays_are_shifted_around_the_week(shared: Connection, shift: int) -> None:
    facts = [(f"0 0 * * {day}", [shift], 1 << ((day + shift) % 7)) for day in range(7)]
    assert differing(shared, "(kronos.alarm_days(kronos.parse_cron(%s), %s::integer[])).weekdays", facts) == []


def test_a_weekday_beside_the_days_may_be_any_day_of_the_month_and_every_day_stays_every_day(
    shared: Connection,
) -> None:
    facts = [
        ("0 0 15 3 *", [-1], 1 << 3),
        ("0 0 15 3 5", [-1], 1 << 2 | 1 << 3),  # the 15th, or any Friday
        ("0 0 15 3 5", [1], 1 << 3 | 1 << 4),
        ("0 0 15 3 */2", [-1], 1 << 3),  # only the 15th
    ]
    call = "(kronos.alarm_days(kronos.parse_cron(%s), %s::integer[]))"
    assert differing(shared, f"{call}.months", facts) == []
    every_day = 2**32 - 2
    assert differing(shared, f"{call}.days", [("0 0 * 2 *", [shift], every_day) for shift in (-1, 0, 1)]) == []
    assert differing(shared, f"{call}.days", [("0 0 1-28 2 *", [0], 2**29 - 2)]) == []
