"""What requests about calendars may hold, field by field: bounds, defaults, and an example for documentation and
hints."""

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
    """The hours of a business day."""

    opens: str = Field(min_length=5, max_length=5, description="A local time.", examples=["09:00"])
    closes: str = Field(
        min_length=5, max_length=5, description="A later one; 24:00 is the day's end.", examples=["17:00"]
    )


class NamedDay(Body):
    """A day, some days or a time that a calendar names: closed, or open whatever else it says."""

    starts: _DayOrTime = Field(description="A day, or a local time of the calendar's zone.", examples=["2026-12-25"])
    ends: _DayOrTime | None = Field(
        default=None,
        description="The last day, which is closed too, or the time from which on it is open; the day itself.",
        examples=["2026-12-26"],
    )
    name: DayName = Field(description="What it is called in the ledger.", examples=["Christmas"])
    open: bool = Field(default=False, description="Business is done then after all.", examples=[False])


class CalendarPut(Body):
    """A calendar without its name, which stands in the path. What GET gives may be sent back whole."""

    timezone: Zone = Field(default="UTC", description="Whose clocks it is read on.", examples=["Europe/Berlin"])
    business_days: Annotated[list[Weekday], Field(min_length=1, max_length=7)] | None = Field(
        default=None,
        description="The days of the week that are open; null: all of them.",
        examples=[["mon", "tue", "wed", "thu", "fri"]],
    )
    business_hours: Hours | None = Field(
        default=None,
        description="When these days are open; null: all day.",
        examples=[{"opens": "09:00", "closes": "17:00"}],
    )
    days: Annotated[list[NamedDay], Field(max_length=MOST_DAYS)] = Field(
        default_factory=list,
        description="What is closed besides. Of two names for one time the first counts.",
        examples=[[{"starts": "2026-12-25", "ends": "2026-12-26", "name": "Christmas"}]],
    )
    icalendar: Annotated[str, Field(min_length=1, max_length=MOST_ICALENDAR_CHARACTERS)] | None = Field(
        default=None,
        description="An iCalendar file (RFC 5545), as text: what its events close, from the year before this one on "
        f"and {ICALENDAR_YEARS_AHEAD} years, is added to the days.",
        examples=[_FILE],
    )


class CalendarCreate(CalendarPut):
    """A calendar to be made."""

    name: CalendarName = Field(description="Its name in this workspace.", examples=["holidays"])


def new_calendar(body: CalendarPut) -> NewCalendar:
    """What the body asks for, an iCalendar file's days with the others. Raises Unprocessable."""
    days = [CalendarDay(starts=day.starts, ends=day.ends, name=day.name, open=day.open) for day in body.days]
    if body.icalendar is not None:
        from kronos import icalendars  # here: its libraries are 3 % of what `kronos serve` takes to start

        days += icalendars.imported(body.icalendar, timezone=body.timezone, now=CLOCK.now())
    if len(days) > MOST_DAYS:  # what GET gives may be sent back
        detail = f"with its days the calendar has {len(days)}, at most {MOST_DAYS} are kept"
        raise errors.Unprocessable.of(Fault(pointer="/icalendar", detail=detail, hint="Name two calendars."))
    hours = body.business_hours
    return NewCalendar(
        timezone=body.timezone,
        business_days=body.business_days,
        business_hours=None if hours is None else BusinessHours(opens=hours.opens, closes=hours.closes),
        days=days,
    )
