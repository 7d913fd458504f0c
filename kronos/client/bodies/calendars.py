"""What the API takes: calendars. Made by bin/client out of the API's document."""

from collections.abc import Sequence
from typing import Literal, Required, TypedDict


class Hours(TypedDict, total=False):
    """The hours of a business day."""

    opens: Required[str]
    """A local time."""
    closes: Required[str]
    """A later one; 24:00 is the day's end."""


class NamedDay(TypedDict, total=False):
    """A day, some days or a time that a calendar names: closed, or open whatever else it says."""

    starts: Required[str]
    """A day, or a local time of the calendar's zone."""
    ends: str | None
    """The last day, which is closed too, or the time from which on it is open; the day itself."""
    name: Required[str]
    """What it is called in the ledger."""
    open: bool
    """Business is done then after all."""


class CalendarCreate(TypedDict, total=False):
    """A calendar to be made."""

    timezone: str
    """Whose clocks it is read on."""
    business_days: Sequence[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] | None
    """The days of the week that are open; null: all of them."""
    business_hours: Hours | None
    """When these days are open; null: all day."""
    days: Sequence[NamedDay]
    """What is closed besides. Of two names for one time the first counts."""
    icalendar: str | None
    """An iCalendar file (RFC 5545), as text: what its events close, from the year before this one on and 10
    years, is added to the days."""
    name: Required[str]
    """Its name in this workspace."""


class CalendarPut(TypedDict, total=False):
    """A calendar without its name, which stands in the path. What GET gives may be sent back whole."""

    timezone: str
    """Whose clocks it is read on."""
    business_days: Sequence[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] | None
    """The days of the week that are open; null: all of them."""
    business_hours: Hours | None
    """When these days are open; null: all day."""
    days: Sequence[NamedDay]
    """What is closed besides. Of two names for one time the first counts."""
    icalendar: str | None
    """An iCalendar file (RFC 5545), as text: what its events close, from the year before this one on and 10
    years, is added to the days."""
