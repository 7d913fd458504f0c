"""Operations. Made by bin/client."""

from typing import Unpack
from uuid import UUID

from kronos.client._async.listing import AsyncListing
from kronos.client._async.resource import AsyncResource
from kronos.client._core.calls import AUTO, path_of, read, write
from kronos.client.bodies.jobs import JobOperation
from kronos.client.models.jobs import BulkOperation


class AsyncOperationsResource(AsyncResource):
    """Work over many rows that goes on behind a request."""

    async def begin(self, *, idempotency_key: str | None = AUTO, **fields: Unpack[JobOperation]) -> BulkOperation:
        """Start an operation that pauses, resumes, cancels or triggers all jobs that match a filter.

        It runs in the background and continues if the client disconnects.

        Needs the role `operator`.

        Where its answer is lost it is sent again under its `idempotency_key`: one is made unless that is
        None.
        """
        return await self._transport.call(
            write(
                "POST", path_of(*self._base, "operations"), body=fields, repeat="keyed", idempotency_key=idempotency_key
            ),
            BulkOperation,
        )

    def list(self, *, page_size: int | None = None, cursor: str | None = None) -> AsyncListing[BulkOperation]:
        """List the operations of a workspace, newest first.

        Needs the role `viewer`.
        """
        return AsyncListing(
            self._transport,
            read(path_of(*self._base, "operations"), {"limit": page_size, "cursor": cursor}),
            BulkOperation,
        )

    async def get(self, operation: UUID | str) -> BulkOperation:
        """Get an operation and its progress.

        The instance's administrator also sees the deletion of a workspace, even after the workspace is
        gone.

        Needs the role `viewer`.
        """
        return await self._transport.call(read(path_of(*self._base, "operations", operation)), BulkOperation)

    async def cancel(self, operation: UUID | str) -> BulkOperation:
        """Stop an operation. The work it has done is kept.

        Needs the role `operator`.

        Where its answer is lost it is sent again.
        """
        return await self._transport.call(
            write("POST", path_of(*self._base, "operations", operation, "cancel"), repeat="always"), BulkOperation
        )
