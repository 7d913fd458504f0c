"""Create, read and cancel backfills: a CRON job's ticks of a past window, delivered later. kronos.advance_backfill does
the work."""

from datetime import datetime
from uuid import UUID, uuid4

from kronos import changes, errors, idempotency, jobs
from kronos.database import WorkspaceView
from kronos.model import Backfill, JobStatus, TickOutcome, Trigger
from kronos.records import dataclass
from kronos.sql import statement

MOST_TICKS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBackfill:
    """The window [from_at, to_at), how many of its executions may be unfinished at the same time, which ticks it takes,
    and their priority; None: the job's."""

    from_at: datetime
    to_at: datetime
    max_active: int
    include: tuple[TickOutcome, ...]
    priority: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TickCount:
    """What a backfill of a window would do. Of the window's `ticks`, `left_out` were run, are about to run, or were not
    requested. `redriven` are FAILED runs that would be due again. `first_at` and `last_at`: the first and last tick."""

    job_id: UUID
    trigger: Trigger
    status: JobStatus
    is_past: bool
    ticks: int
    left_out: int
    redriven: int
    first_at: datetime | None
    last_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The backfill that was created, and how many executions it begins with."""

    backfill_id: UUID
    executions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """Whether this call cancelled it."""

    is_cancelled: bool


_COUNT = statement("backfills.count_ticks", TickCount)
_INSERT = statement("backfills.insert_backfill", Started)
_GET = statement("backfills.get_backfill", Backfill)
_LIST = statement("backfills.list_backfills", Backfill)
_CANCEL = statement("backfills.cancel_backfill", Cancelled)


async def count(view: WorkspaceView, job: str, new: NewBackfill) -> TickCount:
    """Return what the backfill would do now, without writing.

    Raises JobNotFound, Conflict unless it is a live CRON job, Unprocessable if the window ends in the future or has too
    many ticks.
    """
    params = {
        "job": job,
        "from_at": new.from_at,
        "to_at": new.to_at,
        "include": list(new.include),
        "limit": MOST_TICKS + 1,
    }
    if (counted := await view.one_or_none(_COUNT, params)) is None:
        raise errors.JobNotFound(f"no job {job!r} in workspace {view.workspace}")
    if counted.trigger != "CRON" or counted.status not in ("ACTIVE", "PAUSED"):
        await changes.refuse_replaced(view, await jobs.get(view, str(counted.job_id)))
        raise errors.Conflict(
            f"job {counted.job_id} is {counted.trigger} and {counted.status}: only a live CRON job can be backfilled"
        )
    if not counted.is_past:
        raise _refused(
            "/to",
            f"{new.to_at.isoformat()} is in the future",
            "Use a time that has passed: later ticks belong to the schedule.",
        )
    if counted.ticks > MOST_TICKS and counted.last_at is not None:
        detail = f"the job has more than {MOST_TICKS:,} ticks in this window"
        raise _refused(
            "/to", detail, f"Use {counted.last_at.isoformat()}, and continue from there with another backfill."
        )
    return counted


async def start(
    view: WorkspaceView, job: str, new: NewBackfill, *, idempotency_key: str | None = None
) -> tuple[Backfill, bool]:
    """Create a backfill and its first executions in one transaction. Return it, and whether it is new.

    Raises as `count`; also Conflict if the workspace is suspended, Unprocessable (idempotency_mismatch),
    OutcomeUnknown.
    """
    key = idempotency.key("backfill", idempotency_key, job, new)
    return await idempotency.once(view, key, lambda: _start(view, job, new, key), lambda made: get(view, made))


async def _start(view: WorkspaceView, job: str, new: NewBackfill, key: idempotency.Key | None) -> Backfill:
    for _ in range(changes.MOST_OVERTAKINGS):
        counted = await count(view, job, new)
        backfill_id = uuid4()
        params: dict[str, object] = {
            "job": job,
            "backfill_id": backfill_id,
            "job_id": counted.job_id,
            "from_at": new.from_at,
            "to_at": new.to_at,
            "max_active": new.max_active,
            "include": list(new.include),
            "first_at": counted.first_at,
            "ticks": counted.ticks,
            "priority": new.priority,
            **idempotency.params(key),
        }
        _, started, present = await view.prepare_write_read(changes.SETTLE, _INSERT, _GET, params)
        if started:
            return present[0]
        if (workspace := await view.enter()).status != "ACTIVE":
            raise errors.WorkspaceSuspended(view.workspace, workspace.status, "backfills")
    raise errors.Conflict(f"job {job!r} was changed at the same time: try again")


async def get(view: WorkspaceView, backfill_id: UUID) -> Backfill:
    """Return the backfill with its progress. Raises BackfillNotFound."""
    if (backfill := await view.one_or_none(_GET, {"backfill_id": backfill_id})) is None:
        raise _not_found(view, backfill_id)
    return backfill


async def list_page(
    view: WorkspaceView, job: str, *, limit: int, before: tuple[datetime, UUID] | None
) -> list[Backfill]:
    """Return up to `limit` backfills of all versions of the job, newest first, after the position `before`."""
    created_at, backfill_id = before or (None, None)
    return await view.rows(
        _LIST, {"job": job, "limit": limit, "before_created_at": created_at, "before_id": backfill_id}
    )


async def cancel(view: WorkspaceView, backfill_id: UUID) -> Backfill:
    """Stop a RUNNING backfill: its waiting executions are cancelled, running ones aborted. An ended backfill stays as
    it is. Raises BackfillNotFound."""
    params = {"backfill_id": backfill_id}
    _, present = await view.write_then_read(_CANCEL, params, _GET, params)
    if not present:
        raise _not_found(view, backfill_id)
    return present[0]


def _not_found(view: WorkspaceView, backfill_id: UUID) -> errors.BackfillNotFound:
    return errors.BackfillNotFound(f"no backfill {backfill_id} in workspace {view.workspace}")


def _refused(pointer: str, detail: str, hint: str) -> errors.Unprocessable:
    return errors.Unprocessable.of(errors.Fault(pointer=pointer, detail=detail, hint=hint))
