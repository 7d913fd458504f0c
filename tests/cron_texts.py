"""Random cron texts, and a slow reading of them. It is written from crontab(5), pg_cron's star rule and Quartz's ?, L,
W and #, not from sql/.

A range that runs backwards wraps around: past the field's last value to its first, and its step continues counting
(22-6/3: 22, 1, 4).
"""

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache

from hypothesis import strategies as st

MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * sun",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 jan *",
    "@annually": "0 0 1 jan *",
}
HORIZON_YEARS = 41


def utc(text: str) -> datetime:
    """The UTC instant that the text denotes."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@cache
def _month(year: int, month: int) -> tuple[int, list[int]]:
    """A month's number of days, and its days from Monday to Friday."""
    length = calendar.monthrange(year, month)[1]
    return length, [n for n in range(1, length + 1) if date(year, month, n).isoweekday() <= 5]


@cache
def _nearest(year: int, month: int, named: int) -> int:
    """The day from Monday to Friday, in the month, that is nearest to the named one."""
    _, workdays = _month(year, month)
    return min(workdays, key=lambda n: abs(n - named))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A cron text, read as plain sets."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    is_last_day: bool  # $ or L
    is_last_workday: bool  # LW
    nearest_days: frozenset[int]  # 15W
    before_last: frozenset[int]  # L-3: 3
    near_before_last: frozenset[int]  # L-3W: 3
    months: frozenset[int]
    weekdays: frozenset[int]  # Monday = 1 ... Sunday = 7
    nth_weekdays: frozenset[tuple[int, int]]  # (weekday, n): 5#2
    last_weekdays: frozenset[int]  # 5L
    both_days: bool

    def has_day(self, day: date) -> bool:
        """Whether ticks fall on this day."""
        if day.month not in self.months:
            return False
        in_days, in_weekdays = self._is_named_day(day), self._is_named_weekday(day)
        return (in_days and in_weekdays) if self.both_days else (in_days or in_weekdays)

    def _is_named_day(self, day: date) -> bool:
        if day.day in self.days:
            return True
        if not (
            self.is_last_day or self.is_last_workday or self.nearest_days or self.before_last or self.near_before_last
        ):
            return False
        length, workdays = _month(day.year, day.month)
        near = {*self.nearest_days, *(length - n for n in self.near_before_last)}
        return (
            (self.is_last_day and day.day == length)
            or (self.is_last_workday and day.day == workdays[-1])
            or length - day.day in self.before_last
            or any(day.day == _nearest(day.year, day.month, named) for named in near if 1 <= named <= length)
        )

    @property
    def has_days_of_its_own(self) -> bool:
        """Whether it names days with syntax that pg_cron does not have."""
        of_month = (
            self.is_last_day or self.is_last_workday or self.nearest_days or self.before_last or self.near_before_last
        )
        return bool(of_month or self.nth_weekdays or self.last_weekdays)

    def _is_named_weekday(self, day: date) -> bool:
        weekday = day.isoweekday()
        if weekday in self.weekdays or (weekday, (day.day + 6) // 7) in self.nth_weekdays:
            return True
        return weekday in self.last_weekdays and (day + timedelta(days=7)).month != day.month

    def has_minute(self, at: datetime) -> bool:
        """Whether a tick falls on this minute."""
        return at.minute in self.minutes and at.hour in self.hours and self.has_day(at.date())

    def times(self) -> list[tuple[int, int]]:
        """The (hour, minute) pairs at which a day has ticks, in order."""
        return [(hour, minute) for hour in sorted(self.hours) for minute in sorted(self.minutes)]


def _values(items: list[str], low: int, high: int, names: list[str]) -> Iterator[int]:
    """Each value that a field's items name."""

    def number(text: str) -> int:
        return names.index(text) + low if text in names else int(text)

    for item in items:
        span, _, step = item.partition("/")
        if span == "*":
            first, last = low, high
        elif "-" in span:
            first, last = (number(end) for end in span.split("-"))
        else:
            first = last = number(span)
        round_trip = 7 if high == 7 else high - low + 1  # weekday 7 wraps to 0
        for n in range(first, last + 1 + (round_trip if first > last else 0), int(step or 1)):
            yield n if n <= high else n - round_trip


def _weekday(text: str) -> int:
    number = WEEKDAYS.index(text) if text in WEEKDAYS else int(text)
    return (number - 1) % 7 + 1


def read(text: str) -> Reading:
    """Read a valid cron text into sets."""
    text = text.strip(" \t\r\n")
    fields = [field.split(",") for field in re.split(r"[ \t]+", MACROS.get(text, text).lower())]
    minute, hour, day, month, weekday = fields
    day, weekday = (["*"] if field == ["?"] else field for field in (day, weekday))
    return Reading(
        minutes=frozenset(_values(minute, 0, 59, [])),
        hours=frozenset(_values(hour, 0, 23, [])),
        days=frozenset(_values([item for item in day if not re.search(r"[$lw]", item)], 1, 31, [])),
        is_last_day="$" in day or "l" in day,
        is_last_workday="lw" in day,
        nearest_days=frozenset(int(item[:-1]) for item in day if re.fullmatch(r"\d+w", item)),
        before_last=frozenset(int(item[2:]) for item in day if re.fullmatch(r"l-\d+", item)),
        near_before_last=frozenset(int(item[2:-1]) for item in day if re.fullmatch(r"l-\d+w", item)),
        months=frozenset(_values(month, 1, 12, MONTHS)),
        weekdays=frozenset(
            (value - 1) % 7 + 1
            for value in _values([item for item in weekday if not re.search(r"l$|#", item)], 0, 7, WEEKDAYS)
        ),
        nth_weekdays=frozenset((_weekday(item[:-2]), int(item[-1])) for item in weekday if "#" in item),
        last_weekdays=frozenset(_weekday(item[:-1]) for item in weekday if item.endswith("l")),
        both_days=day[0].startswith("*") or weekday[0].startswith("*"),
    )


def next_tick(text: str, after: datetime) -> datetime | None:
    """Return the first tick later than `after`, by walking day by day."""
    reading = read(text)
    times = reading.times()
    day = after.date()
    while day.year <= after.year + HORIZON_YEARS:
        if reading.has_day(day):
            for hour, minute in times:
                tick = datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)
                if tick > after:
                    return tick
        day += timedelta(days=1)
    return None


