"""Routes of executions and their attempts."""

from starlette.responses import Response

from kronos import errors, executions
from kronos.api.call import Call, answer
from kronos.api.cursors import Page, bounded, decoded, list_digest, number_of, numbered
from kronos.api.declared import Routes as Router
from kronos.api.schemas import ExecutionQuery, ExecutionRetry, NoQuery, Nothing, PageQuery
from kronos.executions import ExecutionFilter, LogLine
from kronos.model import Attempt, Execution

router = Router("executions")
_PATH = "/v1/workspaces/{w}/executions"
_ONE = "/v1/workspaces/{w}/executions/{e}"
_BEFORE_ALL = -32_769
_ABSENT = (errors.WorkspaceNotFound, errors.ExecutionNotFound)
_CHANGE = (*_ABSENT, errors.Forbidden, errors.Conflict, errors.PayloadTooLarge, errors.Unprocessable)


@router.operation("GET", _PATH, query=ExecutionQuery, answers={200: Page[Execution]}, raises=(errors.WorkspaceNotFound,))
async def list_executions(call: Call) -> Response:
    """Executions of a workspace, newest first."""
    view, query = call.workspace(), call.parameters(ExecutionQuery)
    filters = query.model_dump(exclude={"limit", "cursor"})
    of = list_digest("executions", view.workspace, filters)
    rows = await executions.list_page(view, ExecutionFilter(**filters), limit=query.limit, before=decoded(query.cursor, of))
    return answer(bounded(rows, of=of, place=lambda row: (row.created_at, row.execution_id)))


@router.operation("GET", _ONE, answers={200: Execution}, raises=_ABSENT)
async def get_execution(call: Call) -> Response:
    """One execution."""
    call.parameters(NoQuery)
    return answer(await executions.get(call.workspace(), call.execution_id()))


@router.operation("POST", _ONE + "/cancel", body=Nothing, needs_body=False, answers={200: Execution}, raises=_CHANGE)
async def cancel_execution(call: Call) -> Response:
    """Cancel an execution that waits."""
    call.parameters(NoQuery)
    view, execution_id, _ = call.workspace(), call.execution_id(), await call.read(Nothing, optional=True)
    return answer(await executions.cancel(view, execution_id))


@router.operation(
    "POST", _ONE + "/retry", body=ExecutionRetry, needs_body=False, headers=("Idempotency-Key",), answers={200: Execution}, raises=_CHANGE
)
async def retry_execution(call: Call) -> Response:
    """Make a failed or cancelled execution due again, under its own id."""
    call.parameters(NoQuery)
    view, execution_id, body = call.workspace(), call.execution_id(), await call.read(ExecutionRetry, optional=True)
    execution, is_new = await executions.retry(
        view, execution_id, endpoint_version=body.endpoint_version, idempotency_key=call.idempotency_key()
    )
    return answer(execution, is_repeat=not is_new)


@router.operation("GET", _ONE + "/attempts", query=PageQuery, answers={200: Page[Attempt]}, raises=_ABSENT)
async def list_attempts(call: Call) -> Response:
    """An execution's attempts, first to last."""
    view, execution_id, query = call.workspace(), call.execution_id(), call.parameters(PageQuery)
    of = list_digest("attempts", view.workspace, {"execution": execution_id})
    rows = await executions.attempts(view, execution_id, limit=query.limit, after=_number(number_of(decoded(query.cursor, of))))
    return answer(bounded(rows, of=of, place=lambda row: numbered(row.attempt_number, execution_id)))


@router.operation("GET", _ONE + "/logs", answers={200: Page[LogLine]}, raises=_ABSENT)
async def list_logs(call: Call) -> Response:
    """What happened to an execution, in order; of its attempts the last 200."""
    call.parameters(NoQuery)
    return answer(Page(data=await executions.logs(call.workspace(), call.execution_id()), next_cursor=None))


def _number(after: int | None) -> int:
    """An attempt's number, whatever a cursor says: one that we did not make may say anything. None: before all that a row can hold."""
    return _BEFORE_ALL if after is None else min(max(after, _BEFORE_ALL), 32_767)
