"""Operations on organizations, for the instance's administrator. Each is one statement."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from kronos import errors
from kronos.database import InstanceView
from kronos.model import Organization
from kronos.sql import statement

_INSERT = statement("organizations.insert_organization", Organization)
_GET = statement("organizations.get_organization", Organization)
_LIST = statement("organizations.list_organizations", Organization)
_UPDATE = statement("organizations.update_organization", Organization)
Ref = str | UUID
"""A slug or an ID."""


async def create(view: InstanceView, *, slug: str, name: str) -> Organization:
    """Create an organization. Raises Conflict if the slug is taken."""
    if (made := await view.one_or_none(_INSERT, {"slug": slug, "name": name})) is None:
        fault = errors.Fault(pointer="/slug", detail="another organization has this slug", hint="Choose another slug.")
        raise errors.Conflict(f"the slug {slug!r} is taken", faults=(fault,))
    return made


async def get(view: InstanceView, ref: Ref) -> Organization:
    """Return the organization. Raises OrganizationNotFound."""
    if (found := await view.one_or_none(_GET, _named(ref))) is None:
        raise errors.OrganizationNotFound(f"no organization {str(ref)!r}")
    return found


async def list_page(view: InstanceView, *, limit: int, before: tuple[datetime, UUID] | None) -> list[Organization]:
    """Return up to `limit` organizations, newest first, after the position `before`."""
    created_at, organization_id = before or (None, None)
    return await view.rows(_LIST, {"limit": limit, "before_created_at": created_at, "before_id": organization_id})


async def rename(view: InstanceView, ref: Ref, name: str, *, if_match: Collection[int] | None) -> Organization:
    """Rename the organization. Raises OrganizationNotFound, PreconditionFailed."""
    params = {**_named(ref), "name": name, "if_match": None if if_match is None else list(if_match)}
    if (updated := await view.one_or_none(_UPDATE, params)) is None:
        present = await get(view, ref)
        raise errors.PreconditionFailed(
            f"the organization is at version {present.version}, which If-Match does not name"
        )
    return updated


def _named(ref: Ref) -> dict[str, object]:
    return {
        "slug": ref if isinstance(ref, str) else None,
        "organization_id": ref if isinstance(ref, UUID) else None,
    }
