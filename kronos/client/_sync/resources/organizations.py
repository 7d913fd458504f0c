"""Organizations. Made by bin/client."""

from typing import Unpack
from uuid import UUID

from kronos.client._core.calls import path_of, read, write
from kronos.client._sync.listing import Listing
from kronos.client._sync.resource import Resource
from kronos.client.bodies.organizations import OrganizationCreate, OrganizationPatch
from kronos.client.models.organizations import Organization


class OrganizationsResource(Resource):
    """Owners of workspaces."""

    def create(self, **fields: Unpack[OrganizationCreate]) -> Organization:
        """Create an organization.

        Needs the role `instance_admin`.

        Where its answer is lost it is not sent again: look whether it was done.
        """
        return self._transport.call(
            write("POST", path_of(*self._base, "v1", "organizations"), body=fields, repeat="never"), Organization
        )

    def list(self, *, page_size: int | None = None, cursor: str | None = None) -> Listing[Organization]:
        """List organizations, newest first.

        Needs the role `instance_admin`.
        """
        return Listing(
            self._transport,
            read(path_of(*self._base, "v1", "organizations"), {"limit": page_size, "cursor": cursor}),
            Organization,
        )

    def get(self, organization: UUID | str) -> Organization:
        """Get an organization.

        Needs the role `instance_admin`.
        """
        return self._transport.call(read(path_of(*self._base, "v1", "organizations", organization)), Organization)

    def edit(
        self, organization: UUID | str, *, if_match: int | str | None = None, **fields: Unpack[OrganizationPatch]
    ) -> Organization:
        """Rename an organization.

        Needs the role `instance_admin`.

        Where its answer is lost it is sent again only with `if_match`.
        """
        return self._transport.call(
            write(
                "PATCH",
                path_of(*self._base, "v1", "organizations", organization),
                body=fields,
                repeat="always" if if_match is not None else "never",
                if_match=if_match,
            ),
            Organization,
        )
