"""Routes of dead letters, and of the operations that redrive or discard many of them."""

from typing import Annotated

from fastapi import Body, Query
from starlette.responses import Response

from kronos import dead_letters, deletions, errors
from kronos.api.call import Call, answer
from kronos.api.cursors import Page, bounded, decoded, list_digest, page
from kronos.api.dependencies import READ_FROM, CallerOf, IdempotencyKey, Instance, OperationId, ReadView, View
from kronos.api.document import answers, problems
from kronos.api.operation import Router, sets_a_state, shown_at
from kronos.api.query_schemas import LetterFilterQuery, LetterQuery, PageQuery
from kronos.api.schemas import LetterDiscard, LetterRedrive, Nothing
from kronos.dead_letters import LetterFilter, LetterGroup, ListedLetterGroup, NewOperation
from kronos.model import BulkOperation, Execution, Role
from kronos.records import dataclass

router = Router("/v1/workspaces/{w}", tags=["dead-letters"])
_ABSENT = (errors.WorkspaceNotFound, errors.OperationNotFound)
_WRITE = (errors.WorkspaceNotFound, errors.Forbidden, errors.Conflict, errors.PayloadTooLarge, errors.Unprocessable)
_FILTER = ("endpoint", "job", "error_type", "q", "after", "before")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterCount:
    """How many dead letters an operation would process now."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterGroups:
    """The newest dead letters, at most 10,000, by endpoint and error type, largest groups first. `counted`: how many
    were counted. `is_cut`: there may be more."""

    data: list[LetterGroup]
    counted: int
    is_cut: bool


@router.get(
    "/dead-letters/groups",
    needs=Role.VIEWER,
    responses=answers({200: DeadLetterGroups}, READ_FROM) | problems(errors.WorkspaceNotFound),
)
async def list_dead_letter_groups(view: ReadView, query: Annotated[LetterFilterQuery, Query()]) -> Response:
    """Count dead letters by endpoint and error type."""
    return answer(grouped(await dead_letters.groups(view, LetterFilter(**query.model_dump()))))


def grouped(data: list[ListedLetterGroup]) -> DeadLetterGroups:
    """Return the groups with the number of dead letters counted."""
    counted = data[0]._counted if data else 0
    return DeadLetterGroups(data=list(data), counted=counted, is_cut=counted >= dead_letters.MOST_GROUPED)


@router.get(
    "/dead-letters",
    needs=Role.VIEWER,
    responses=answers({200: Page[Execution]}, READ_FROM) | problems(errors.WorkspaceNotFound),
)
async def list_dead_letters(view: ReadView, query: Annotated[LetterQuery, Query()]) -> Response:
    """List executions that FAILED and were neither retried nor discarded, latest failure first."""
    filters = query.model_dump(exclude={"limit", "cursor"})
    of = list_digest("dead-letters", view.workspace, filters)
    rows = await dead_letters.list_page(
        view, LetterFilter(**filters), limit=query.limit, before=decoded(query.cursor, of)
    )
    return answer(bounded(rows, of=of, place=lambda row: (row.completed_at or row.created_at, row.execution_id)))


@router.post(
    "/dead-letters/redrive",
    needs=Role.OPERATOR,
    status_code=202,
    responses=answers({202: BulkOperation, 200: DeadLetterCount}, "Location", "Idempotent-Replayed")
    | problems(*_WRITE),
)
@shown_at("/v1/workspaces/{w}/operations")
async def redrive_dead_letters(
    call: Call, view: View, body: Annotated[LetterRedrive, Body()], key: IdempotencyKey = None
) -> Response:
    """Make all dead letters that match a filter due again, oldest first. Each keeps its id.

    With validate_only, only count them."""
    new = NewOperation(
        kind="REDRIVE", which=_which(body), per_second=body.per_second, endpoint_version=body.endpoint_version
    )
    return await _begun(call, view, body, new, key)


@router.post(
    "/dead-letters/discard",
    needs=Role.OPERATOR,
    status_code=202,
    responses=answers({202: BulkOperation, 200: DeadLetterCount}, "Location", "Idempotent-Replayed")
    | problems(*_WRITE),
)
@shown_at("/v1/workspaces/{w}/operations")
async def discard_dead_letters(
    call: Call, view: View, body: Annotated[LetterDiscard, Body()], key: IdempotencyKey = None
) -> Response:
    """Discard all dead letters that match a filter. Their executions and attempts stay in the history.

    With validate_only, only count them."""
    return await _begun(call, view, body, NewOperation(kind="DISCARD", which=_which(body)), key)


@router.get(
    "/operations", needs=Role.VIEWER, responses=answers({200: Page[BulkOperation]}) | problems(errors.WorkspaceNotFound)
)
async def list_operations(view: View, query: Annotated[PageQuery, Query()]) -> Response:
    """List the operations of a workspace, newest first."""
    of = list_digest("operations", view.workspace, {})
    rows = await dead_letters.list_operations(view, limit=query.limit + 1, before=decoded(query.cursor, of))
    return answer(page(rows, limit=query.limit, of=of, place=lambda row: (row.created_at, row.operation_id)))


@router.get("/operations/{o}", needs=Role.VIEWER, responses=answers({200: BulkOperation}) | problems(*_ABSENT))
async def get_operation(view: View, instance: Instance, caller: CallerOf, operation_id: OperationId) -> Response:
    """Get an operation and its progress.

    The instance's administrator also sees the deletion of a workspace, even after the workspace is gone."""
    try:
        return answer(await dead_letters.get(view, operation_id))
    except (errors.WorkspaceNotFound, errors.OperationNotFound) as absent:
        if caller.role is not Role.INSTANCE_ADMIN:
            raise
        try:
            return answer(await deletions.get(instance, view.workspace, operation_id))
        except errors.OperationNotFound:
            raise absent from None


@router.post(
    "/operations/{o}/cancel",
    needs=Role.OPERATOR,
    responses=answers({200: BulkOperation}) | problems(*_WRITE, errors.OperationNotFound),
)
@sets_a_state
async def cancel_operation(
    view: View, operation_id: OperationId, _: Annotated[Nothing, Body(default_factory=Nothing)]
) -> Response:
    """Stop an operation. The work it has done is kept."""
    return answer(await dead_letters.cancel(view, operation_id))


def _which(body: LetterRedrive | LetterDiscard) -> LetterFilter:
    return LetterFilter(**body.model_dump(include=set(_FILTER)))


async def _begun(
    call: Call, view: View, body: LetterRedrive | LetterDiscard, new: NewOperation, key: str | None
) -> Response:
    if body.validate_only:
        return answer(DeadLetterCount(count=await dead_letters.count(view, new.which)))
    operation, is_new = await dead_letters.begin(view, new, idempotency_key=key)
    location = call.path("workspaces", operation.workspace, "operations", operation.operation_id)
    return answer(operation, 202, Location=location, is_repeat=not is_new)
