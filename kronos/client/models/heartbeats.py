"""What the API answers: heartbeats. Made by bin/client out of the API's document."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from kronos.client.bodies.words import DstGap, DstOverlap


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """What is expected of a job that runs elsewhere, and its state.

    `state` is NEW until the first ping or tick. Then it is UP, RUNNING, LATE (a tick has passed without a
    ping yet), DOWN (after a MISSED tick or a FAILED run), UNKNOWN (after a tick when no ping could be
    received), or PAUSED. `next_tick_at` is the first tick that is not accounted for.
    """

    heartbeat_id: UUID
    workspace: str
    name: str
    status: Literal["ACTIVE", "PAUSED"]
    state: Literal["NEW", "UP", "RUNNING", "LATE", "DOWN", "UNKNOWN", "PAUSED"]
    note: str | None
    tags: list[str]
    cron: str | None
    every: str | None
    anchor: datetime | None
    anchor_local: str | None
    timezone: str
    dst_gap: DstGap
    dst_overlap: DstOverlap
    period_seconds: int | None
    description: str
    grace_seconds: int
    max_run_seconds: int
    version: int
    token_version: int
    next_tick_at: datetime | None
    last_status: Literal["ON_TIME", "LATE", "MISSED", "FAILED", "RUNNING", "UNKNOWN", "SKIPPED"] | None
    last_ping_at: datetime | None
    last_success_at: datetime | None
    last_duration_ms: int | None
    running_since: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatTick:
    """The outcome of a tick, or of `tick_count` ticks from `tick_at` to `until_at`."""

    tick_at: datetime
    status: Literal["ON_TIME", "LATE", "MISSED", "FAILED", "RUNNING", "UNKNOWN", "SKIPPED"]
    reason: str | None
    tick_count: int
    until_at: datetime
    run_id: str | None
    started_at: datetime | None
    ended_at: datetime | None
    duration_ms: int | None
    exit_code: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPing:
    """A received ping. `tick_at` is the tick that it counted for; null if none. `log` is set only if
    requested."""

    number: int
    at: datetime
    kind: Literal["START", "SUCCESS", "FAIL", "LOG"]
    exit_code: int | None
    run_id: str | None
    tick_at: datetime | None
    duration_ms: int | None
    log: str | None
    has_log: bool
    is_log_cut: bool
    method: str
    address: str | None
    agent: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewHeartbeat:
    """A heartbeat with its ping URL. The URL is shown only when it was just created or replaced; otherwise
    null."""

    heartbeat_id: UUID
    workspace: str
    name: str
    status: Literal["ACTIVE", "PAUSED"]
    state: Literal["NEW", "UP", "RUNNING", "LATE", "DOWN", "UNKNOWN", "PAUSED"]
    note: str | None
    tags: list[str]
    cron: str | None
    every: str | None
    anchor: datetime | None
    anchor_local: str | None
    timezone: str
    dst_gap: DstGap
    dst_overlap: DstOverlap
    period_seconds: int | None
    description: str
    grace_seconds: int
    max_run_seconds: int
    version: int
    token_version: int
    next_tick_at: datetime | None
    last_status: Literal["ON_TIME", "LATE", "MISSED", "FAILED", "RUNNING", "UNKNOWN", "SKIPPED"] | None
    last_ping_at: datetime | None
    last_success_at: datetime | None
    last_duration_ms: int | None
    running_since: datetime | None
    created_at: datetime
    updated_at: datetime
    ping_url: str | None = field(repr=False)
