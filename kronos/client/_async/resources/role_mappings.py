"""Role mappings. Made by bin/client."""

from typing import Unpack
from uuid import UUID

from kronos.client._async.listing import AsyncListing
from kronos.client._async.resource import AsyncResource
from kronos.client._core.calls import path_of, read, write
from kronos.client.bodies.keys import MappingCreate
from kronos.client.models.keys import RoleMapping


class AsyncRoleMappingsResource(AsyncResource):
    """Which role a group of the identity provider has in a workspace."""

    async def create(self, **fields: Unpack[MappingCreate]) -> RoleMapping:
        """Give the members of a group a role in the workspace, starting with their next request.

        Needs the role `instance_admin`.

        Where its answer is lost it is not sent again: look whether it was done.
        """
        return await self._transport.call(
            write("POST", path_of(*self._base, "role-mappings"), body=fields, repeat="never"), RoleMapping
        )

    def list(self, *, page_size: int | None = None, cursor: str | None = None) -> AsyncListing[RoleMapping]:
        """List the role mappings of the workspace, newest first.

        Needs the role `admin`.
        """
        return AsyncListing(
            self._transport,
            read(path_of(*self._base, "role-mappings"), {"limit": page_size, "cursor": cursor}),
            RoleMapping,
        )

    async def delete(self, mapping: UUID | str) -> None:
        """Remove a role mapping. Within 2 s, the group's members lose the role in every process.

        Needs the role `instance_admin`.

        Where its answer is lost it is sent again.
        """
        await self._transport.do(write("DELETE", path_of(*self._base, "role-mappings", mapping), repeat="always"))
