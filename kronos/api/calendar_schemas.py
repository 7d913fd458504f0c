"""Request bodies for calendars, field by field: bounds, defaults, and an example that the documentation and hints
show."""

from typing import Annotated

from pydantic import Field

from kronos import errors
from kronos.api.fields import Body, CalendarName, DayName, Zone
from kronos.calendar_days import MOST_DAYS
from kronos.calendar_terms import (
    ICALENDAR_YEARS_AHEAD,
    MOST_ICALENDAR_CHARACTERS,
    BusinessHours,
    CalendarDay,
    Weekday,
)
from kronos.calendars import NewCalendar
from kronos.errors import Fault
from kronos.server_time import CLOCK

_FILE = (
    "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//example//EN\nBEGIN:VEVENT\nUID:1\nDTSTART;VALUE=DATE:20270101\n"
    "SUMMARY:New Year\nEND:VEVENT\nEND:VCALENDAR\n"
)
_DayOrTime = Annotated[str, Field(min_length=10, max_length=26)]


class Hours(Body):
    """Opening hours of a business day."""

    opens: str = Field(min_length=5, max_length=5, description="Local time.", examples=["09:00"])
    closes: str = Field(
        min_length=5, max_length=5, description="A later local time. 24:00 is the end of the day.", examples=["17:00"]
    )


class NamedDay(Body):
    """A day, a range of days, or a period that the calendar names. It is closed, or open despite other rules."""

    starts: _DayOrTime = Field(description="A day, or a local time in the calendar's zone.", examples=["2026-12-25"])
    ends: _DayOrTime | None = Field(
        default=None,
        description="The last day, inclusive, or the local time at which the period ends. Defaults to the first day.",
        examples=["2026-12-26"],
    )
    name: DayName = Field(description="Name shown in the ledger.", examples=["Christmas"])
    open: bool = Field(
        default=False, description="The calendar is open then, despite its other rules.", examples=[False]
    )


class CalendarPut(Body):
    """A calendar without its name, which is in the path. A document from GET may be sent back whole."""

    timezone: Zone = Field(default="UTC", description="Time zone of the calendar.", examples=["Europe/Berlin"])
    business_days: Annotated[list[Weekday], Field(min_length=1, max_length=7)] | None = Field(
        default=None,
        description="Days of the week that are open; null: all.",
        examples=[["mon", "tue", "wed", "thu", "fri"]],
    )
    business_hours: Hours | None = Field(
        default=None,
        description="Hours in which these days are open; null: all day.",
        examples=[{"opens": "09:00", "closes": "17:00"}],
    )
    days: Annotated[list[NamedDay], Field(max_length=MOST_DAYS)] = Field(
        default_factory=list,
        description="Additional days and periods, closed unless `open`. Where two overlap, the first one's name "
        "counts.",
        examples=[[{"starts": "2026-12-25", "ends": "2026-12-26", "name": "Christmas"}]],
    )
    icalendar: Annotated[str, Field(min_length=1, max_length=MOST_ICALENDAR_CHARACTERS)] | None = Field(
        default=None,
        description="An iCalendar file (RFC 5545), as text. The days its events close are added to `days`, from last "
        f"year until {ICALENDAR_YEARS_AHEAD} years ahead.",
        examples=[_FILE],
    )


class CalendarCreate(CalendarPut):
    """A calendar to create."""

    name: CalendarName = Field(description="Name, unique in the workspace.", examples=["holidays"])


def new_calendar(body: CalendarPut) -> NewCalendar:
    """Return the calendar a body asks for, including the days of an iCalendar file. Raises Unprocessable."""
    days = [CalendarDay(starts=day.starts, ends=day.ends, name=day.name, open=day.open) for day in body.days]
    if body.icalendar is not None:
        from kronos import icalendars  # here: its libraries are 3 % of what `kronos serve` takes to start

        days += icalendars.imported(body.icalendar, timezone=body.timezone, now=CLOCK.now())
    if len(days) > MOST_DAYS:  # a document from GET may be sent back
        detail = f"with the file's days the calendar has {len(days)} days; at most {MOST_DAYS} are allowed"
        raise errors.Unprocessable.of(Fault(pointer="/icalendar", detail=detail, hint="Split it into two calendars."))
    hours = body.business_hours
    return NewCalendar(
        timezone=body.timezone,
        business_days=body.business_days,
        business_hours=None if hours is None else BusinessHours(opens=hours.opens, closes=hours.closes),
        days=days,
    )
