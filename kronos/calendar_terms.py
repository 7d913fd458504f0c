"""A calendar as a caller writes it, and as it is shown."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from kronos.errors import NotFound
from kronos.records import dataclass

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
MOST_ICALENDAR_CHARACTERS = 512 * 1024
ICALENDAR_YEARS_AHEAD = 10
"""How many years after this one an iCalendar file's events are read."""


class CalendarNotFound(NotFound):
    """This workspace has no such calendar."""

    code = "calendar_not_found"


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessHours:
    """The hours of a business day, as local times such as 09:00 and 17:00; `closes` may be 24:00."""

    opens: str
    closes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarDay:
    """A named entry of a calendar: days including the last, or local times excluding the last. `open`: the time is open
    for business, whatever the rest of the calendar says."""

    starts: str
    ends: str | None
    name: str
    open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The closed times on the clocks of `timezone`: the named days and times, and everything outside the business hours
    of the business days (None: of all days). `jobs_left`: jobs that name it and whose next runs still have to follow
    its present version."""

    calendar_id: UUID
    workspace: str
    name: str
    version: int
    timezone: str
    business_days: list[Weekday] | None
    business_hours: BusinessHours | None
    days: list[CalendarDay]
    created_at: datetime
    updated_at: datetime
    jobs_left: int
