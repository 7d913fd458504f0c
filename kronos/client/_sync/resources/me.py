"""Me. Made by bin/client."""

from kronos.client._core.calls import path_of, read
from kronos.client._sync.resource import Resource
from kronos.client.models.keys import Me, OwnWorkspaces


class MeResource(Resource):
    """Who calls."""

    def get(self) -> Me:
        """Get the caller, a key or a signed-in person, and its permissions.

        Needs the role `viewer`.
        """
        return self._transport.call(read(path_of(*self._base, "v1", "me")), Me)

    def workspaces(self) -> OwnWorkspaces:
        """List up to a hundred workspaces that the caller can see, with what needs attention in each.

        Needs the role `viewer`.
        """
        return self._transport.call(read(path_of(*self._base, "v1", "me", "workspaces")), OwnWorkspaces)
