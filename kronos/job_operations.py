"""Many jobs are paused, resumed, cancelled or triggered behind the request that began it: an operation, as those over
dead letters (kronos.dead_letters reads and cancels both). The work itself is kronos.change_some's."""

from dataclasses import asdict, dataclass
from typing import Final
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb

from kronos import bulk_jobs, dead_letters, errors, idempotency
from kronos.bulk_jobs import Bulk
from kronos.database import WorkspaceView
from kronos.model import BulkOperation, JsonObject
from kronos.sql import statement

MOST_TOLD: Final = 100_000
"""An operation's total is counted up to it; it goes on beyond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJobOperation:
    """What is done to all jobs of a filter, at most `per_second` of them a second; to none where there are more than
    `at_most`."""

    bulk: Bulk
    per_second: int | None = None
    at_most: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BegunOverJobs:
    """The operation that was begun, or None; and how many jobs it is over."""

    operation_id: UUID | None
    total: int


_BEGIN = statement("job_turns.begin_job_operation", BegunOverJobs)


async def begin(
    view: WorkspaceView, new: NewJobOperation, *, idempotency_key: str | None = None
) -> tuple[BulkOperation, bool]:
    """An operation over the jobs that match by now; and whether it is new.

    Raises Unprocessable (idempotency_mismatch), Conflict where they are more than `at_most`, WorkspaceSuspended,
    OutcomeUnknown.
    """
    terms = _terms(new.bulk) if new.bulk.action == "pause" else {}
    # not at_most: where the call is repeated others have changed by now, and fewer match
    key = idempotency.key("bulk", idempotency_key, new.bulk.action, new.bulk.which, terms, new.per_second)
    return await idempotency.once(view, key, lambda: _begin(view, new, key), lambda made: dead_letters.get(view, made))


async def _begin(view: WorkspaceView, new: NewJobOperation, key: idempotency.Key | None) -> BulkOperation:
    operation_id, bulk = uuid4(), new.bulk
    params: dict[str, object] = {
        "operation_id": operation_id,
        "kind": bulk.action.upper(),
        "asked": Jsonb(_asked(bulk)),
        "which": Jsonb(bulk_jobs.which_of(bulk)),
        "terms": Jsonb(_terms(bulk)) if bulk.action == "pause" else None,
        "per_second": new.per_second,
        "at_most": new.at_most,
        "most": MOST_TOLD,
        **idempotency.params(key),
    }
    (begun,), present = await view.write_then_read(
        _BEGIN, params, dead_letters.GET_OPERATION, {"operation_id": operation_id}
    )
    if begun.operation_id is not None:
        return present[0]
    if new.at_most is not None and begun.total > new.at_most:
        detail = f"{begun.total:,} jobs match, and it is to be done to {new.at_most:,} at most: nothing was begun"
        hint = "Count them again, and send the number that you find right."
        raise errors.Conflict(detail, faults=(errors.Fault(pointer="/at_most", detail=detail, hint=hint),))
    raise errors.WorkspaceSuspended(view.workspace, (await view.enter()).status, "operations over jobs")


def _asked(bulk: Bulk) -> JsonObject:
    """As its caller wrote it."""
    if bulk.which is None:
        raise ValueError("an operation is over the jobs of a filter")
    return {name: bulk_jobs.told(value) for name, value in asdict(bulk.which).items() if value is not None}


def _terms(bulk: Bulk) -> JsonObject:
    """What a pause says, as kronos.change_job reads it."""
    until = bulk.terms.get("until")
    return {
        "given": list(bulk.terms),
        "note": bulk.terms.get("note"),
        "until": None if until is None else until.isoformat(),
        "actor": bulk.actor,
    }
