"""Organizations. Made by bin/client."""

from typing import Unpack
from uuid import UUID

from kronos.client._async.listing import AsyncListing
from kronos.client._async.resource import AsyncResource
from kronos.client._core.calls import path_of, read, write
from kronos.client.bodies.organizations import OrganizationCreate, OrganizationPatch
from kronos.client.models.organizations import Organization


class AsyncOrganizationsResource(AsyncResource):
    """Owners of workspaces."""

    async def create(self, **fields: Unpack[OrganizationCreate]) -> Organization:
        """Create an organization.

        Needs the role `instance_admin`.

        Where its answer is lost it is not sent again: look whether it was done.
        """
        return await self._transport.call(
            write("POST", path_of(*self._base, "v1", "organizations"), body=fields, repeat="never"), Organization
        )

    def list(self, *, page_size: int | None = None, cursor: str | None = None) -> AsyncListing[Organization]:
        """List organizations, newest first.

        Needs the role `instance_admin`.
        """
        return AsyncListing(
            self._transport,
            read(path_of(*self._base, "v1", "organizations"), {"limit": page_size, "cursor": cursor}),
            Organization,
        )

    async def get(self, organization: UUID | str) -> Organization:
        """Get an organization.

        Needs the role `instance_admin`.
        """
        return await self._transport.call(read(path_of(*self._base, "v1", "organizations", organization)), Organization)

    async def edit(
        self, organization: UUID | str, *, if_match: int | str | None = None, **fields: Unpack[OrganizationPatch]
    ) -> Organization:
        """Rename an organization.

        Needs the role `instance_admin`.

        Where its answer is lost it is sent again only with `if_match`.
        """
        return await self._transport.call(
            write(
                "PATCH",
                path_of(*self._base, "v1", "organizations", organization),
                body=fields,
                repeat="always" if if_match is not None else "never",
                if_match=if_match,
            ),
            Organization,
        )
