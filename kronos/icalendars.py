"""Calendars as iCalendar has them (RFC 5545): the days and times of its events, recurring ones too, become those of a
calendar.

The text is a stranger's. So it has a bound, rules that recur more often than daily or that may never come are refused,
each ends where what is imported ends, and how many days all rules could look through has a bound as well.
"""

from calendar import monthrange
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import recurring_ical_events
from icalendar import Calendar as ICalendar
from icalendar import Component, Event, vRecur
from icalendar.error import BrokenCalendarProperty

from kronos import errors
from kronos.calendar_days import MOST_DAYS
from kronos.calendar_terms import CalendarDay
from kronos.errors import Fault

MOST_CHARACTERS = 512 * 1024
YEARS_AHEAD = 10
_MOST_EVENTS = 5_000
_MOST_LOOKED_THROUGH = 60_000
_FIRST_YEAR = 1900
_MOST_STEPS = 10
_OF_DAYS = {"BYMONTH", "BYMONTHDAY", "BYDAY", "BYSETPOS"}
_MOST_OF_A_NAME = 100


def imported(text: str, *, timezone: str, now: datetime) -> list[CalendarDay]:
    """The days and times that the events of an iCalendar file close, from the year before this one on and YEARS_AHEAD
    years. Events that are cancelled, or marked as free (TRANSP:TRANSPARENT) though they have a time, close nothing.

    It takes up to a second of a processor. Raises Unprocessable, with the pointer /icalendar.
    """
    first, last = date(now.year - 1, 1, 1), date(now.year + YEARS_AHEAD, 12, 31)
    try:
        calendar = ICalendar.from_ical(text)
    except ValueError as error:
        raise _refused(f"it is no iCalendar: {str(error)[:200]}", "It begins with BEGIN:VCALENDAR.") from None
    if not isinstance(calendar, ICalendar):
        raise _refused("it is no iCalendar: its first line is not BEGIN:VCALENDAR", "Send the file as it is.")
    try:
        _bound(calendar.walk("VEVENT"), last)
        found = recurring_ical_events.of(calendar).between(first, last + timedelta(days=1))
        days = [_day(each, timezone) for each in found if _is_closing(each)]
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, BrokenCalendarProperty) as error:
        # the libraries raise these for what a rule or a date should not be
        raise _refused(f"an event cannot be read: {str(error)[:200]}", "Leave it out, or write its days.") from None
    if len(days) > MOST_DAYS:
        raise _refused(f"it has {len(days)} days within {YEARS_AHEAD} years, at most {MOST_DAYS} are kept", "Split it.")
    return sorted(days, key=lambda day: (day.starts, day.ends or "", day.name))


def _bound(events: Sequence[Component], last: date) -> None:
    """Let each rule end at the last day that is wanted. Raises Unprocessable for what would take too long."""
    if len(events) > _MOST_EVENTS:
        raise _refused(f"it has {len(events)} events, at most {_MOST_EVENTS} are read", "Split it.")
    looked_through = 0
    for event in events:
        for rule in _rules(event):
            start = event.decoded("DTSTART", None)
            if not isinstance(start, date) or start.year < _FIRST_YEAR:
                raise _refused(f"an event recurs from before {_FIRST_YEAR}, or has no DTSTART", "Let it begin later.")
            if not _is_sure_to_come(rule):
                parts = ", ".join(sorted(rule))[:100]
                detail = f"an event recurs {_freq(rule)[:20]} with {parts}, which may never come, or too often"
                raise _refused(detail, "Leave it out, or write its days.")
            is_plain = _freq(rule) == "YEARLY" and not any(name.startswith("BY") for name in rule)
            looked_through += (last.year - start.year + 1) * (1 if is_plain else 366)
            _end(rule, start, last)
    if looked_through > _MOST_LOOKED_THROUGH:
        detail = f"its recurring events would have to be looked for on {looked_through} days"
        raise _refused(f"{detail}, at most {_MOST_LOOKED_THROUGH} are", "Let them begin later, or split it.")


