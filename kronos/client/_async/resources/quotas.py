"""Quotas. Made by bin/client."""

from typing import Unpack

from kronos.client._async.resource import AsyncResource
from kronos.client._core.calls import path_of, read, write
from kronos.client.bodies.workspaces import QuotasPut
from kronos.client.models.workspaces import Quotas, Usage


class AsyncQuotasResource(AsyncResource):
    """What a workspace may have and make, and what it has."""

    async def usage(self) -> Usage:
        """Get the workspace's usage compared with its quotas.

        Needs the role `viewer`.
        """
        return await self._transport.call(read(path_of(*self._base, "usage")), Usage)

    async def get(self) -> Quotas:
        """Get the workspace's quotas. null: no limit.

        Needs the role `viewer`.
        """
        return await self._transport.call(read(path_of(*self._base, "quotas")), Quotas)

    async def put(self, *, if_match: int | str | None = None, **fields: Unpack[QuotasPut]) -> Quotas:
        """Set the workspace's quotas. A quota that is omitted or null has no limit.

        Needs the role `instance_admin`.

        Where its answer is lost it is sent again.
        """
        return await self._transport.call(
            write("PUT", path_of(*self._base, "quotas"), body=fields, repeat="always", if_match=if_match), Quotas
        )
