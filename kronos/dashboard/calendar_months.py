"""A month of a calendar, day by day: whether each day is open or closed, and the calendar's names for it."""

from calendar import Calendar as Weeks
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from kronos.calendar_days import Span, named_spans
from kronos.calendar_terms import Calendar, Weekday
from kronos.dashboard.rendering import zone_of
from kronos.records import dataclass
from kronos.server_time import CLOCK

_WEEK: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = timedelta(days=1)
_MOST_LOOKED_AT = 800
_Times = list[tuple[datetime, datetime]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarDate:
    """A day: `is_open` like a business day, `is_closed` all day, or open at certain `hours`.

    These are fields, not properties: a page for a key that sees no payloads receives only fields
    (kronos/api/withheld.py)."""

    day: date
    is_open: bool
    is_closed: bool
    hours: list[str]
    names: list[str]
    is_today: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarMonth:
    """The days of a month by week; None for days of another month."""

    name: str
    before: str | None
    after: str | None
    weeks: list[list[CalendarDate | None]]


def month(calendar: Calendar, named: str | None) -> CalendarMonth:
    """Return the named month (`2026-12`), or the current one."""
    first = _first(calendar, named)
    after, before = (first + 32 * _DAY).replace(day=1), (first - _DAY).replace(day=1)
    spans = named_spans(calendar.days)
    return CalendarMonth(
        name=f"{first:%B %Y}",
        before=f"{before:%Y-%m}" if before.year >= _FIRST_YEAR else None,
        after=f"{after:%Y-%m}" if after.year <= _LAST_YEAR else None,
        weeks=[
            [_date(calendar, spans, day) if day.month == first.month else None for day in week]
            for week in Weeks().monthdatescalendar(first.year, first.month)
        ],
    )


def coming(calendar: Calendar, most: int) -> list[CalendarDate]:
    """Return up to `most` coming days for which the calendar lists an exception from its week."""
    today = _today(calendar)
    spans = [span for span in named_spans(calendar.days) if span.ends.date() >= today]
    found: list[CalendarDate] = []
    looked, day = 0, today
    for span in spans:
        day = max(day, span.begins.date())
        while datetime.combine(day, time()) < span.ends and len(found) < most and looked < _MOST_LOOKED_AT:
            found.append(_date(calendar, spans, day))
            day, looked = day + _DAY, looked + 1
    return found


_FIRST_YEAR, _LAST_YEAR = 1970, 2999


def _today(calendar: Calendar) -> date:
    return CLOCK.now().astimezone(zone_of(calendar.timezone)).date()


def _first(calendar: Calendar, named: str | None) -> date:
    if named is None:
        return _today(calendar).replace(day=1)
    return date(max(_FIRST_YEAR, min(int(named[:4]), _LAST_YEAR)), int(named[5:]), 1)


def _date(calendar: Calendar, spans: Sequence[Span], day: date) -> CalendarDate:
    begins = datetime.combine(day, time())
    ends = begins + _DAY
    usual = _usual(calendar, begins)
    there = [span for span in spans if span.begins < ends and span.ends > begins]
    times = usual
    for span in there:
        times = _joined(times, span, begins) if span.is_open else _without(times, span)
    names = list(dict.fromkeys(span.name for span in there)) or ([] if usual else [f"{day:%A}"])
    is_open = bool(times) and (times in (usual, [(begins, ends)]))
    return CalendarDate(
        day=day,
        is_open=is_open,
        is_closed=not times,
        hours=[] if is_open else [f"{_clock(since, ends)}-{_clock(until, ends)}" for since, until in times],
        names=names,
        is_today=day == _today(calendar),
    )


def _usual(calendar: Calendar, begins: datetime) -> _Times:
    """Return the day's open times according to the weekly pattern only."""
    if calendar.business_days is not None and _WEEK[begins.weekday()] not in calendar.business_days:
        return []
    hours = calendar.business_hours
    if hours is None:
        return [(begins, begins + _DAY)]
    return [(_at(begins, hours.opens), _at(begins, hours.closes))]


def _at(begins: datetime, clock: str) -> datetime:
    return begins + timedelta(hours=int(clock[:2]), minutes=int(clock[3:]))


def _clock(at: datetime, ends: datetime) -> str:
    return "24:00" if at == ends else f"{at:%H:%M}"


def _without(times: _Times, span: Span) -> _Times:
    parts = [(since, min(until, span.begins)) for since, until in times]
    parts += [(max(since, span.ends), until) for since, until in times]
    return sorted((since, until) for since, until in parts if since < until)


def _joined(times: _Times, span: Span, day: datetime) -> _Times:
    opened = (max(span.begins, day), min(span.ends, day + _DAY))
    joined: _Times = []
    for since, until in sorted([*times, opened]):
        if joined and since <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(until, joined[-1][1]))
        else:
            joined.append((since, until))
    return joined
