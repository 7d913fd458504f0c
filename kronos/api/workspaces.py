"""Routes of workspaces."""

from starlette.responses import Response

from kronos import errors, workspaces
from kronos.api.call import Call, answer, unchanged
from kronos.api.conditions import etag
from kronos.api.copies import kind_of, shown
from kronos.api.cursors import Page, decoded, list_digest, page
from kronos.api.operation import Routes
from kronos.api.schemas import NoQuery, PageQuery, WorkspaceCreate, WorkspacePatch
from kronos.model import Workspace

routes = Routes("workspaces")
_PATH = "/v1/workspaces"
_ONE = "/v1/workspaces/{w}"
_ABSENT = errors.WorkspaceNotFound
_COPY = kind_of(Workspace, WorkspacePatch)


@routes.operation(
    "POST",
    _PATH,
    body=WorkspaceCreate,
    tells=("ETag", "Location"),
    answers={201: Workspace},
    raises=(errors.Conflict, errors.PayloadTooLarge, errors.Unprocessable),
)
async def create_workspace(call: Call) -> Response:
    """Make a workspace."""
    call.parameters(NoQuery)
    body = await call.read(WorkspaceCreate)
    workspace = await workspaces.create(call.instance(), slug=body.slug, name=body.name or body.slug)
    return answer(workspace, 201, Location=call.path("workspaces", workspace.slug), ETag=etag(workspace.version))


@routes.operation("GET", _PATH, query=PageQuery, answers={200: Page[Workspace]})
async def list_workspaces(call: Call) -> Response:
    """Workspaces, newest first."""
    query = call.parameters(PageQuery)
    of = list_digest("workspaces", "", {})
    rows = await workspaces.list_page(call.instance(), limit=query.limit + 1, before=decoded(query.cursor, of))
    return answer(page(rows, limit=query.limit, of=of, place=lambda row: (row.created_at, row.workspace_id)))


@routes.operation("GET", _ONE, headers=("If-None-Match",), tells=("ETag",), answers={200: Workspace, 304: None}, raises=(_ABSENT,))
async def get_workspace(call: Call) -> Response:
    """One workspace."""
    call.parameters(NoQuery)
    workspace = await workspaces.get(call.workspace())
    return unchanged(workspace.version) if call.knows(workspace.version) else answer(workspace, ETag=etag(workspace.version))


@routes.operation(
    "PATCH",
    _ONE,
    body=WorkspacePatch,
    headers=("If-Match",),
    tells=("ETag",),
    answers={200: Workspace},
    raises=(
        _ABSENT,
        errors.Forbidden,
        errors.Conflict,
        errors.PreconditionFailed,
        errors.PayloadTooLarge,
        errors.Unprocessable,
        errors.PgCronUnavailable,
    ),
)
async def update_workspace(call: Call) -> Response:
    """Rename, suspend or resume a workspace."""
    call.parameters(NoQuery)
    view, document, if_match = call.workspace(), await call.document(), call.if_match()
    if _COPY.told(document):
        present = await workspaces.get(view)
        document = _COPY.edited(document, shown(present))
        held = call.held_to(present.version)
        if not document:
            return answer(present, ETag=etag(present.version))
        if_match = held
    body = await call.judged(WorkspacePatch, document)
    if body.name is None and body.status is None:
        fault = errors.Fault(pointer="", detail="the body changes nothing", hint="Give name, status or both.")
        raise errors.Unprocessable(fault.detail, faults=(fault,))
    if body.status is not None:
        call.take(workspaces.TURN_SECONDS)
    workspace = await workspaces.update(view, name=body.name, status=body.status, if_match=if_match)
    return answer(workspace, ETag=etag(workspace.version))


@routes.operation(
    "DELETE",
    _ONE,
    headers=("If-Match",),
    answers={200: Workspace},
    raises=(_ABSENT, errors.Forbidden, errors.Conflict, errors.PreconditionFailed),
)
async def delete_workspace(call: Call) -> Response:
    """Delete a workspace without live jobs."""
    call.parameters(NoQuery)
    return answer(await workspaces.delete(call.workspace(), if_match=call.if_match()))
