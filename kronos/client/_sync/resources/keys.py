"""Keys. Made by bin/client."""

from typing import Unpack
from uuid import UUID

from kronos.client._core.calls import path_of, read, write
from kronos.client._sync.listing import Listing
from kronos.client._sync.resource import Resource
from kronos.client.bodies.keys import KeyCreate, KeyRotate
from kronos.client.models.keys import NewKey, WorkspaceKey


class KeysResource(Resource):
    """API keys, their roles, and the caller."""

    def create(self, **fields: Unpack[KeyCreate]) -> NewKey:
        """Create a key for the workspace. `key` is shown only in this response.

        Needs the role `admin`.

        Where its answer is lost it is not sent again: look whether it was done.
        """
        return self._transport.call(write("POST", path_of(*self._base, "keys"), body=fields, repeat="never"), NewKey)

    def list(self, *, page_size: int | None = None, cursor: str | None = None) -> Listing[WorkspaceKey]:
        """List the workspace's keys that are not revoked, newest first, without their secrets.

        Needs the role `admin`.
        """
        return Listing(
            self._transport, read(path_of(*self._base, "keys"), {"limit": page_size, "cursor": cursor}), WorkspaceKey
        )

    def revoke(self, key: UUID | str) -> None:
        """Revoke a key. Within 2 s, every process rejects it.

        Needs the role `admin`.

        Where its answer is lost it is sent again.
        """
        self._transport.do(write("DELETE", path_of(*self._base, "keys", key), repeat="always"))

    def rotate(self, key: UUID | str, **fields: Unpack[KeyRotate]) -> NewKey:
        """Create a key that replaces a working one. The old key still works for overlap_seconds.

        `key` is shown only in this response.

        Needs the role `admin`.

        Where its answer is lost it is not sent again: look whether it was done.
        """
        return self._transport.call(
            write("POST", path_of(*self._base, "keys", key, "rotate"), body=fields, repeat="never"), NewKey
        )
