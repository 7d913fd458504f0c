"""Random cron texts, and a slow reading of them written from crontab(5) and pg_cron's star rule, not from sql/."""

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a cron text says, as plain sets."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    is_last_day: bool
    months: frozenset[int]
    weekdays: frozenset[int]  # Monday = 1 ... Sunday = 7
    both_days: bool

    def has_day(self, day: date) -> bool:
        """Whether ticks fall on this day."""
        if day.month not in self.months:
            return False
        is_last = day.day == calendar.monthrange(day.year, day.month)[1]
        in_days = day.day in self.days or (self.is_last_day and is_last)
        in_weekdays = day.isoweekday() in self.weekdays
        return (in_days and in_weekdays) if self.both_days else (in_days or in_weekdays)

    def has_minute(self, at: datetime) -> bool:
        """Whether a tick falls on this minute."""
        return at.minute in self.minutes and at.hour in self.hours and self.has_day(at.date())

    def times(self) -> list[tuple[int, int]]:
        """The (hour, minute) pairs of a day with ticks, in order."""
        return [(hour, minute) for hour in sorted(self.hours) for minute in sorted(self.minutes)]


def _values(field: str, low: int, high: int, names: list[str]) -> Iterator[int]:
    """Each value that a comma-separated field names."""

    def number(text: str) -> int:
        return names.index(text) + low if text in names else int(text)

    for item in field.lower().split(","):
        if item == "$":
            continue
        span, _, step = item.partition("/")
        if span == "*":
            first, last = low, high
        elif "-" in span:
            first, last = (number(end) for end in span.split("-"))
        else:
            first = last = number(span)
        yield from range(first, last + 1, int(step or 1))


def read(text: str) -> Reading:
    """The sets of a valid cron text."""
    text = text.strip(" \t")
    minute, hour, day, month, weekday = re.split(r"[ \t]+", MACROS.get(text, text))
    return Reading(
        minutes=frozenset(_values(minute, 0, 59, [])),
        hours=frozenset(_values(hour, 0, 23, [])),
        days=frozenset(_values(day, 1, 31, [])),
        is_last_day="$" in day,
        months=frozenset(_values(month, 1, 12, MONTHS)),
        weekdays=frozenset((value - 1) % 7 + 1 for value in _values(weekday, 0, 7, WEEKDAYS)),
        both_days=day[0] == "*" or weekday[0] == "*",
    )


def next_tick(text: str, after: datetime) -> datetime | None:
    """The first tick later than `after`, found by walking day by day."""
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
    span = "*" if "star" in kind else "-".join(written(end) for end in sorted([draw(values), draw(values)]))
    return f"{span}/{draw(st.integers(1, high))}" if "step" in kind else span


def _field(low: int, high: int, names: list[str] | None = None, *, last_day: bool = False) -> st.SearchStrategy[str]:
    items = _item(low, high, names or [])
    if last_day:
        items = st.one_of(items, items, items, st.just("$"))
    lists = st.lists(items, min_size=1, max_size=4).map(",".join)
    return st.one_of(st.just("*"), lists)


_BLANKS = st.sampled_from([" ", " ", " ", "  ", "\t", " \t "])
_FIVE_FIELDS = st.builds(
    lambda fields, blanks, outer: outer[0] + "".join(f + b for f, b in zip(fields, [*blanks, ""], strict=True)) + outer[1],
    st.tuples(_field(0, 59), _field(0, 23), _field(1, 31, last_day=True), _field(1, 12, MONTHS), _field(0, 7, WEEKDAYS)),
    st.lists(_BLANKS, min_size=4, max_size=4),
    st.tuples(st.sampled_from(["", "", " ", "\t"]), st.sampled_from(["", "", " ", "\t"])),
).filter(lambda text: len(text) <= 200)

# Valid texts: ten of five fields for each macro.
cron_texts: st.SearchStrategy[str] = st.one_of(*[_FIVE_FIELDS] * 10, st.sampled_from(sorted(MACROS)))


# Instants of two centuries, half of them within a minute of a year's end, a leap day or a month's end.
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
