"""Pause, resume, cancel or trigger many jobs.

Each job is changed by the operation for a single job, in its own transaction. So locks are held briefly, quotas apply,
each change is audited, and a job that is rejected does not stop the others. A call does one step; the next call
continues where it stopped. kronos.job_operations runs the steps after the request.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, field
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from psycopg.types.json import Jsonb

from kronos import changes, errors, pauses
from kronos.database import WorkspaceView
from kronos.jobs import JobFilter
from kronos.model import JobStatus, JsonObject
from kronos.records import dataclass
from kronos.sql import statement

BulkAction = Literal["pause", "resume", "cancel", "trigger"]
MOST_COUNTED: Final = 10_000
"""At most this many jobs are counted; the result says if there are more."""
MOST_AT_ONCE: Final = 500
_SECONDS: Final = 5.0
"""A step takes no new job after this time; its caller continues with the next step."""
_STATUSES: Final[dict[BulkAction, tuple[JobStatus, ...]]] = {
    "pause": ("ACTIVE",),
    "resume": ("PAUSED",),
    "cancel": ("ACTIVE", "PAUSED"),
    "trigger": ("ACTIVE", "PAUSED"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    """An action and its jobs: those named, by id or name, or all that match a filter and that the action applies to."""

    action: BulkAction
    jobs: Sequence[str] = ()
    which: JobFilter | None = None
    terms: pauses.PauseTerms = field(default_factory=lambda: pauses.PauseTerms())
    actor: str
    key: str | None = None
    """Makes triggers repeatable: the same key runs no job twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkCount:
    """How many jobs an action would change. `is_more`: there are more, which were not counted."""

    count: int
    is_more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedJob:
    """A job for which the action was rejected, and why."""

    job: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkStep:
    """The result of a step. `next_place`: where the next step begins, after this job or, with named jobs, after this
    many; None: no jobs are left."""

    done: int
    refused: list[RefusedJob]
    next_place: tuple[datetime, UUID] | int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Met:
    job_id: UUID
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Number:
    number: int


_FIND = statement("job_reads.find_jobs_for_bulk", _Met)
_COUNT = statement("job_reads.count_jobs_for_bulk", _Number)


async def count(view: WorkspaceView, bulk: Bulk) -> BulkCount:
    """Count the jobs that it would change now, without writing."""
    if bulk.which is None:
        return BulkCount(count=len(bulk.jobs), is_more=False)
    (found,) = await view.rows(_COUNT, {"which": Jsonb(which_of(bulk)), "limit": MOST_COUNTED + 1})
    return BulkCount(count=min(found.number, MOST_COUNTED), is_more=found.number > MOST_COUNTED)


async def step(
    view: WorkspaceView, bulk: Bulk, *, limit: int, before: tuple[datetime, UUID] | int | None = None
) -> BulkStep:
    """Change up to `limit` of the jobs, newest first, from a position on; fewer if they take long.

    A rejection for one job is reported and does not stop the others. Raises what stops all of them:
    DatabaseUnavailable, PgCronUnavailable, OutcomeUnknown, QuotaUsedUp, WorkspaceSuspended. The step may be repeated,
    since a paused job stays paused.
    """
    names, places = await _next(view, bulk, limit=limit, before=before)
    refused: list[RefusedJob] = []
    until = time.monotonic() + _SECONDS
    done = 0
    for done, name in enumerate(names, 1):  # noqa: B007
        try:
            await _DO[bulk.action](view, name, bulk)
        except errors.WorkspaceSuspended:
            raise
        except (errors.NotFound, errors.Conflict, errors.Unprocessable, errors.Forbidden) as error:
            refused.append(RefusedJob(job=name, code=error.code, detail=error.detail))
        if time.monotonic() > until:
            break
    is_last = done == len(names) and len(names) < limit
    if bulk.which is None:
        reached = (before if isinstance(before, int) else 0) + done
        return BulkStep(
            done=done - len(refused), refused=refused, next_place=None if reached >= len(bulk.jobs) else reached
        )
    place = None if is_last or not done else places[done - 1]
    return BulkStep(done=done - len(refused), refused=refused, next_place=place)


async def _next(
    view: WorkspaceView, bulk: Bulk, *, limit: int, before: tuple[datetime, UUID] | int | None
) -> tuple[Sequence[str], Sequence[tuple[datetime, UUID]]]:
    if bulk.which is None:
        first = before if isinstance(before, int) else 0
        return bulk.jobs[first : first + limit], ()
    created_at, job_id = before if isinstance(before, tuple) else (None, None)
    params = {"which": Jsonb(which_of(bulk)), "limit": limit, "before_created_at": created_at, "before_id": job_id}
    found = await view.rows(_FIND, params)
    return [str(each.job_id) for each in found], [(each.created_at, each.job_id) for each in found]


def which_of(bulk: Bulk) -> JsonObject:
    """Return the filter as kronos.jobs_to_change takes it, with the statuses that the action applies to."""
    asked: JsonObject = {
        name: told(value) for name, value in asdict(bulk.which or JobFilter()).items() if value is not None
    }
    status = asked.pop("status", None)
    asked["statuses"] = [each for each in _STATUSES[bulk.action] if status in (None, "LIVE", each)]
    if bulk.action != "cancel":
        asked.setdefault("trigger", "CRON")
    return asked


def told(value: str | datetime) -> str:
    """Return the value as JSON has it."""
    return value.isoformat() if isinstance(value, datetime) else value


async def _pause(view: WorkspaceView, job: str, bulk: Bulk) -> None:
    await pauses.pause(view, job, bulk.terms, actor=bulk.actor)


async def _resume(view: WorkspaceView, job: str, bulk: Bulk) -> None:
    await pauses.resume(view, job)


async def _cancel(view: WorkspaceView, job: str, bulk: Bulk) -> None:
    await changes.cancel(view, job)


async def _trigger(view: WorkspaceView, job: str, bulk: Bulk) -> None:
    key = None if bulk.key is None else f"{bulk.key}:{job}"
    await changes.trigger(view, job, input=None, idempotency_key=key)


_DO: Final[dict[BulkAction, Callable[[WorkspaceView, str, Bulk], Awaitable[None]]]] = {
    "pause": _pause,
    "resume": _resume,
    "cancel": _cancel,
    "trigger": _trigger,
}
