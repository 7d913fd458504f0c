"""Operations. Made by bin/client."""

from uuid import UUID

from kronos.client._core.calls import path_of, read, write
from kronos.client._sync.listing import Listing
from kronos.client._sync.resource import Resource
from kronos.client.models.dead_letters import BulkOperation


class OperationsResource(Resource):
    """Work over many rows that goes on behind a request."""

    def list(self, *, page_size: int | None = None, cursor: str | None = None) -> Listing[BulkOperation]:
        """Operations of a workspace, newest first.

        Needs the role `viewer`.
        """
        return Listing(
            self._transport,
            read(path_of(*self._base, "operations"), {"limit": page_size, "cursor": cursor}),
            BulkOperation,
        )

    def get(self, operation: UUID | str) -> BulkOperation:
        """One operation, and how far it has come; for the instance's administrator the deletion of a
        workspace too, also once that is gone.

        Needs the role `viewer`.
        """
        return self._transport.call(read(path_of(*self._base, "operations", operation)), BulkOperation)

    def cancel(self, operation: UUID | str) -> BulkOperation:
        """Stop an operation: what it has done stays done.

        Needs the role `operator`.

        Where its answer is lost it is sent again.
        """
        return self._transport.call(
            write("POST", path_of(*self._base, "operations", operation, "cancel"), repeat="always"), BulkOperation
        )
