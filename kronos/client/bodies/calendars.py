"""What the API takes: calendars. Made by bin/client out of the API's document."""

from collections.abc import Sequence
from typing import Literal, Required, TypedDict


class Hours(TypedDict, total=False):
    """Opening hours of a business day."""

    opens: Required[str]
    """Local time."""
    closes: Required[str]
    """A later local time. 24:00 is the end of the day."""


class NamedDay(TypedDict, total=False):
    """A day, a range of days, or a period that the calendar names. It is closed, or open despite other
    rules."""

    starts: Required[str]
    """A day, or a local time in the calendar's zone."""
    ends: str | None
    """The last day, inclusive, or the local time at which the period ends. Defaults to the first day."""
    name: Required[str]
    """Name shown in the ledger."""
    open: bool
    """The calendar is open then, despite its other rules."""


class CalendarCreate(TypedDict, total=False):
    """A calendar to create."""

    timezone: str
    """Time zone of the calendar."""
    business_days: Sequence[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] | None
    """Days of the week that are open; null: all."""
    business_hours: Hours | None
    """Hours in which these days are open; null: all day."""
    days: Sequence[NamedDay]
    """Additional days and periods, closed unless `open`. Where two overlap, the first one's name counts."""
    icalendar: str | None
    """An iCalendar file (RFC 5545), as text. The days its events close are added to `days`, from last year
    until 10 years ahead."""
    name: Required[str]
    """Name, unique in the workspace."""


class CalendarPut(TypedDict, total=False):
    """A calendar without its name, which is in the path. A document from GET may be sent back whole."""

    timezone: str
    """Time zone of the calendar."""
    business_days: Sequence[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] | None
    """Days of the week that are open; null: all."""
    business_hours: Hours | None
    """Hours in which these days are open; null: all day."""
    days: Sequence[NamedDay]
    """Additional days and periods, closed unless `open`. Where two overlap, the first one's name counts."""
    icalendar: str | None
    """An iCalendar file (RFC 5545), as text. The days its events close are added to `days`, from last year
    until 10 years ahead."""
