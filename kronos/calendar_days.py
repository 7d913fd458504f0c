"""Compile a calendar into the form that PostgreSQL evaluates: ordered spans that do not overlap, and minutes of the
week."""

import heapq
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import pairwise

from kronos import errors
from kronos.calendar_terms import BusinessHours, CalendarDay, Weekday
from kronos.errors import Fault
from kronos.model import JsonObject
from kronos.records import dataclass

MOST_DAYS = 5_000
FIRST_YEAR, LAST_YEAR = 1970, 2999
_WEEK: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Local times [`begins`, `ends`) with one name."""

    begins: datetime
    ends: datetime
    name: str
    is_open: bool


def compiled(
    days: Sequence[CalendarDay], business_days: Sequence[Weekday] | None, hours: BusinessHours | None
) -> JsonObject:
    """Return the row of kronos.calendars. Raises Unprocessable, with pointers into the calendar."""
    spans = named_spans(days)
    return {
        "closed_week": closed_week(business_days, hours),
        "froms": [each.begins.isoformat() for each in spans],
        "tos": [each.ends.isoformat() for each in spans],
        "names": [each.name for each in spans],
        "are_open": [each.is_open for each in spans],
    }


def named_spans(days: Sequence[CalendarDay]) -> list[Span]:
    """Return the named days and times as ordered spans that do not overlap. Raises Unprocessable."""
    return list(_apart([_span(place, day) for place, day in enumerate(days)]))


def closed_week(business_days: Sequence[Weekday] | None, hours: BusinessHours | None) -> str:
    """Return the closed minutes of a week, counted from Monday's midnight, as the text of an int4multirange. Raises
    Unprocessable."""
    first, last = 0, _MINUTES
    if hours is not None:
        first, last = _minute(hours.opens, "/business_hours/opens"), _minute(hours.closes, "/business_hours/closes")
        if first >= last:
            detail, hint = "not after opens", "Hours cannot cross midnight: use two calendars, or leave them out."
            raise errors.Unprocessable.of(Fault(pointer="/business_hours/closes", detail=detail, hint=hint))
    closed: list[tuple[int, int]] = []
    for place, day in enumerate(_WEEK):
        start = place * _MINUTES
        if business_days is not None and day not in business_days:
            closed.append((start, start + _MINUTES))
        else:
            closed += [(start, start + first), (start + last, start + _MINUTES)]
    return "{" + ",".join(f"[{begins},{ends})" for begins, ends in closed if begins < ends) + "}"


def _minute(text: str, pointer: str) -> int:
    if text == "24:00":
        return _MINUTES
    try:
        at = time.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or len(text) != len("09:00") or at.tzinfo is not None:
        detail = f"{text[:20]!r} is not a time of day"
        raise errors.Unprocessable.of(Fault(pointer=pointer, detail=detail, hint="Write hours and minutes: 09:00."))
    return at.hour * 60 + at.minute


def _span(place: int, day: CalendarDay) -> Span:
    """Return the local times that an entry covers: whole days including the last, or up to a time. Raises
    Unprocessable."""
    pointer = f"/days/{place}"
    begins, _ = _time(day.starts, f"{pointer}/starts")
    ends, is_day = _time(day.ends or day.starts, f"{pointer}/ends")
    if is_day:
        ends += timedelta(days=1)
    if ends <= begins:
        detail = f"{day.ends or day.starts} is not after {day.starts}"
        hint = "A day ends with itself; a time needs a later time in ends."
        raise errors.Unprocessable.of(Fault(pointer=f"{pointer}/ends", detail=detail, hint=hint))
    return Span(begins=begins, ends=ends, name=day.name, is_open=day.open)


def _time(text: str, pointer: str) -> tuple[datetime, bool]:
    """Return a day or a local time, and whether it is a day."""
    is_day = len(text) == len("2026-12-25")
    try:
        at = datetime.combine(date.fromisoformat(text), time()) if is_day else datetime.fromisoformat(text)
    except ValueError:
        at = None
    if (
        at is None
        or at.tzinfo is not None
        or not FIRST_YEAR <= at.year <= LAST_YEAR
        or ("T" not in text and not is_day)
    ):
        detail = f"{text[:40]!r} is neither a day nor a local time in the years {FIRST_YEAR} to {LAST_YEAR}"
        hint = "Write 2026-12-25, or 2026-12-24T14:00 as the calendar's zone shows it."
        raise errors.Unprocessable.of(Fault(pointer=pointer, detail=detail, hint=hint))
    return at, is_day


def _apart(spans: Sequence[Span]) -> Iterator[Span]:
    """Yield the same times as spans that do not overlap: open wins over closed, then the entry that was named first."""
    edges = sorted({each.begins for each in spans} | {each.ends for each in spans})
    waiting = sorted(range(len(spans)), key=lambda place: spans[place].begins, reverse=True)
    there: list[tuple[bool, int]] = []  # a heap of those that have begun
    last: Span | None = None
    for begins, ends in pairwise(edges):
        while waiting and spans[waiting[-1]].begins <= begins:
            place = waiting.pop()
            heapq.heappush(there, (not spans[place].is_open, place))
        while there and spans[there[0][1]].ends <= begins:
            heapq.heappop(there)
        best = spans[there[0][1]] if there else None
        if last is not None and (best is None or (best.name, best.is_open) != (last.name, last.is_open)):
            yield last
            last = None
        if best is not None:
            started = begins if last is None else last.begins
            last = Span(begins=started, ends=ends, name=best.name, is_open=best.is_open)
    if last is not None:
        yield last
