"""Instance audit. Made by bin/client."""

from datetime import datetime

from kronos.client._async.exports import AsyncAuditExports
from kronos.client._async.listing import AsyncListing
from kronos.client._core.calls import path_of, read
from kronos.client.models.audit import AuditRow, ChainHead


class AsyncInstanceAuditResource(AsyncAuditExports):
    """Who changed what in the instance and all workspaces."""

    def list(
        self,
        *,
        page_size: int | None = None,
        cursor: str | None = None,
        actor: str | None = None,
        action: str | None = None,
        object_type: str | None = None,
        object: str | None = None,
        request_id: str | None = None,
        after: datetime | str | None = None,
        before: datetime | str | None = None,
    ) -> AsyncListing[AuditRow]:
        """List who changed what in the instance and all workspaces, newest first.

        Needs the role `instance_admin`.
        """
        return AsyncListing(
            self._transport,
            read(
                path_of(*self._base, "v1", "audit"),
                {
                    "limit": page_size,
                    "cursor": cursor,
                    "actor": actor,
                    "action": action,
                    "object_type": object_type,
                    "object": object,
                    "request_id": request_id,
                    "after": after,
                    "before": before,
                },
            ),
            AuditRow,
        )

    async def head(self) -> ChainHead:
        """Get the last sealed row of the instance's own audit.

        Needs the role `instance_admin`.
        """
        return await self._transport.call(read(path_of(*self._base, "v1", "audit", "head")), ChainHead)
