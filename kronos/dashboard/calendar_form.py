"""The calendar form: days are lines of text, and the text of an iCalendar file is turned into such lines."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from kronos import errors
from kronos.calendar_days import MOST_DAYS
from kronos.calendar_terms import Calendar, CalendarDay
from kronos.dashboard.forms import FilledForm, SentForm
from kronos.errors import Fault
from kronos.model import JsonObject

DAYS, FILE = "/days", "/icalendar"
POINTERS = ("/name", "/timezone", "/business_days", "/business_hours", DAYS, FILE)
_SECOND_DAY = re.compile(r"(?:[-\u2013\u2014]+|\.\.|to\b|until\b)\s*\d{4}-\d\d-\d\d")
"""A line such as `2026-12-24 - 2026-12-26 Christmas` means a range, but would be read as one day."""
_POINTER = re.compile(rf"{DAYS}/(?P<number>[0-9]+)(?:/.*)?", re.ASCII)
_LINE = re.compile(r"(?P<open>open\s+)?(?P<starts>\S+?)(?:\.\.(?P<ends>\S+))?(?:\s+(?P<name>\S.*))?", re.ASCII)


def document_of(given: SentForm) -> JsonObject:
    """Return the API body for the form. Raises Unprocessable, listing the lines of days that cannot be read."""
    kept = [(name, text) for name, text in given.fields if name.partition(":")[0] != DAYS]
    made = SentForm(fields=kept).document()
    made["days"] = days_of(given.text(DAYS))
    return made


def days_of(text: str) -> list[JsonObject]:
    """Return the days in lines such as `2026-12-24..2026-12-26 Christmas` or `open 2027-01-02 Inventory`.

    Raises Unprocessable."""
    found: list[JsonObject] = []
    faults: list[Fault] = []
    for number, line in enumerate((each.strip() for each in text.splitlines()), 1):
        if not line:
            continue
        read = _LINE.fullmatch(line)
        if read is None or not read["name"]:
            detail = f"line {number}, {line[:40]!r}, is not a day with a name"
            faults.append(Fault(pointer=DAYS, detail=detail, hint="Write one day per line: 2026-12-25 Christmas."))
            continue
        if _SECOND_DAY.match(read["name"]):
            detail = f"line {number}, {line[:40]!r}, has a second date where the name should be"
            faults.append(Fault(pointer=DAYS, detail=detail, hint="Write 2026-12-24..2026-12-26 Christmas."))
            continue
        day = {"starts": read["starts"], "name": read["name"], "open": bool(read["open"])}
        found.append(day | ({"ends": read["ends"]} if read["ends"] else {}))
    if faults:
        raise errors.Unprocessable.of(*faults[:10])
    if len(found) > MOST_DAYS:
        detail = f"there are {len(found)} lines; at most {MOST_DAYS} are allowed"
        raise errors.Unprocessable.of(
            Fault(pointer=DAYS, detail=detail, hint="Split the days into two calendars and list both in the job.")
        )
    return found


def refused(form: FilledForm, error: errors.KronosError) -> FilledForm:
    """Return the form with its faults. A day's fault gives the line that the day was written in."""
    refused = form.refused(error)
    lines = [(number, line.strip()) for number, line in enumerate(form.text(DAYS).splitlines(), 1) if line.strip()]
    return replace(refused, faults=tuple(_at_line(each, lines) for each in refused.faults))


def _at_line(fault: Fault, lines: Sequence[tuple[int, str]]) -> Fault:
    named = _POINTER.fullmatch(fault.pointer)
    if named is None or int(named["number"]) >= len(lines):
        return fault
    number, line = lines[int(named["number"])]
    return replace(fault, pointer=DAYS, detail=f"line {number}, {line[:40]!r}: {fault.detail}")


def lines_of(days: Iterable[CalendarDay]) -> str:
    """Return days as lines of the form."""
    return "\n".join(_line(each) for each in days)


def form_of(calendar: Calendar) -> FilledForm:
    """Return the form filled from a calendar."""
    hours = calendar.business_hours
    values: dict[str, Sequence[str]] = {
        "version": [str(calendar.version)],
        "/timezone": [calendar.timezone],
        "/business_days": list(calendar.business_days or ()),
        DAYS: [lines_of(calendar.days)],
    }
    if hours is not None:
        values |= {"/business_hours/opens": [hours.opens], "/business_hours/closes": [hours.closes]}
    return FilledForm(values=values)


def with_days(form: FilledForm, days: Iterable[CalendarDay]) -> FilledForm:
    """Return the form with its lines and its file replaced by these days."""
    values = {name: texts for name, texts in form.values.items() if name != FILE} | {DAYS: [lines_of(days)]}
    return FilledForm(values=values, once=form.once)


def _line(day: CalendarDay) -> str:
    until = f"..{day.ends}" if day.ends and day.ends != day.starts else ""
    return f"{'open ' if day.open else ''}{day.starts}{until} {' '.join(day.name.split())}"
