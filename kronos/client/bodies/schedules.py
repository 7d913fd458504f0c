"""What the API takes: schedules. Made by bin/client out of the API's document."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Required, TypedDict

from kronos.client.bodies.words import DstGap, DstOverlap


class ClosedSchedulePreview(TypedDict, total=False):
    """A schedule to be looked at with calendars."""

    cron: str | None
    """Five fields, as pg_cron has them."""
    every: str | None
    """An interval, in place of cron."""
    anchor: datetime | str | None
    """What the interval is counted from; now. Without an offset, on the zone's clocks."""
    timezone: str
    """The zone of the expression."""
    after: datetime | str | None
    """Runs are strictly later; now by default."""
    count: int
    """How many runs."""
    dst_gap: DstGap
    """A local time that does not exist."""
    dst_overlap: DstOverlap
    """A local time that there is twice."""
    calendars: Sequence[str]
    """Names of calendars."""
    on_blackout: Literal["SKIP", "NEXT", "PREVIOUS"]
    """A tick that one of them closes: SKIP, NEXT or PREVIOUS."""


class SchedulePreview(TypedDict, total=False):
    """A schedule to be looked at: `cron` or `every`, exactly one of them; `anchor` goes with `every`, and a
    local one with `timezone`."""

    cron: str | None
    """Five fields, as pg_cron has them."""
    every: str | None
    """An interval, in place of cron."""
    anchor: datetime | str | None
    """What the interval is counted from; now. Without an offset, on the zone's clocks."""
    timezone: str
    """The zone of the expression."""
    after: datetime | str | None
    """Runs are strictly later; now by default."""
    count: int
    """How many runs."""
    dst_gap: DstGap
    """A local time that does not exist."""
    dst_overlap: DstOverlap
    """A local time that there is twice."""


class ScheduleSentence(TypedDict, total=False):
    """A schedule in plain English."""

    sentence: Required[str]
    """When it runs."""
    timezone: str
    """The zone of its times."""
    count: int
    """How many runs to foresee."""
