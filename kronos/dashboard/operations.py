"""The operation pages: work over many rows that a request started and that continues in the background."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from kronos import dead_letters
from kronos.api.call import Call
from kronos.api.cursors import decoded, list_digest, page
from kronos.api.dependencies import OperationId, View
from kronos.api.query_schemas import PageQuery
from kronos.dashboard.forms import sent
from kronos.dashboard.page import Pages, done, shown
from kronos.model import Role

pages = Pages()


@pages.get("/w/{w}/operations", needs=Role.VIEWER)
async def get_operations(call: Call, view: View, query: Annotated[PageQuery, Query()]) -> Response:
    """Operations, newest first."""
    of = list_digest("operations", view.workspace, {})
    rows = await dead_letters.list_operations(view, limit=query.limit + 1, before=decoded(query.cursor, of))
    found = page(rows, limit=query.limit, of=of, place=lambda row: (row.created_at, row.operation_id))
    return shown(
        call, "operations.html", operations=list(found.data), next_cursor=found.next_cursor, cursor=query.cursor
    )


@pages.get("/w/{w}/operations/{o}", needs=Role.VIEWER)
async def get_operation(call: Call, view: View, operation_id: OperationId) -> Response:
    """The progress of an operation."""
    return shown(call, "operation.html", operation=await dead_letters.get(view, operation_id))


@pages.post("/w/{w}/operations/{o}/cancel", needs=Role.OPERATOR)
async def cancel_operation(call: Call, view: View, operation_id: OperationId) -> Response:
    """Cancel an operation."""
    await sent(call)
    await dead_letters.cancel(view, operation_id)
    return done(
        call, "Operation cancelled. Changes already made are kept.", "w", view.workspace, "operations", operation_id
    )
