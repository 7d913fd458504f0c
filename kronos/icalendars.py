"""Import iCalendar files (RFC 5545): the days and times of their events, including recurring ones, become days and
times of a calendar.

The file comes from a third party, so its size is limited. Rules that recur more often than daily, or that may never
occur, are rejected. Each rule ends where the import ends. The number of days that all rules together may scan is
limited too.
"""

from calendar import monthrange
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from threading import Lock
from typing import Any
from zoneinfo import ZoneInfo

import recurring_ical_events
from icalendar import Calendar as ICalendar
from icalendar import Component, Event, vRecur
from icalendar.error import BrokenCalendarProperty
from icalendar.timezone import tzp

from kronos import errors, unseen
from kronos.calendar_days import MOST_DAYS
from kronos.calendar_terms import ICALENDAR_YEARS_AHEAD, CalendarDay
from kronos.errors import Fault

_MOST_EVENTS = 5_000
_MOST_LOOKED_THROUGH = 60_000
_FIRST_YEAR = 1900
_MOST_CHANGES_OF_ZONES = 2_000
# Outlook's zones begin in 1601 and change their clocks twice a year.
_MOST_CHANGES_OF_A_ZONE = 1_000
# dateutil searches forever for a rule with an interval of 0
_MOST_STEPS = {"DAILY": 3660, "WEEKLY": 520, "MONTHLY": 120, "YEARLY": 10}
_OF_DAYS = {"BYMONTH", "BYMONTHDAY", "BYDAY", "BYSETPOS"}
_MOST_OF_A_NAME = 100
_MOST_READ = 10 * _MOST_OF_A_NAME
_MOST_OCCURRENCES = 20_000
# icalendar keeps the zones that files define (VTIMEZONE) by name, for the whole process. The next file, perhaps another
# workspace's, would be read with them, so they are cleared before each import.
_ONE_AT_A_TIME = Lock()
_MOST_OF_A_PART = 100


def imported(text: str, *, timezone: str, now: datetime) -> list[CalendarDay]:
    """Return the days and times that the events of an iCalendar file close, from the previous year on and
    ICALENDAR_YEARS_AHEAD years ahead. Cancelled events close nothing, nor do timed events marked as free
    (TRANSP:TRANSPARENT).

    Takes up to four seconds of CPU time. Raises Unprocessable, with the pointer /icalendar.
    """
    with _ONE_AT_A_TIME:
        tzp.use_default()
        return _imported(text, timezone=timezone, now=now)


def _imported(text: str, *, timezone: str, now: datetime) -> list[CalendarDay]:
    first, last = date(now.year - 1, 1, 1), date(now.year + ICALENDAR_YEARS_AHEAD, 12, 31)
    try:
        calendar = ICalendar.from_ical(text.removeprefix("\ufeff"))
    except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        # icalendar raises these for duplicates and invalid values
        raise _refused(f"not an iCalendar file: {str(error)[:200]}", "It must begin with BEGIN:VCALENDAR.") from None
    if not isinstance(calendar, ICalendar):
        raise _refused("not an iCalendar file: its first line is not BEGIN:VCALENDAR", "Send the file unchanged.")
    try:
        _bound_zones(calendar, last)
        _bound(calendar.walk("VEVENT"), first, last)
        _require_sound_times(calendar)
        days = _days(calendar, timezone, first, last)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, BrokenCalendarProperty) as error:
        # the libraries raise these for invalid rules and dates
        raise _refused(f"an event cannot be read: {str(error)[:200]}", "Leave it out, or list its days.") from None
    return sorted(days, key=lambda day: (day.starts, day.ends or "", day.name))


