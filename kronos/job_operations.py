"""Operations that pause, resume, cancel or trigger many jobs after the request that started them. kronos.dead_letters
reads and cancels them like its own operations; kronos.change_some does the work."""

from dataclasses import asdict
from typing import Final
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb

from kronos import bulk_jobs, dead_letters, errors, idempotency
from kronos.bulk_jobs import Bulk
from kronos.database import WorkspaceView
from kronos.model import BulkOperation, JsonObject
from kronos.records import dataclass
from kronos.sql import statement

MOST_TOLD: Final = 100_000
"""An operation's total is counted up to this; the operation itself has no such limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJobOperation:
    """An action on all jobs of a filter, at most `per_second` per second; on none if more than `at_most` match."""

    bulk: Bulk
    per_second: int | None = None
    at_most: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BegunOverJobs:
    """The operation that was started, or None, and how many jobs it covers."""

    operation_id: UUID | None
    total: int


_BEGIN = statement("job_turns.begin_job_operation", BegunOverJobs)


async def begin(
    view: WorkspaceView, new: NewJobOperation, *, idempotency_key: str | None = None
) -> tuple[BulkOperation, bool]:
    """Start an operation over the jobs that match now. Return it, and whether it is new.

    Raises Unprocessable (idempotency_mismatch), Conflict if more than `at_most` match, WorkspaceSuspended,
    OutcomeUnknown.
    """
    terms = _terms(new.bulk) if new.bulk.action == "pause" else {}
    # without at_most: when the call is repeated, other jobs have been changed by now, and fewer match
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
        detail = f"{begun.total:,} jobs match, but at_most is {new.at_most:,}: nothing was started"
        hint = "Count them again, and send the number that you expect."
        raise errors.Conflict(detail, faults=(errors.Fault(pointer="/at_most", detail=detail, hint=hint),))
    raise errors.WorkspaceSuspended(view.workspace, (await view.enter()).status, "operations over jobs")


def _asked(bulk: Bulk) -> JsonObject:
    """Return the filter as its caller wrote it."""
    if bulk.which is None:
        raise ValueError("an operation is over the jobs of a filter")
    return {name: bulk_jobs.told(value) for name, value in asdict(bulk.which).items() if value is not None}


def _terms(bulk: Bulk) -> JsonObject:
    """Return a pause's terms as kronos.change_job reads them."""
    until = bulk.terms.get("until")
    return {
        "given": list(bulk.terms),
        "note": bulk.terms.get("note"),
        "until": None if until is None else until.isoformat(),
        "actor": bulk.actor,
    }
