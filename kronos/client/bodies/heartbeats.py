"""What the API takes: heartbeats. Made by bin/client out of the API's document."""

from collections.abc import Sequence
from datetime import datetime
from typing import Required, TypedDict

from kronos.client.bodies.words import DstGap, DstOverlap


class HeartbeatCreate(TypedDict, total=False):
    """A heartbeat to be made: as HeartbeatPut, with its name."""

    cron: str | None
    """Five fields, as jobs have them."""
    every: str | None
    """An interval on a grid, in place of cron."""
    anchor: datetime | str | None
    """What the interval is counted from; now. Without an offset, on the zone's clocks."""
    timezone: str
    """The zone of the expression."""
    dst_gap: DstGap
    """A local time that does not exist."""
    dst_overlap: DstOverlap
    """A local time that there is twice."""
    period_seconds: int | None
    """In place of a schedule: a ping is expected so long after the one before, whenever that was."""
    grace_seconds: int
    """How long after its tick a ping is on time, and the tick not missed."""
    max_run_seconds: int
    """A run that said that it began and has not ended after so long has FAILED."""
    tags: Sequence[str]
    """Words to find it by."""
    name: Required[str]
    """A name, unique among the workspace's heartbeats; never changes."""


class HeartbeatPause(TypedDict, total=False):
    """Why a heartbeat is paused."""

    note: str | None
    """For people who wonder later."""


class HeartbeatPut(TypedDict, total=False):
    """What is expected of a job that runs elsewhere: `cron`, `every` or `period_seconds`, exactly one of
    them. `anchor` goes with `every`, and a local one with `timezone`; a period has no zone."""

    cron: str | None
    """Five fields, as jobs have them."""
    every: str | None
    """An interval on a grid, in place of cron."""
    anchor: datetime | str | None
    """What the interval is counted from; now. Without an offset, on the zone's clocks."""
    timezone: str
    """The zone of the expression."""
    dst_gap: DstGap
    """A local time that does not exist."""
    dst_overlap: DstOverlap
    """A local time that there is twice."""
    period_seconds: int | None
    """In place of a schedule: a ping is expected so long after the one before, whenever that was."""
    grace_seconds: int
    """How long after its tick a ping is on time, and the tick not missed."""
    max_run_seconds: int
    """A run that said that it began and has not ended after so long has FAILED."""
    tags: Sequence[str]
    """Words to find it by."""
