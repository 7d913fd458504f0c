"""Routes of the audit: who changed what in a workspace or in the instance."""

from collections.abc import AsyncIterator
from dataclasses import fields
from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from kronos import audit, errors
from kronos.api.call import Call, answer
from kronos.api.cursors import Page, Place, bounded, decoded, encoded, list_digest
from kronos.api.dependencies import Instance, View
from kronos.api.document import answers, problems
from kronos.api.fields import UUID_FORM
from kronos.api.operation import Router
from kronos.api.query_schemas import AuditExportQuery, AuditQuery, SealedQuery
from kronos.api.streams import streamed
from kronos.audit import AuditFilter, AuditRow, ChainHead, ListedAuditRow
from kronos.database import InstanceView, WorkspaceView
from kronos.model import Role

router = Router("/v1", tags=["audit"])
_LINES = "application/x-ndjson"
_EXPORTED = {
    200: {
        "description": "One JSON object per line, oldest first: number, hash, and the hashed record. One-shots are not "
        "hashed; their lines are the rows of the list.",
        "headers": answers({200: None})[200]["headers"],
        "content": {_LINES: {"schema": {"type": "string"}}},
    }
}


@router.get(
    "/workspaces/{w}/audit",
    needs=Role.ADMIN,
    responses=answers({200: Page[AuditRow]}) | problems(errors.WorkspaceNotFound),
)
async def list_audit(view: View, query: Annotated[AuditQuery, Query()]) -> Response:
    """List who changed what in a workspace, newest first. With object_type=one_shot: who created its one-shots."""
    return answer(await page_of(view, view.workspace, query))


@router.get(
    "/workspaces/{w}/audit/head",
    needs=Role.ADMIN,
    responses=answers({200: ChainHead}) | problems(errors.WorkspaceNotFound),
)
async def get_audit_head(view: View) -> Response:
    """Get the number and hash of the last sealed row of a workspace's audit, to store elsewhere."""
    return answer(await audit.head(view))


@router.get(
    "/workspaces/{w}/audit/export",
    needs=Role.ADMIN,
    response_class=Response,
    responses=_EXPORTED | problems(errors.WorkspaceNotFound),
)
async def export_audit(call: Call, view: View, query: Annotated[AuditExportQuery, Query()]) -> Response:
    """Export a workspace's sealed audit rows as JSON lines, oldest first.

    With object_type=one_shot: who created its one-shots, newest first."""
    for name in ("after", "before") if query.object_type is None else ("cursor",):
        if getattr(query, name):
            hint = "Use cursor for sealed rows. Use after and before for one-shots (object_type=one_shot)."
            raise errors.InvalidRequest.of(f"{name} does not apply to this export", hint, f"/{name}")
    if query.object_type is None:
        return await _exported(call, Role.ADMIN, audit.exported(view, after=query.cursor))
    filters = AuditFilter(after=query.after, before=query.before)
    return await _exported(call, Role.ADMIN, audit.exported_one_shots(view, filters))


@router.get("/audit", needs=Role.INSTANCE_ADMIN, responses=answers({200: Page[AuditRow]}))
async def list_instance_audit(instance: Instance, query: Annotated[AuditQuery, Query()]) -> Response:
    """List who changed what in the instance and all workspaces, newest first."""
    return answer(await page_of(instance, "", query))


@router.get("/audit/head", needs=Role.INSTANCE_ADMIN, responses=answers({200: ChainHead}))
async def get_instance_audit_head(instance: Instance) -> Response:
    """Get the last sealed row of the instance's own audit."""
    return answer(await audit.head(instance))


@router.get("/audit/export", needs=Role.INSTANCE_ADMIN, response_class=Response, responses=_EXPORTED)
async def export_instance_audit(call: Call, instance: Instance, query: Annotated[SealedQuery, Query()]) -> Response:
    """Export the instance's own sealed audit rows as JSON lines, oldest first. Each workspace has its own audit."""
    return await _exported(call, Role.INSTANCE_ADMIN, audit.exported(instance, after=query.cursor))


async def page_of(
    view: WorkspaceView | InstanceView, workspace: str, query: AuditQuery
) -> Page[AuditRow] | Page[ListedAuditRow]:
    """Return a page of the audit of a workspace or of the instance. A page of one-shots may be short or empty although
    more pages follow. Raises InvalidRequest, WorkspaceNotFound."""
    filters = query.model_dump(exclude={"limit", "cursor"})
    of = list_digest("audit", workspace, filters)
    if (named := filters["object"]) is not None and UUID_FORM.fullmatch(named):
        filters |= {"object": None, "object_id": named.lower()}
    which, place = AuditFilter(**filters), decoded(query.cursor, of)
    if which.object_type == audit.ONE_SHOT or which.action == audit.ONE_SHOT_MADE:
        return await _one_shots(view, which, query.limit, of, place)
    rows = await audit.list_page(view, which, limit=query.limit, before=place)
    return bounded(rows, of=of, place=lambda row: (row.at, row.audit_id))


async def _one_shots(
    view: WorkspaceView | InstanceView, which: AuditFilter, limit: int, of: bytes, place: Place | None
) -> Page[AuditRow]:
    if isinstance(view, InstanceView):
        hint = "Read them in the audit of each workspace."
        raise errors.InvalidRequest.of("one-shots are recorded in their workspace's audit", hint, "/object_type")
    rows, place = await audit.list_one_shots(view, which, limit=limit, before=place)
    data = [AuditRow(**{each.name: getattr(row, each.name) for each in fields(AuditRow)}) for row in rows]
    return Page(data=data, next_cursor=None if place is None else encoded(of, place))


async def _exported(call: Call, needs: Role, lines: AsyncIterator[bytes]) -> Response:
    first = await anext(lines, b"")  # errors are raised before the response starts

    async def all_lines() -> AsyncIterator[bytes]:
        yield first
        async for some in lines:
            yield some

    return streamed(call, needs, all_lines(), _LINES)
