"""Routes of workspaces."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from kronos import deletions, errors, workspaces
from kronos.api.call import Call, Draft, answer, unchanged
from kronos.api.conditions import etag, held_to, is_known
from kronos.api.copies import kind_of, shown
from kronos.api.cursors import Page, decoded, list_digest, page
from kronos.api.dependencies import IfMatch, IfNoneMatch, Instance, View
from kronos.api.document import answers, problems
from kronos.api.operation import Router, sets_a_state
from kronos.api.query_schemas import DeletionQuery, WorkspaceQuery
from kronos.api.schemas import WorkspaceCreate, WorkspacePatch
from kronos.deletions import Contents
from kronos.model import BulkOperation, Role, Workspace

router = Router("/v1/workspaces", tags=["workspaces"])
_ABSENT = errors.WorkspaceNotFound
_COPY = kind_of(Workspace, WorkspacePatch)


@router.post(
    "",
    needs=Role.INSTANCE_ADMIN,
    status_code=201,
    responses=answers({201: Workspace}, "ETag", "Location")
    | problems(errors.Conflict, errors.PayloadTooLarge, errors.Unprocessable),
)
async def create_workspace(call: Call, instance: Instance, body: WorkspaceCreate) -> Response:
    """Create a workspace."""
    workspace = await workspaces.create(
        instance,
        slug=body.slug,
        name=body.name or body.slug,
        max_concurrency=body.max_concurrency,
        organization=body.organization,
    )
    return answer(workspace, 201, Location=call.path("workspaces", workspace.slug), ETag=etag(workspace.version))


@router.get("", needs=Role.INSTANCE_ADMIN, responses=answers({200: Page[Workspace]}))
async def list_workspaces(instance: Instance, query: Annotated[WorkspaceQuery, Query()]) -> Response:
    """List workspaces, newest first."""
    of = list_digest("workspaces", "", {"organization": query.organization})
    rows = await workspaces.list_page(
        instance, organization=query.organization, limit=query.limit + 1, before=decoded(query.cursor, of)
    )
    return answer(page(rows, limit=query.limit, of=of, place=lambda row: (row.created_at, row.workspace_id)))


@router.get("/{w}", needs=Role.VIEWER, responses=answers({200: Workspace, 304: None}, "ETag") | problems(_ABSENT))
async def get_workspace(view: View, if_none_match: IfNoneMatch = frozenset()) -> Response:
    """Get a workspace."""
    workspace = await workspaces.get(view)
    if is_known(workspace.version, if_none_match) and not _is_moving(workspace):
        return unchanged(workspace.version)
    return answer(workspace, ETag=_tag(workspace))


@router.patch(
    "/{w}",
    needs=Role.ADMIN,
    responses=answers({200: Workspace}, "ETag")
    | problems(
        _ABSENT,
        errors.Forbidden,
        errors.Conflict,
        errors.PreconditionFailed,
        errors.PayloadTooLarge,
        errors.Unprocessable,
    ),
)
@sets_a_state
async def update_workspace(call: Call, view: View, draft: Draft[WorkspacePatch], if_match: IfMatch = None) -> Response:
    """Rename, limit, suspend or resume a workspace.

    Only the instance's administrator may change anything but the name. While `jobs_left` is not 0, some jobs have not
    followed the change yet."""
    document = draft.document
    if _COPY.given(document):
        present = await workspaces.get(view)
        document = _COPY.edited(document, shown(present))
        if_match = held_to(present.version, if_match)
        if not document:
            return answer(present, ETag=_tag(present))
    body = await draft.judged(document, lambda: workspaces.get(view))
    is_limited = "max_concurrency" in body.model_fields_set
    if body.name is None and body.status is None and not is_limited:
        hint = "Give name, status or max_concurrency."
        fault = errors.Fault(pointer="", detail="the body contains no change", hint=hint)
        raise errors.Unprocessable(fault.detail, faults=(fault,))
    if (is_limited or body.status is not None) and not call.caller.role.covers(Role.INSTANCE_ADMIN):
        # a workspace's own administrator must not lift its limit or its suspension
        raise errors.Forbidden(
            f"changing status or max_concurrency needs the role instance_admin; this key's role is "
            f"{call.caller.role.value}. Nothing was changed"
        )
    if body.status is not None:
        call.take(workspaces.TURN_SECONDS)
    limit = workspaces.Limit(body.max_concurrency) if is_limited else None
    workspace = await workspaces.update(view, name=body.name, status=body.status, limit=limit, if_match=if_match)
    return answer(workspace, ETag=_tag(workspace))


@router.delete(
    "/{w}",
    needs=Role.ADMIN,
    responses=answers({200: Workspace | Contents, 202: BulkOperation}, "Location")
    | problems(_ABSENT, errors.Forbidden, errors.Conflict, errors.PreconditionFailed, errors.Unprocessable),
)
async def delete_workspace(
    call: Call, view: View, instance: Instance, query: Annotated[DeletionQuery, Query()], if_match: IfMatch = None
) -> Response:
    """Delete a workspace and everything in it.

    If it is not empty, `confirm` must be its name, and an operation deletes it in the background. With validate_only,
    only count what would be deleted."""
    if query.validate_only:
        return answer(await deletions.look(view))
    workspace, operation = await deletions.begin(view, instance, confirm=query.confirm, if_match=if_match)
    if operation is None:
        return answer(workspace)
    location = call.path("workspaces", workspace.workspace_id, "operations", operation.operation_id)
    return answer(operation, 202, Location=location)


def _tag(workspace: Workspace) -> str:
    return etag(workspace.version, is_moving=_is_moving(workspace))


def _is_moving(workspace: Workspace) -> bool:
    return workspace.jobs_left > 0 or workspace.in_flight is not None
