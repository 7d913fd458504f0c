"""Secrets. Made by bin/client."""

from typing import Unpack
from uuid import UUID

from kronos.client._core.calls import path_of, read, write
from kronos.client._sync.listing import Listing
from kronos.client._sync.resource import Resource
from kronos.client.bodies.secrets import SecretCreate, SecretPut
from kronos.client.models.secrets import Secret


class SecretsResource(Resource):
    """Values that deliveries need and that no call returns."""

    def create(self, **fields: Unpack[SecretCreate]) -> Secret:
        """Create a secret. No call returns its value.

        Needs the role `admin`.

        Where its answer is lost it is not sent again: look whether it was done.
        """
        return self._transport.call(write("POST", path_of(*self._base, "secrets"), body=fields, repeat="never"), Secret)

    def list(self, *, page_size: int | None = None, cursor: str | None = None) -> Listing[Secret]:
        """List the secrets of a workspace, newest first, without their values.

        Needs the role `viewer`.
        """
        return Listing(
            self._transport, read(path_of(*self._base, "secrets"), {"limit": page_size, "cursor": cursor}), Secret
        )

    def get(self, name: UUID | str) -> Secret:
        """Get a secret, without its value.

        Needs the role `viewer`.
        """
        return self._transport.call(read(path_of(*self._base, "secrets", name)), Secret)

    def put(
        self,
        name: UUID | str,
        *,
        if_match: int | str | None = None,
        only_new: bool = False,
        **fields: Unpack[SecretPut],
    ) -> Secret:
        """Create a secret, or set a new value. Waiting deliveries use the new value too.

        Needs the role `admin`.

        Where its answer is lost it is sent again.
        """
        return self._transport.call(
            write(
                "PUT",
                path_of(*self._base, "secrets", name),
                body=fields,
                repeat="always",
                if_match=if_match,
                only_new=only_new,
            ),
            Secret,
        )

    def delete(self, name: UUID | str, *, if_match: int | str | None = None) -> None:
        """Delete a secret that no endpoint and no unfinished execution needs.

        Needs the role `admin`.

        Where its answer is lost it is sent again.
        """
        self._transport.do(write("DELETE", path_of(*self._base, "secrets", name), repeat="always", if_match=if_match))
