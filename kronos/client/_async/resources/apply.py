"""Apply. Made by bin/client."""

from typing import Unpack

from kronos.client._async.resource import AsyncResource
from kronos.client._core.calls import path_of, read, write
from kronos.client.bodies.apply import ApplyBody
from kronos.client.models.apply import Applied, WorkspaceFile


class AsyncApplyResource(AsyncResource):
    """What files say of a workspace, all at once."""

    async def apply_files_to_workspace(self, **fields: Unpack[ApplyBody]) -> Applied:
        """Make a workspace what files say, in one transaction: all of it or nothing. With validate_only all
        of it is done and rolled back. Applying the same again changes nothing.

        Needs the role `operator`.

        Where its answer is lost it is not sent again: look whether it was done.
        """
        return await self._transport.call(
            write("POST", path_of(*self._base, "apply"), body={**fields, "validate_only": False}, repeat="never"),
            Applied,
        )

    async def export_workspace(self, *, set: str | None = None) -> WorkspaceFile:
        """What a workspace has, or of a set what is its, as a file that apply reads back as no change.

        Needs the role `operator`.
        """
        return await self._transport.call(read(path_of(*self._base, "export"), {"set": set}), WorkspaceFile)