def _days(calendar: ICalendar, timezone: str, first: date, last: date) -> list[CalendarDay]:
    """Return what the events close, without duplicates. Goes year by year, so that a file with too many is rejected
    early."""
    query = recurring_ical_events.of(calendar)
    days: dict[CalendarDay, None] = {}
    came = 0
    for year in range(first.year, last.year + 1):
        found = query.between(date(year, 1, 1), date(year + 1, 1, 1))
        days |= dict.fromkeys(_day(each, timezone, first, last) for each in found if _is_closing(each))
        # an event without duration, such as a reminder, closes nothing
        days = {day: None for day in days if "T" not in day.starts or day.starts != day.ends}
        came += len(found)
        if len(days) > MOST_DAYS:
            raise _refused(f"it closes more than {MOST_DAYS} days or times up to {year}", "Split it.")
        if came > _MOST_OCCURRENCES:
            raise _too_many_occurrences(year)
    return list(days)


def _too_many_occurrences(year: int) -> errors.Unprocessable:
    detail = f"its events occur more than {_MOST_OCCURRENCES} times, counted by year, up to {year}"
    return _refused(detail, "Remove duplicates, or split it.")


def _require_sound_times(calendar: ICalendar) -> None:
    """Raises Unprocessable for an event that ends before it begins, or whose zone is unknown and would be read as
    another zone."""
    for event in calendar.walk("VEVENT"):
        for name in ("DTSTART", "DTEND"):
            zone = str(event[name].params.get("TZID", "")) if name in event else ""
            at = event.decoded(name) if zone else None
            if isinstance(at, datetime) and at.tzinfo is None:
                hint = "Include its VTIMEZONE, or use a zone of the IANA database."
                raise _refused(f"an event has the unknown time zone {zone[:60]!r}", hint)
        starts, ends = event.decoded("DTSTART", None), event.decoded("DTEND", None)
        if starts is None:
            raise _refused(f"the event {_name(event)!r} has no DTSTART", "Give it a DTSTART, or leave it out.")
        if ends is not None and isinstance(starts, datetime) is not isinstance(ends, datetime):
            detail = f"the event {_name(event)!r} has a date in one of DTSTART and DTEND, and a time in the other"
            raise _refused(detail, "Write dates in both, or times in both.")
        has_zone = {at.tzinfo is not None for at in (starts, ends) if isinstance(at, datetime)}
        if len(has_zone) == 2:
            detail = f"the event {_name(event)!r} has a time zone in one of DTSTART and DTEND, but not in the other"
            raise _refused(detail, "Use the same zone (TZID) in both.")
        if ends is not None and ends < starts:
            raise _refused(f"the event {_name(event)!r} ends at {ends}, before it begins at {starts}", "Correct it.")
        if isinstance(lasts := event.decoded("DURATION", None), timedelta) and lasts < timedelta():
            raise _refused(f"the event {_name(event)!r} has a negative DURATION", "Correct it.")


def _bound(events: Sequence[Component], first: date, last: date) -> None:
    """End each rule at the last imported day. Raises Unprocessable for rules that would take too long."""
    if len(events) > _MOST_EVENTS:
        raise _refused(f"it has {len(events)} events; at most {_MOST_EVENTS} are allowed", "Split it.")
    if at_least(events, first.year, last.year) > _MOST_OCCURRENCES:  # before seconds are spent on finding them
        raise _too_many_occurrences(last.year)
    looked_through = 0
    for event in events:
        for rule in _rules(event):
            start = event.decoded("DTSTART", None)
            if not isinstance(start, date) or start.year < _FIRST_YEAR:
                raise _refused(f"an event recurs from before {_FIRST_YEAR}, or has no DTSTART", "Begin it later.")
            if not _is_sure_to_come(rule):
                parts = ", ".join(sorted(rule))[:100]
                detail = f"an event recurs {_freq(rule)[:20]} with {parts}, which may never occur, or too often"
                raise _refused(detail, "Leave it out, or list its days.")
            looked_through += (last.year - start.year + 1) * _looks_a_year(rule)
            _end(rule, start, last)
    if looked_through > _MOST_LOOKED_THROUGH:
        detail = f"finding its recurring events would scan {looked_through} days"
        raise _refused(f"{detail}; at most {_MOST_LOOKED_THROUGH} are allowed", "Begin them later, or split it.")


