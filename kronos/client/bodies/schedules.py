"""What the API takes: schedules. Made by bin/client out of the API's document."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Required, TypedDict

from kronos.client.bodies.words import DstGap, DstOverlap


class ClosedSchedulePreview(TypedDict, total=False):
    """A schedule to preview with calendars."""

    cron: str | None
    """Five fields, in pg_cron's syntax."""
    every: str | None
    """Interval, instead of `cron`."""
    anchor: datetime | str | None
    """Start of the interval's grid; defaults to now. A time without an offset is local to `timezone`, and
    the intervals then follow that zone's clocks."""
    timezone: str
    """Time zone of the schedule."""
    after: datetime | str | None
    """Runs are strictly later than this; defaults to now."""
    count: int
    """How many runs to return."""
    dst_gap: DstGap
    """What to do when a tick's local time does not exist."""
    dst_overlap: DstOverlap
    """What to do when a tick's local time occurs twice."""
    calendars: Sequence[str]
    """Names of calendars."""
    on_blackout: Literal["SKIP", "NEXT", "PREVIOUS"]
    """What happens to a tick that a calendar closes."""


class SchedulePreview(TypedDict, total=False):
    """A schedule to preview. Exactly one of `cron` and `every`; `anchor` requires `every`, and a local
    `anchor` requires `timezone`."""

    cron: str | None
    """Five fields, in pg_cron's syntax."""
    every: str | None
    """Interval, instead of `cron`."""
    anchor: datetime | str | None
    """Start of the interval's grid; defaults to now. A time without an offset is local to `timezone`, and
    the intervals then follow that zone's clocks."""
    timezone: str
    """Time zone of the schedule."""
    after: datetime | str | None
    """Runs are strictly later than this; defaults to now."""
    count: int
    """How many runs to return."""
    dst_gap: DstGap
    """What to do when a tick's local time does not exist."""
    dst_overlap: DstOverlap
    """What to do when a tick's local time occurs twice."""


class ScheduleSentence(TypedDict, total=False):
    """A schedule as an English sentence."""

    sentence: Required[str]
    """When the job runs."""
    timezone: str
    """Time zone of the sentence's times."""
    count: int
    """How many runs to preview."""
