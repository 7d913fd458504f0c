"""A calendar, as a caller writes it and as it is shown."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from kronos.errors import NotFound

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
MOST_ICALENDAR_CHARACTERS = 512 * 1024
ICALENDAR_YEARS_AHEAD = 10
"""How many years after this one an iCalendar file's events are read."""


class CalendarNotFound(NotFound):
    """No such calendar in this workspace."""

    code = "calendar_not_found"


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessHours:
    """The hours of a business day: local times, such as 09:00 and 17:00; `closes` may be 24:00."""

    opens: str
    closes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarDay:
    """What a calendar names: days, the last one included, or local times, the last one not. `open`: business is done
    then, whatever else the calendar says."""

    starts: str
    ends: str | None
    name: str
    open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """What is closed, on the clocks of `timezone`: the days and times that are named, and all but the business hours of
    the business days (None: of all days). `jobs_left`: jobs that name it, and whose next runs have still to follow its
    present version."""

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