def at_least(events: Sequence[Component], first: int, last: int) -> int:
    """Return how often the events occur in these years, at least: counts those that recur once a year without an
    exception, except in the year in which they begin. 0 if an event may replace another one."""
    if len({str(event["UID"]) if "UID" in event else "" for event in events}) < len(events):
        return 0
    begun = [event.decoded("DTSTART", None) for event in events if _is_once_a_year(event)]
    return sum(max(0, last - max(first - 1, day.year)) for day in begun if isinstance(day, date))


def _is_once_a_year(event: Component) -> bool:
    rules, start = [*_rules(event)], event.decoded("DTSTART", None)
    is_endless = len(rules) == 1 and not rules[0].keys() - {"FREQ"} and _freq(rules[0]) == "YEARLY"
    is_in_each = isinstance(start, date) and (start.month, start.day) != (2, 29)
    return is_endless and is_in_each and not event.keys() & {"EXRULE", "EXDATE", "RECURRENCE-ID"}


def _bound_zones(calendar: ICalendar, last: date) -> None:
    """Raises Unprocessable if evaluating a VTIMEZONE's clocks could take long: dateutil evaluates each of its rules
    from the rule's beginning."""
    parts = [part for name in ("STANDARD", "DAYLIGHT") for part in calendar.walk(name)]
    changes = len(parts) + sum(len(dates.dts) for part in parts for dates in _each(part, "RDATE"))
    if changes > _MOST_CHANGES_OF_ZONES:
        detail = f"its VTIMEZONEs change their clocks {changes} times; at most {_MOST_CHANGES_OF_ZONES} are allowed"
        raise _refused(detail, "Leave out the zones of the IANA database, or split it.")
    for rule in (rule for part in parts for rule in _rules(part)):
        if _freq(rule) != "YEARLY" or not _is_sure_to_come(rule):
            detail = f"a VTIMEZONE changes its clocks {_freq(rule)[:20]} by a rule that may never occur, or too often"
            raise _refused(detail, "Use yearly changes, or a zone of the IANA database.")
    for zone in calendar.walk("VTIMEZONE"):
        changes = sum(_changes(part, last) for part in zone.subcomponents)
        if changes > _MOST_CHANGES_OF_A_ZONE:
            detail = f"a VTIMEZONE changes its clocks up to {changes} times until {last.year}"
            hint = "Begin its rules later, or use a zone of the IANA database."
            raise _refused(f"{detail}; at most {_MOST_CHANGES_OF_A_ZONE} are allowed", hint)


def _changes(part: Component, last: date) -> int:
    """Return the most clock changes of a part of a VTIMEZONE until the last imported day."""
    start = part.decoded("DTSTART", None)
    found = 1 + sum(len(dates.dts) for dates in _each(part, "RDATE"))
    for rule in _rules(part):
        until = (rule.get("UNTIL") or [last])[0]
        years = min(until, last, key=lambda day: day.year).year - (start.year if isinstance(start, date) else 1) + 1
        times = max(0, years) * _times_a_year(rule)
        found += min(times, int((rule.get("COUNT") or [times])[0]))
    return found


def _times_a_year(rule: vRecur) -> int:
    """Return how often a yearly rule occurs per year, at most."""
    months, places = len(rule.get("BYMONTH") or ()), len(rule.get("BYSETPOS") or ())
    days, weekdays = (
        [int(each) for each in rule.get("BYMONTHDAY") or []],
        [str(each) for each in rule.get("BYDAY") or []],
    )
    if places:
        return places
    if days and weekdays:
        weeks = _weeks_apart(day for day in days if day > 0) + _weeks_apart(day for day in days if day < 0)
        return (months or 12) * min(len(days), weeks * len(weekdays))
    if days:
        return (months or 12) * len(days)
    if weekdays and all(len(each) > len("MO") for each in weekdays):
        return (months or 1) * len(weekdays)
    return (months or 12) * 5 * len(weekdays) if weekdays else months or 1


def _weeks_apart(days: Iterable[int]) -> int:
    """Return how many of a month's days may fall on one weekday."""
    return max(Counter(day % 7 for day in days).values(), default=0)


