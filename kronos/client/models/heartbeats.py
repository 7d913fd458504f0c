"""What the API answers: heartbeats. Made by bin/client out of the API's document."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from kronos.client.bodies.words import DstGap, DstOverlap


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """What is expected of a job that runs elsewhere, and how it is.

    `state`: NEW until the first ping or tick, UP, RUNNING, LATE once a tick has come and no ping yet,
    DOWN after a tick that was MISSED or a run that FAILED, UNKNOWN after one that nobody could hear,
    PAUSED. `next_tick_at`: the first tick that nobody has accounted for.
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
    """What became of a tick; of several, from `tick_at` to `until_at`, where `tick_count` is more than 1."""

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
    """A ping that came. `tick_at`: the tick that it was counted for; null: for none. `log` where it is asked
    for."""

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
    """A heartbeat with its ping URL, which is shown where it was made just now, or given another one; else
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