def _rules(event: Component) -> Iterator[vRecur]:
    for name in ("RRULE", "EXRULE"):
        found = event.get(name, [])
        yield from found if isinstance(found, list) else [found]


def _freq(rule: vRecur) -> str:
    return str((rule.get("FREQ") or ["?"])[0]).upper()


def _is_sure_to_come(rule: vRecur) -> bool:
    """Whether the rule has an occurrence every few years, by its form alone: dateutil looks for one that never comes
    until the year 9999, for seconds. No more often than daily."""
    freq, parts = _freq(rule), {name for name in rule if name.startswith("BY")}
    steps = int((rule.get("INTERVAL") or [1])[0])
    days = [str(each) for each in rule.get("BYDAY") or []]
    if freq == "DAILY":
        return not parts
    if freq == "WEEKLY":
        return parts <= {"BYDAY"} and all(len(each) == len("MO") for each in days)
    if freq not in ("MONTHLY", "YEARLY") or not parts <= _OF_DAYS or not 1 <= steps <= _MOST_STEPS:
        return False
    months = [int(each) for each in rule.get("BYMONTH") or range(1, 13)]
    has_places = any(len(each) > len("MO") for each in days)
    if "BYMONTHDAY" in parts:
        longest = max(29 if month == 2 else monthrange(2001, month)[1] for month in months)
        if has_places or "BYSETPOS" in parts or min(abs(int(each)) for each in rule["BYMONTHDAY"]) > longest:
            return False
    if "BYSETPOS" in parts and (not days or has_places or any(abs(int(each)) > 4 for each in rule["BYSETPOS"])):
        return False
    most = 5 if freq == "MONTHLY" or "BYMONTH" in parts else 52
    if has_places and any(abs(int(each[:-2] or 1)) > most for each in days):
        return False
    return freq == "YEARLY" or "BYMONTH" not in parts or steps == 1


def _end(rule: vRecur, start: date, last: date) -> None:
    """Let a rule without an end of its own, or with a later one, end after the last day that is wanted."""
    until = (rule.get("UNTIL") or [None])[0]
    if "COUNT" in rule or (isinstance(until, date) and until.year <= last.year):
        return
    end = last + timedelta(days=1)
    if isinstance(start, datetime):
        rule["UNTIL"] = [datetime(end.year, end.month, end.day, tzinfo=UTC if start.tzinfo else None)]
    else:
        rule["UNTIL"] = [end]


def _is_closing(event: Event) -> bool:
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        return False
    has_time = isinstance(event.decoded("DTSTART"), datetime)
    return not (has_time and str(event.get("TRANSP", "")).upper() == "TRANSPARENT")


def _day(event: Event, timezone: str) -> CalendarDay:
    """An occurrence: its whole days, or its times on the clocks of the zone."""
    name = " ".join(str(event.get("SUMMARY", "")).split())[:_MOST_OF_A_NAME].strip() or "closed"
    starts, ends = event.start, event.end
    if isinstance(starts, datetime):
        return CalendarDay(starts=_local(starts, timezone), ends=_local(ends, timezone), name=name)
    last = max(starts, ends - timedelta(days=1))  # its end is the first day after it
    return CalendarDay(starts=starts.isoformat(), ends=last.isoformat(), name=name)


def _local(at: date, timezone: str) -> str:
    if not isinstance(at, datetime):
        raise TypeError("an event begins at a time and ends with a day")
    if at.tzinfo is not None:
        at = at.astimezone(ZoneInfo(timezone)).replace(tzinfo=None)
    return at.replace(second=0, microsecond=0).isoformat(timespec="minutes")


def _refused(detail: str, hint: str) -> errors.Unprocessable:
    return errors.Unprocessable.of(Fault(pointer="/icalendar", detail=detail, hint=hint))