def _looks_a_year(rule: vRecur) -> int:
    """Return dateutil's effort for one year of a rule, as a number of days of a daily rule. A holiday with one value
    per part, or a rule once a year, costs a tenth or less: real files have 30 of them since 1990."""
    parts = {name: values for name, values in rule.items() if name.startswith("BY")}
    if _freq(rule) != "YEARLY":
        return 366
    if not parts:
        return 1
    return 36 if all(isinstance(values, list) and len(values) == 1 for values in parts.values()) else 366


def _rules(event: Component) -> Iterator[vRecur]:
    for name in ("RRULE", "EXRULE"):
        yield from _each(event, name)


def _each(component: Component, name: str) -> Iterator[Any]:
    """Yield a property's values: none, one or several."""
    found = component.get(name, [])
    yield from found if isinstance(found, list) else [found]


def _freq(rule: vRecur) -> str:
    return str((rule.get("FREQ") or ["?"])[0]).upper()


def _is_sure_to_come(rule: vRecur) -> bool:
    """Return whether the rule's form alone guarantees an occurrence every few years, and at most one per day. For a
    rule that never occurs, dateutil searches until the year 9999, for seconds."""
    freq, parts = _freq(rule), {name for name in rule if name.startswith("BY")}
    steps = int((rule.get("INTERVAL") or [1])[0])
    days = [str(each) for each in rule.get("BYDAY") or []]
    if any(len(values) > _MOST_OF_A_PART for values in rule.values()):
        return False
    if not 1 <= steps <= _MOST_STEPS[freq if freq in _MOST_STEPS else "YEARLY"]:
        return False
    if freq == "DAILY":
        return not parts
    if freq == "WEEKLY":
        return parts <= {"BYDAY"} and all(len(each) == len("MO") for each in days)
    if freq not in ("MONTHLY", "YEARLY") or not parts <= _OF_DAYS:
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
    """End a rule after the last imported day, unless it ends earlier by itself."""
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


def _day(event: Event, timezone: str, first: date, last: date) -> CalendarDay:
    """Return the part of an occurrence within the imported years: whole days, or times on the zone's clocks."""
    starts, ends = event.start, event.end
    if isinstance(starts, datetime):
        begins, opens = f"{first.year}-01-01T00:00", f"{last.year + 1}-01-01T00:00"
        local, until = _local(starts, timezone), _local(ends, timezone)
        if until <= local:  # clocks go back in between: both times are closed
            until = (datetime.fromisoformat(local) + (ends - starts)).isoformat(timespec="minutes")
        return CalendarDay(starts=max(local, begins), ends=min(until, opens), name=_name(event))
    end = max(starts, ends - timedelta(days=1))  # its end is the first day after it
    return CalendarDay(starts=max(starts, first).isoformat(), ends=min(end, last).isoformat(), name=_name(event))


def _name(event: Component) -> str:
    """Return the event's summary, or the first of several, without characters that cannot be printed, stored or seen,
    so that the returned day is accepted when it is sent back."""
    said = event.get("SUMMARY", "")
    text = str(said[0] if isinstance(said, list) else said)
    text = "".join(each if each.isprintable() or each in unseen.JOINERS else " " for each in text)[:_MOST_READ]
    while unseen.found(text):  # a removed character may make its neighbor invisible
        text = unseen.EACH.sub(" ", text)
    return " ".join(text.split())[:_MOST_OF_A_NAME].rstrip(unseen.JOINERS + " ") or "closed"


def _local(at: date, timezone: str) -> str:
    if not isinstance(at, datetime):
        raise TypeError("an event begins at a time and ends with a day")
    if at.tzinfo is not None:
        at = at.astimezone(ZoneInfo(timezone)).replace(tzinfo=None)
    return at.replace(second=0, microsecond=0).isoformat(timespec="minutes")


def _refused(detail: str, hint: str) -> errors.Unprocessable:
    return errors.Unprocessable.of(Fault(pointer="/icalendar", detail=detail, hint=hint))
