"""Routes of executions and their attempts."""

from typing import Annotated

from fastapi import Body, Query
from starlette.responses import Response

from kronos import errors, executions
from kronos.api.call import answer
from kronos.api.cursors import Page, bounded, decoded, encoded, list_digest, number_of, numbered
from kronos.api.dependencies import READ_FROM, ExecutionId, IdempotencyKey, ReadView, View
from kronos.api.document import answers, problems
from kronos.api.operation import Router, sets_a_state
from kronos.api.query_schemas import ExecutionQuery, PageQuery
from kronos.api.schemas import ExecutionRetry, Nothing
from kronos.executions import ExecutionFilter, LogLine
from kronos.model import Attempt, Execution, Role

router = Router("/v1/workspaces/{w}/executions", tags=["executions"])
_BEFORE_ALL = -32_769
_ABSENT = (errors.WorkspaceNotFound, errors.ExecutionNotFound)
_CHANGE = (*_ABSENT, errors.Forbidden, errors.Conflict, errors.PayloadTooLarge, errors.Unprocessable)


@router.get(
    "", needs=Role.VIEWER, responses=answers({200: Page[Execution]}, READ_FROM) | problems(errors.WorkspaceNotFound)
)
async def list_executions(view: ReadView, query: Annotated[ExecutionQuery, Query()]) -> Response:
    """List the executions of a workspace, newest first."""
    filters = query.model_dump(exclude={"limit", "cursor"})
    of = list_digest("executions", view.workspace, filters)
    found = await executions.find_page(
        view, ExecutionFilter(**filters), limit=query.limit, before=decoded(query.cursor, of)
    )
    return answer(Page(data=found.rows, next_cursor=None if found.place is None else encoded(of, found.place)))


@router.get("/{e}", needs=Role.VIEWER, responses=answers({200: Execution}, READ_FROM) | problems(*_ABSENT))
async def get_execution(view: ReadView, execution_id: ExecutionId) -> Response:
    """Get an execution."""
    return answer(await executions.get(view, execution_id))


@router.post(
    "/{e}/cancel", needs=Role.OPERATOR, responses=answers({200: Execution, 202: Execution}) | problems(*_CHANGE)
)
@sets_a_state
async def cancel_execution(
    view: View, execution_id: ExecutionId, _: Annotated[Nothing, Body(default_factory=Nothing)]
) -> Response:
    """Cancel an execution.

    200: it is CANCELLED. 202: a worker is delivering it. The worker aborts the request, and the attempt records what is
    known. A response that arrived before counts."""
    execution = await executions.cancel(view, execution_id)
    return answer(execution, 200 if execution.status == "CANCELLED" else 202)


@router.post(
    "/{e}/retry", needs=Role.OPERATOR, responses=answers({200: Execution}, "Idempotent-Replayed") | problems(*_CHANGE)
)
async def retry_execution(
    view: View,
    execution_id: ExecutionId,
    body: Annotated[ExecutionRetry, Body(default_factory=ExecutionRetry)],
    key: IdempotencyKey = None,
) -> Response:
    """Make a failed, cancelled or expired execution due again. It keeps its id."""
    execution, is_new = await executions.retry(
        view, execution_id, endpoint_version=body.endpoint_version, idempotency_key=key
    )
    return answer(execution, is_repeat=not is_new)


@router.get("/{e}/attempts", needs=Role.VIEWER, responses=answers({200: Page[Attempt]}, READ_FROM) | problems(*_ABSENT))
async def list_attempts(view: ReadView, execution_id: ExecutionId, query: Annotated[PageQuery, Query()]) -> Response:
    """List an execution's attempts, oldest first."""
    of = list_digest("attempts", view.workspace, {"execution": execution_id})
    rows = await executions.attempts(
        view, execution_id, limit=query.limit, after=_number(number_of(decoded(query.cursor, of)))
    )
    return answer(bounded(rows, of=of, place=lambda row: numbered(row.attempt_number, execution_id)))


@router.get("/{e}/logs", needs=Role.VIEWER, responses=answers({200: Page[LogLine]}, READ_FROM) | problems(*_ABSENT))
async def list_logs(view: ReadView, execution_id: ExecutionId) -> Response:
    """List the events of an execution in order, including its last 200 attempts."""
    return answer(Page(data=await executions.logs(view, execution_id), next_cursor=None))


def _number(after: int | None) -> int:
    """Return an attempt number within the column's range: a forged cursor may hold any number. None becomes the number
    before all attempts."""
    return _BEFORE_ALL if after is None else min(max(after, _BEFORE_ALL), 32_767)
