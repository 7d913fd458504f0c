"""Audit. Made by bin/client."""

from datetime import datetime

from kronos.client._async.exports import AsyncAuditExports
from kronos.client._async.listing import AsyncListing
from kronos.client._core.calls import path_of, read
from kronos.client.models.audit import AuditRow, ChainHead


class AsyncAuditResource(AsyncAuditExports):
    """Who changed what, sealed in a chain of hashes."""

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
        """List who changed what in a workspace, newest first. With object_type=one_shot: who created its
        one-shots.

        Needs the role `admin`.
        """
        return AsyncListing(
            self._transport,
            read(
                path_of(*self._base, "audit"),
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
        """Get the number and hash of the last sealed row of a workspace's audit, to store elsewhere.

        Needs the role `admin`.
        """
        return await self._transport.call(read(path_of(*self._base, "audit", "head")), ChainHead)
