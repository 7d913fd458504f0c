"""Routes of role mappings: the roles of an identity provider's groups in a workspace."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from kronos import errors, people
from kronos.api.call import answer
from kronos.api.cursors import Page, decoded, list_digest, page
from kronos.api.dependencies import MappingId, View
from kronos.api.document import answers, problems
from kronos.api.operation import Router
from kronos.api.query_schemas import PageQuery
from kronos.api.schemas import MappingCreate, sees_payloads
from kronos.model import Role
from kronos.people import RoleMapping

router = Router("/v1/workspaces/{w}/role-mappings", tags=["keys"])


@router.post(
    "",
    needs=Role.INSTANCE_ADMIN,
    status_code=201,
    responses=answers({201: RoleMapping})
    | problems(errors.WorkspaceNotFound, errors.Conflict, errors.PayloadTooLarge, errors.Unprocessable),
)
async def create_role_mapping(view: View, body: MappingCreate) -> Response:
    """Give the members of a group a role in the workspace, starting with their next request."""
    sees = sees_payloads(body)
    return answer(await people.map_group(view, body.group, body.role, sees_payloads=sees), 201)


@router.get("", needs=Role.ADMIN, responses=answers({200: Page[RoleMapping]}) | problems(errors.WorkspaceNotFound))
async def list_role_mappings(view: View, query: Annotated[PageQuery, Query()]) -> Response:
    """List the role mappings of the workspace, newest first."""
    of = list_digest("role-mappings", view.workspace, {})
    rows = await people.list_mappings(view, limit=query.limit + 1, before=decoded(query.cursor, of))
    return answer(page(rows, limit=query.limit, of=of, place=lambda row: (row.created_at, row.mapping_id)))


@router.delete(
    "/{mapping_id}",
    needs=Role.INSTANCE_ADMIN,
    status_code=204,
    responses=answers({204: None}) | problems(errors.WorkspaceNotFound, errors.MappingNotFound),
)
async def delete_role_mapping(view: View, mapping_id: MappingId) -> Response:
    """Remove a role mapping. Within 2 s, the group's members lose the role in every process."""
    await people.unmap(view, mapping_id)
    return Response(status_code=204)