@st.composite
def _item(draw: st.DrawFn, low: int, high: int, names: list[str]) -> str:
    def written(value: int) -> str:
        named = value - low < len(names) and draw(st.booleans())
        if named:
            return draw(st.sampled_from([str.lower, str.upper, str.title]))(names[value - low])
        return draw(st.sampled_from(["{}", "{:02}"])).format(value)

    values = st.integers(low, high)
    kind = draw(st.sampled_from(["value", "value", "range", "star", "range/step", "star/step"]))
    if kind == "value":
        return written(draw(values))
    ends = [draw(values), draw(values)]
    if draw(st.sampled_from([True, True, False])):
        ends.sort()  # otherwise the range may wrap around
    span = "*" if "star" in kind else "-".join(map(written, ends))
    return f"{span}/{draw(st.integers(1, high))}" if "step" in kind else span


def _field(
    low: int, high: int, names: list[str] | None = None, *, special: st.SearchStrategy[str] | None = None
) -> st.SearchStrategy[str]:
    items = _item(low, high, names or [])
    if special is not None:
        items = st.one_of(items, items, items, special)
    lists = st.lists(items, min_size=1, max_size=4).map(",".join)
    return st.one_of(st.just("*") if special is None else st.sampled_from(["*", "*", "?"]), lists)


_SPECIAL_DAYS = st.one_of(
    st.sampled_from(["$", "L", "LW", "lw"]),
    st.builds("{}{}".format, st.integers(1, 31), st.sampled_from(["W", "w"])),
    st.builds("{}{}{}".format, st.sampled_from(["L-", "l-"]), st.integers(1, 30), st.sampled_from(["", "", "W", "w"])),
)
_SPECIAL_WEEKDAYS = st.builds(
    "{}{}".format,
    st.one_of(st.integers(0, 7), st.sampled_from(WEEKDAYS), st.sampled_from(WEEKDAYS).map(str.upper)),
    st.sampled_from(["#1", "#2", "#3", "#4", "#5", "L", "l"]),
)
_BLANKS = st.sampled_from([" ", " ", " ", "  ", "\t", " \t "])
_FIVE_FIELDS = st.builds(
    lambda fields, blanks, outer: (
        outer[0] + "".join(f + b for f, b in zip(fields, [*blanks, ""], strict=True)) + outer[1]
    ),
    st.tuples(
        _field(0, 59),
        _field(0, 23),
        _field(1, 31, special=_SPECIAL_DAYS),
        _field(1, 12, MONTHS),
        _field(0, 7, WEEKDAYS, special=_SPECIAL_WEEKDAYS),
    ),
    st.lists(_BLANKS, min_size=4, max_size=4),
    st.tuples(st.sampled_from(["", "", " ", "\t"]), st.sampled_from(["", "", "", " ", "\t", "\n", "\r\n"])),
).filter(lambda text: len(text) <= 200)

# Valid texts: ten with five fields for each macro.
cron_texts: st.SearchStrategy[str] = st.one_of(*[_FIVE_FIELDS] * 10, st.sampled_from(sorted(MACROS)))


# Instants of two centuries. Half of them are within a minute of the end of a year, a leap day or the end of a month.
def _edge(year: int, day: tuple[int, int], seconds: int) -> datetime:
    return datetime(year, day[0], day[1], tzinfo=UTC) + timedelta(seconds=seconds)


_EDGES = st.builds(
    _edge,
    st.integers(1950, 2150),
    st.sampled_from([(1, 1), (2, 28), (3, 1), (5, 1), (12, 31)]),
    st.integers(-61, 61),
)
instants: st.SearchStrategy[datetime] = st.one_of(
    _EDGES,
    st.datetimes(datetime(1950, 1, 1), datetime(2150, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - UTC by timezones
)
