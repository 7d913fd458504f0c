"""What the API answers: backfills. Made by bin/client out of the API's document."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from kronos.client.bodies.words import OperationStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """A backfill, as the API returns it."""

    backfill_id: UUID
    job_id: UUID
    workspace: str
    status: OperationStatus
    status_reason: dict[str, Any] | None
    from_: datetime
    to: datetime
    max_active: int
    include: list[Literal["MISSED", "SKIPPED", "CANCELLED", "FAILED"]]
    ticks: int
    created: int
    redriven: int
    left_out: int
    progress: dict[str, int]
    created_at: datetime
    completed_at: datetime | None
    priority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillCount:
    """What a backfill would do now: its ticks, how many are left out, and how many would run. `redriven` of
    those FAILED before."""

    ticks: int
    left_out: int
    to_run: int
    redriven: int
    first: datetime | None
    last: datetime | None
