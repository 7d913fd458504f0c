"""Role mappings. Made by bin/client."""

from typing import Unpack
from uuid import UUID

from kronos.client._core.calls import path_of, read, write
from kronos.client._sync.listing import Listing
from kronos.client._sync.resource import Resource
from kronos.client.bodies.keys import MappingCreate
from kronos.client.models.keys import RoleMapping


class RoleMappingsResource(Resource):
    """Which role a group of the identity provider has in a workspace."""

    def create(self, **fields: Unpack[MappingCreate]) -> RoleMapping:
        """Give the members of a group a role in the workspace, starting with their next request.

        Needs the role `instance_admin`.

        Where its answer is lost it is not sent again: look whether it was done.
        """
        return self._transport.call(
            write("POST", path_of(*self._base, "role-mappings"), body=fields, repeat="never"), RoleMapping
        )

    def list(self, *, page_size: int | None = None, cursor: str | None = None) -> Listing[RoleMapping]:
        """List the role mappings of the workspace, newest first.

        Needs the role `admin`.
        """
        return Listing(
            self._transport,
            read(path_of(*self._base, "role-mappings"), {"limit": page_size, "cursor": cursor}),
            RoleMapping,
        )

    def delete(self, mapping: UUID | str) -> None:
        """Remove a role mapping. Within 2 s, the group's members lose the role in every process.

        Needs the role `instance_admin`.

        Where its answer is lost it is sent again.
        """
        self._transport.do(write("DELETE", path_of(*self._base, "role-mappings", mapping), repeat="always"))
