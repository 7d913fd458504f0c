"""What the API takes: heartbeats. Made by bin/client out of the API's document."""

from collections.abc import Sequence
from datetime import datetime
from typing import Required, TypedDict

from kronos.client.bodies.words import DstGap, DstOverlap


class HeartbeatCreate(TypedDict, total=False):
    """A heartbeat to create: a HeartbeatPut with a name."""

    cron: str | None
    """Five fields, as for jobs."""
    every: str | None
    """Interval on a fixed grid, instead of `cron`."""
    anchor: datetime | str | None
    """Start of the interval's grid; defaults to now. A time without an offset is local to `timezone`, and
    the intervals then follow that zone's clocks."""
    timezone: str
    """Time zone of the schedule."""
    dst_gap: DstGap
    """What to do when a tick's local time does not exist."""
    dst_overlap: DstOverlap
    """What to do when a tick's local time occurs twice."""
    period_seconds: int | None
    """Instead of a schedule: the next ping is expected this long after the previous one."""
    grace_seconds: int
    """How long after its tick a ping still counts as on time. After that the tick is missed."""
    max_run_seconds: int
    """A run that reported its start and has not ended after this long is FAILED."""
    tags: Sequence[str]
    """Tags to find the heartbeat by."""
    name: Required[str]
    """Name, unique among the workspace's heartbeats. Never changes."""


class HeartbeatPause(TypedDict, total=False):
    """Why a heartbeat is paused."""

    note: str | None
    """Reason, shown to other people."""


class HeartbeatPut(TypedDict, total=False):
    """What is expected of a job that runs elsewhere. Exactly one of `cron`, `every` and `period_seconds`.
    `anchor` requires `every`, and a local `anchor` requires `timezone`. A period has no time zone."""

    cron: str | None
    """Five fields, as for jobs."""
    every: str | None
    """Interval on a fixed grid, instead of `cron`."""
    anchor: datetime | str | None
    """Start of the interval's grid; defaults to now. A time without an offset is local to `timezone`, and
    the intervals then follow that zone's clocks."""
    timezone: str
    """Time zone of the schedule."""
    dst_gap: DstGap
    """What to do when a tick's local time does not exist."""
    dst_overlap: DstOverlap
    """What to do when a tick's local time occurs twice."""
    period_seconds: int | None
    """Instead of a schedule: the next ping is expected this long after the previous one."""
    grace_seconds: int
    """How long after its tick a ping still counts as on time. After that the tick is missed."""
    max_run_seconds: int
    """A run that reported its start and has not ended after this long is FAILED."""
    tags: Sequence[str]
    """Tags to find the heartbeat by."""
