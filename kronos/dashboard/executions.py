"""The execution pages: the list, and one execution with its attempts."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from kronos import endpoints, errors, executions, jobs
from kronos.api.call import Call
from kronos.api.cursors import decoded, encoded, list_digest
from kronos.api.dependencies import ExecutionId, ReadView, View
from kronos.dashboard import run_times
from kronos.dashboard.forms import sent
from kronos.dashboard.page import Pages, done, shown
from kronos.dashboard.queries import TypedExecutionQuery
from kronos.database import WorkspaceView
from kronos.executions import ExecutionFilter
from kronos.model import EndpointChoice, Role
from kronos.server_time import CLOCK

pages = Pages()
_MOST_ATTEMPTS = 20
_RETRIED = frozenset({"FAILED", "CANCELLED", "EXPIRED"})
_ENDED = frozenset({"SUCCESS", "FAILED", "CANCELLED", "SKIPPED", "MISSED", "EXPIRED"})


@pages.get("/w/{w}/executions", needs=Role.VIEWER)
async def get_executions(call: Call, view: ReadView, query: Annotated[TypedExecutionQuery, Query()]) -> Response:
    """Executions, newest first, filtered by the query in the address."""
    filters = query.model_dump(exclude={"limit", "cursor"})
    of = list_digest("executions", view.workspace, filters)
    found = await executions.find_page(
        view, ExecutionFilter(**filters), limit=query.limit, before=decoded(query.cursor, of)
    )
    return shown(
        call,
        "executions.html",
        rows=found.rows,
        next_cursor=None if found.place is None else encoded(of, found.place),
        looked_at=executions.LOOKED_AT,
        looked_to=found.place[0] if found.place is not None else None,
        asked=filters,
        cursor=query.cursor,
        absent=None if found.rows or query.cursor else await _absent(view, query),
    )


async def _absent(view: WorkspaceView, query: TypedExecutionQuery) -> str | None:
    """Return which job or endpoint of the filter does not exist, if any: then an empty list says nothing about runs."""
    try:
        if query.job:
            await jobs.get(view, query.job)
        if query.endpoint:
            await endpoints.get(view, query.endpoint)
    except errors.JobNotFound:
        return f"job {query.job}"
    except errors.EndpointNotFound:
        return f"endpoint {query.endpoint}"
    return None


@pages.get("/w/{w}/executions/{e}", needs=Role.VIEWER)
async def get_execution(call: Call, view: View, execution_id: ExecutionId) -> Response:
    """One execution: its timeline, its attempts with request and response, its cause and its callbacks."""
    execution = await executions.get(view, execution_id)
    after = max(execution.attempt_count - _MOST_ATTEMPTS, 0)
    attempts = await executions.attempts(view, execution_id, limit=_MOST_ATTEMPTS + 1, after=after)
    now = CLOCK.now()
    spans = run_times.spans(execution, attempts, now)
    return shown(
        call,
        "execution.html",
        execution=execution,
        attempts=list(attempts),
        earlier=after,
        spans=spans,
        curl=run_times.curl(execution, attempts[-1]) if attempts and call.caller.sees_payloads else None,
        can_cancel=execution.status not in _ENDED,
        can_retry=execution.status in _RETRIED,
    )


@pages.post("/w/{w}/executions/{e}/cancel", needs=Role.OPERATOR)
async def cancel_execution(call: Call, view: View, execution_id: ExecutionId) -> Response:
    """Cancel an execution."""
    await sent(call)
    execution = await executions.cancel(view, execution_id)
    told = (
        "Cancelled."
        if execution.status == "CANCELLED"
        else "A worker is delivering this execution. It will abort the request and record the result in the attempt."
    )
    return done(call, told, "w", view.workspace, "executions", execution_id)


@pages.post("/w/{w}/executions/{e}/retry", needs=Role.OPERATOR)
async def retry_execution(call: Call, view: View, execution_id: ExecutionId) -> Response:
    """Make an execution due again."""
    form = await sent(call)
    chosen = form.text("endpoint_version") or "latest"
    if chosen not in ("latest", "same"):
        raise errors.InvalidRequest.of(f"{chosen[:40]!r} is not an endpoint version", "Choose latest or same.")
    version: EndpointChoice = "same" if chosen == "same" else "latest"
    await executions.retry(view, execution_id, endpoint_version=version, idempotency_key=form.once)
    return done(call, "The execution is due again, under the same id.", "w", view.workspace, "executions", execution_id)
