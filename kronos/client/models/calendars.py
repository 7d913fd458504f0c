"""What the API answers: calendars. Made by bin/client out of the API's document."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessHours:
    """The hours of a business day, as local times such as 09:00 and 17:00; `closes` may be 24:00."""

    opens: str
    closes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarDay:
    """A named entry of a calendar: days including the last, or local times excluding the last. `open`: the
    time is open for business, whatever the rest of the calendar says."""

    starts: str
    ends: str | None
    name: str
    open: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The closed times on the clocks of `timezone`: the named days and times, and everything outside the
    business hours of the business days (None: of all days). `jobs_left`: jobs that name it and whose
    next runs still have to follow its present version."""

    calendar_id: UUID
    workspace: str
    name: str
    version: int
    timezone: str
    business_days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] | None
    business_hours: BusinessHours | None
    days: list[CalendarDay]
    created_at: datetime
    updated_at: datetime
    jobs_left: int
