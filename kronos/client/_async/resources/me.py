"""Me. Made by bin/client."""

from kronos.client._async.resource import AsyncResource
from kronos.client._core.calls import path_of, read
from kronos.client.models.keys import Me, OwnWorkspaces


class AsyncMeResource(AsyncResource):
    """Who calls."""

    async def get(self) -> Me:
        """Who calls: a key, or somebody who is signed in; and what it may.

        Needs the role `viewer`.
        """
        return await self._transport.call(read(path_of(*self._base, "v1", "me")), Me)

    async def workspaces(self) -> OwnWorkspaces:
        """The workspaces that the caller may see, up to a hundred, and what somebody has to look at in each.

        Needs the role `viewer`.
        """
        return await self._transport.call(read(path_of(*self._base, "v1", "me", "workspaces")), OwnWorkspaces)
