"""The last runs of all jobs of a page, in one statement: each job's state at a glance."""

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from kronos.database import WorkspaceView
from kronos.model import Cause, ExecutionStatus
from kronos.records import dataclass
from kronos.sql import statement

MOST_JOBS, MOST_RUNS = 50, 20
_ENDED = frozenset({"SUCCESS", "FAILED", "MISSED", "EXPIRED"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentRun:
    """One of a job's last runs. `ticks`: how many missed or skipped ticks it accounts for."""

    execution_id: UUID
    status: ExecutionStatus
    cause: Cause
    scheduled_at: datetime
    ticks: int
    duration_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """A CRON job's last runs, at most 20, newest first, and statistics over them.

    `success_rate`: the share of SUCCESS among runs that succeeded, failed, were missed or expired, from 0 to 1.
    `p95_ms`: 95% of its delivered runs took no longer. Both are null if there are no such runs.
    `overdue_since`: a tick that was due then still has no run, a minute later.
    """

    job_id: UUID
    overdue_since: datetime | None
    runs: list[RecentRun]
    success_rate: float | None
    p95_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _LastRun:
    """A run of a job, or a row that says that the job has had none."""

    job_id: UUID
    execution_id: UUID | None
    status: ExecutionStatus | None
    cause: Cause | None
    scheduled_at: datetime | None
    ticks: int | None
    duration_ms: int | None
    overdue_since: datetime | None


_LIST = statement("job_reads.list_recent_runs", _LastRun)


async def recent(view: WorkspaceView, job_ids: Sequence[UUID]) -> dict[UUID, Glance]:
    """Return the glance of each CRON job among these, in their order, at most 50. Includes runs of earlier versions."""
    asked = list(dict.fromkeys(job_ids))[:MOST_JOBS]
    found: dict[UUID, list[_LastRun]] = {}
    for row in await view.rows(_LIST, {"ids": asked, "limit": MOST_RUNS}) if asked else ():
        found.setdefault(row.job_id, []).append(row)
    return {job_id: _glance(found[job_id]) for job_id in asked if job_id in found}


def _runs(rows: Sequence[_LastRun]) -> Iterator[RecentRun]:
    for row in rows:
        if row.execution_id and row.status and row.cause and row.scheduled_at:
            yield RecentRun(
                execution_id=row.execution_id,
                status=row.status,
                cause=row.cause,
                scheduled_at=row.scheduled_at,
                ticks=row.ticks or 1,
                duration_ms=row.duration_ms,
            )


def _glance(rows: Sequence[_LastRun]) -> Glance:
    runs = list(_runs(rows))
    ended = [run for run in runs if run.status in _ENDED]
    succeeded = sum(run.status == "SUCCESS" for run in ended)
    took = sorted(run.duration_ms for run in runs if run.duration_ms is not None)
    return Glance(
        job_id=rows[0].job_id,
        overdue_since=rows[0].overdue_since,
        runs=runs,
        success_rate=round(succeeded / len(ended), 4) if ended else None,
        p95_ms=took[math.ceil(0.95 * len(took)) - 1] if took else None,
    )
