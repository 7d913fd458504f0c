"""Routes of organizations, for the instance's administrator."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from kronos import errors, organizations
from kronos.api.call import Call, answer, unchanged
from kronos.api.conditions import etag, is_known
from kronos.api.cursors import Page, decoded, list_digest, page
from kronos.api.dependencies import IfMatch, IfNoneMatch, Instance, OrganizationRef
from kronos.api.document import answers, problems
from kronos.api.operation import Router, sets_a_state
from kronos.api.query_schemas import PageQuery
from kronos.api.schemas import OrganizationCreate, OrganizationPatch
from kronos.model import Organization, Role

router = Router("/v1/organizations", tags=["organizations"])
_ABSENT = errors.OrganizationNotFound


@router.post(
    "",
    needs=Role.INSTANCE_ADMIN,
    status_code=201,
    responses=answers({201: Organization}, "ETag", "Location")
    | problems(errors.Conflict, errors.PayloadTooLarge, errors.Unprocessable),
)
async def create_organization(call: Call, instance: Instance, body: OrganizationCreate) -> Response:
    """Create an organization."""
    made = await organizations.create(instance, slug=body.slug, name=body.name or body.slug)
    return answer(made, 201, Location=call.path("organizations", made.slug), ETag=etag(made.version))


@router.get("", needs=Role.INSTANCE_ADMIN, responses=answers({200: Page[Organization]}))
async def list_organizations(instance: Instance, query: Annotated[PageQuery, Query()]) -> Response:
    """List organizations, newest first."""
    of = list_digest("organizations", "", {})
    rows = await organizations.list_page(instance, limit=query.limit + 1, before=decoded(query.cursor, of))
    return answer(page(rows, limit=query.limit, of=of, place=lambda row: (row.created_at, row.organization_id)))


@router.get(
    "/{org}",
    needs=Role.INSTANCE_ADMIN,
    responses=answers({200: Organization, 304: None}, "ETag") | problems(_ABSENT),
)
async def get_organization(
    instance: Instance, org: OrganizationRef, if_none_match: IfNoneMatch = frozenset()
) -> Response:
    """Get an organization."""
    found = await organizations.get(instance, org)
    if is_known(found.version, if_none_match):
        return unchanged(found.version)
    return answer(found, ETag=etag(found.version))


@router.patch(
    "/{org}",
    needs=Role.INSTANCE_ADMIN,
    responses=answers({200: Organization}, "ETag")
    | problems(_ABSENT, errors.PreconditionFailed, errors.PayloadTooLarge, errors.Unprocessable),
)
@sets_a_state
async def update_organization(
    instance: Instance, org: OrganizationRef, body: OrganizationPatch, if_match: IfMatch = None
) -> Response:
    """Rename an organization."""
    updated = await organizations.rename(instance, org, body.name, if_match=if_match)
    return answer(updated, ETag=etag(updated.version))
