"""Read dead letters, and redrive or discard many of them. Dead letters are executions that FAILED and were not dealt
with. Operations run after the request; kronos.advance_operation does the work.

To retry a single one: kronos.executions.retry.
"""

from dataclasses import asdict
from datetime import datetime
from typing import Literal
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb

from kronos import errors, idempotency
from kronos.database import PAGE_BYTES, WorkspaceView
from kronos.model import BulkOperation, EndpointChoice, ListedExecution
from kronos.records import dataclass
from kronos.sql import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterFilter:
    """Which dead letters; None: all. `job` is an id or a name, `q` a text in their errors, `after` and `before` bound
    when they failed."""

    endpoint: str | None = None
    job: str | None = None
    error_type: str | None = None
    q: str | None = None
    after: datetime | None = None
    before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterCount:
    """How many dead letters there are. `absent`: the filter field that names something that does not exist."""

    absent: str | None
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterGroup:
    """Dead letters of one endpoint and error type: how many, and of how many jobs. `message` is the error of the
    latest, which is `execution_id`."""

    endpoint: str
    error_type: str | None
    number: int
    jobs: int
    first_failed_at: datetime
    last_failed_at: datetime
    execution_id: UUID
    message: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedLetterGroup(LetterGroup):
    """A group in a list, and how many dead letters were counted in all groups. The API leaves out the field with _."""

    _counted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """The operation that was started, or None if `absent` names something that does not exist."""

    operation_id: UUID | None
    absent: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """Whether this call stopped an operation."""

    is_cancelled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOperation:
    """An operation and the dead letters that it handles, at most `per_second` per second. `endpoint_version`: the
    version to which a REDRIVE delivers."""

    kind: Literal["REDRIVE", "DISCARD"]
    which: LetterFilter
    per_second: int | None = None
    endpoint_version: EndpointChoice = "latest"


_LIST = statement("dead_letters.list_dead_letters", ListedExecution)
_GROUPS = statement("dead_letters.list_dead_letter_groups", ListedLetterGroup)
_COUNT = statement("dead_letters.count_dead_letters", LetterCount)
MOST_GROUPED = 10_000
_MOST_GROUPS = 200
_INSERT = statement("dead_letters.insert_operation", Begun)
GET_OPERATION = statement("dead_letters.get_operation", BulkOperation)
_LIST_OPERATIONS = statement("dead_letters.list_operations", BulkOperation)
_CANCEL = statement("dead_letters.cancel_operation", Stopped)


async def list_page(
    view: WorkspaceView, which: LetterFilter, *, limit: int, before: tuple[datetime, UUID] | None
) -> list[ListedExecution]:
    """Return up to `limit` dead letters, latest failure first, after the position `before`; fewer if they exceed
    PAGE_BYTES."""
    failed_at, execution_id = before or (None, None)
    return await view.rows(
        _LIST,
        asdict(which) | {"limit": limit, "bytes": PAGE_BYTES, "before_failed_at": failed_at, "before_id": execution_id},
    )


async def groups(view: WorkspaceView, which: LetterFilter) -> list[ListedLetterGroup]:
    """Return the newest MOST_GROUPED dead letters by endpoint and error type: up to 200 groups, largest first."""
    return await view.rows(_GROUPS, asdict(which) | {"most": MOST_GROUPED, "limit": _MOST_GROUPS})


async def count(view: WorkspaceView, which: LetterFilter) -> int:
    """Count the dead letters. Raises Unprocessable if the filter names something that does not exist."""
    (counted,) = await view.rows(_COUNT, asdict(which))
    if counted.absent is not None:
        raise _absent(view, which, counted.absent)
    return counted.number


async def begin(
    view: WorkspaceView, new: NewOperation, *, idempotency_key: str | None = None
) -> tuple[BulkOperation, bool]:
    """Start an operation over everything that has failed by now. Return it, and whether it is new.

    Raises Unprocessable if the filter names something that does not exist, or for idempotency_mismatch; Conflict for a
    redrive in a suspended workspace; OutcomeUnknown.
    """
    name: idempotency.Operation = "redrive" if new.kind == "REDRIVE" else "discard"
    key = idempotency.key(name, idempotency_key, new)
    return await idempotency.once(view, key, lambda: _begin(view, new, key), lambda made: get(view, made))


async def _begin(view: WorkspaceView, new: NewOperation, key: idempotency.Key | None) -> BulkOperation:
    operation_id = uuid4()
    asked = {name: value for name, value in asdict(new.which).items() if value is not None}
    params = asdict(new.which) | {
        "operation_id": operation_id,
        "kind": new.kind,
        "asked": Jsonb(
            {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asked.items()}
        ),
        "endpoint_version": new.endpoint_version,
        "per_second": new.per_second,
        **idempotency.params(key),
    }
    begun, present = await view.write_then_read(_INSERT, params, GET_OPERATION, {"operation_id": operation_id})
    if not begun:
        raise errors.WorkspaceSuspended(view.workspace, (await view.enter()).status, "redrives")
    if begun[0].absent is not None:
        raise _absent(view, new.which, begun[0].absent)
    return present[0]


async def get(view: WorkspaceView, operation_id: UUID) -> BulkOperation:
    """Return the operation with its progress. Raises OperationNotFound."""
    if (operation := await view.one_or_none(GET_OPERATION, {"operation_id": operation_id})) is None:
        raise _not_found(view, operation_id)
    return operation


async def list_operations(
    view: WorkspaceView, *, limit: int, before: tuple[datetime, UUID] | None
) -> list[BulkOperation]:
    """Return up to `limit` operations, newest first, after the position `before`."""
    created_at, operation_id = before or (None, None)
    return await view.rows(
        _LIST_OPERATIONS, {"limit": limit, "before_created_at": created_at, "before_id": operation_id}
    )


async def cancel(view: WorkspaceView, operation_id: UUID) -> BulkOperation:
    """Stop a RUNNING operation. What it has done stays done. An ended operation stays as it is. Raises
    OperationNotFound."""
    params = {"operation_id": operation_id}
    _, present = await view.write_then_read(_CANCEL, params, GET_OPERATION, params)
    if not present:
        raise _not_found(view, operation_id)
    return present[0]


def _not_found(view: WorkspaceView, operation_id: UUID) -> errors.OperationNotFound:
    return errors.OperationNotFound(f"no operation {operation_id} in workspace {view.workspace}")


def _absent(view: WorkspaceView, which: LetterFilter, name: str) -> errors.Unprocessable:
    named = which.endpoint if name == "endpoint" else which.job
    return errors.Unprocessable.of(
        errors.Fault(
            pointer=f"/{name}",
            detail=f"no {name} {named!r} in workspace {view.workspace}",
            hint=f"Use the name of an existing {name}, or omit {name} for all.",
        )
    )
