"""Random day-of-month and weekday fields with ?, L, W, # and wrapping ranges, each with its meaning. Nothing here is
taken from sql/.
"""

import calendar
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from hypothesis import strategies as st

Meaning = Callable[[date], bool]
_NAMES = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a field's list, and the days that it names."""

    text: str
    has_day: Meaning


@dataclass(frozen=True, slots=True)
class DayFields:
    """The day-of-month, month and weekday fields of a cron text."""

    days: tuple[Item, ...]
    months: tuple[int, ...]
    weekdays: tuple[Item, ...]

    @property
    def text(self) -> str:
        """The text of the three fields."""
        months = ",".join(map(str, self.months)) or "*"
        return " ".join(
            [",".join(item.text for item in self.days), months, ",".join(item.text for item in self.weekdays)]
        )

    def has_day(self, day: date) -> bool:
        """Whether a day matches: both fields if one of them begins with a star, else either."""
        if self.months and day.month not in self.months:
            return False
        in_days = any(item.has_day(day) for item in self.days)
        in_weekdays = any(item.has_day(day) for item in self.weekdays)
        if self.days[0].text[0] in "*?" or self.weekdays[0].text[0] in "*?":
            return in_days and in_weekdays
        return in_days or in_weekdays


def nearest_weekday(day: date) -> date:
    """The nearest day from Monday to Friday in the same month."""
    step = {5: -1, 6: 1}.get(day.weekday(), 0)
    near = day + timedelta(days=step)
    return near if near.month == day.month else day - timedelta(days=2 * step)


def _last(day: date) -> date:
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def _day(n: int) -> Item:
    return Item(str(n), lambda day: day.day == n)


def _days(low: int, high: int) -> Item:
    return Item(f"{low}-{high}", lambda day: low <= day.day <= high)


def _nearest(n: int) -> Item:
    return Item(f"{n}W", lambda day: n <= _last(day).day and day == nearest_weekday(day.replace(day=n)))


def _around(first: int, last: int) -> Item:
    return Item(f"{first}-{last}", lambda day: day.day >= first or day.day <= last)


def _before_last(n: int) -> Item:
    return Item(f"L-{n}", lambda day: day + timedelta(days=n) == _last(day))


def _nearest_before_last(n: int) -> Item:
    return Item(f"L-{n}W", lambda day: n < _last(day).day and day == nearest_weekday(_last(day) - timedelta(days=n)))


def _weekday(n: int, written: str) -> Item:
    return Item(written, lambda day: day.isoweekday() % 7 == n)


def _nth(n: int, written: str, nth: int) -> Item:
    return Item(f"{written}#{nth}", lambda day: day.isoweekday() % 7 == n and (day.day + 6) // 7 == nth)


def _last_weekday(n: int, written: str) -> Item:
    return Item(f"{written}L", lambda day: day.isoweekday() % 7 == n and _last(day) - day < timedelta(days=7))


def _weekdays(first: tuple[int, str], last: tuple[int, str]) -> Item:
    """From one weekday to the next occurrence of the other. A range from a day to itself is one day."""
    named = {(first[0] + n) % 7 for n in range((last[0] - first[0]) % 7 + 1)}
    return Item(f"{first[1]}-{last[1]}", lambda day: day.isoweekday() % 7 in named)


_ANY = Item("*", lambda day: True)
_MONTH_DAYS = st.one_of(
    st.integers(1, 31).map(_day),
    st.tuples(st.integers(1, 15), st.integers(16, 31)).map(lambda ends: _days(*ends)),
    st.tuples(st.integers(17, 31), st.integers(1, 16)).map(lambda ends: _around(*ends)),
    st.integers(1, 31).map(_nearest),
    st.integers(1, 30).map(_before_last),
    st.integers(1, 30).map(_nearest_before_last),
    st.sampled_from([1, 2, 15, 28, 30, 31]).map(_nearest),
    st.sampled_from(
        [
            Item("L", lambda day: day == _last(day)),
            Item("$", lambda day: day == _last(day)),
            Item("LW", lambda day: day == nearest_weekday(_last(day))),
        ]
    ),
)
# Sunday is 0 or 7; names as well as numbers.
_NUMBERS = st.sampled_from([(n % 7, str(n)) for n in range(8)] + [(n, name) for n, name in enumerate(_NAMES)])
# 7-7 is Sunday, but 0-7 is every day, as in other crons.
_RANGES = st.tuples(_NUMBERS, _NUMBERS).filter(lambda ends: (ends[0][0], ends[1][1]) != (0, "7") or ends[0][1] == "7")
_WEEK_DAYS = st.one_of(
    _NUMBERS.map(lambda given: _weekday(*given)),
    _RANGES.map(lambda ends: _weekdays(*ends)),
    st.tuples(_NUMBERS, st.integers(1, 5)).map(lambda given: _nth(*given[0], given[1])),
    _NUMBERS.map(lambda given: _last_weekday(*given)),
)
_ALL = st.sampled_from([(_ANY,), (_ANY,), (Item("?", lambda day: True),)])
day_fields: st.SearchStrategy[DayFields] = st.builds(
    DayFields,
    st.one_of(
        _ALL,
        st.just((Item("*/2", lambda day: day.day % 2 == 1),)),
        st.lists(_MONTH_DAYS, min_size=1, max_size=4).map(tuple),
    ),
    st.one_of(st.just(()), st.lists(st.integers(1, 12), min_size=1, max_size=3).map(tuple)),
    st.one_of(_ALL, st.lists(_WEEK_DAYS, min_size=1, max_size=4).map(tuple)),
)
