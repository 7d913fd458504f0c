"""Files. Made by bin/client."""

from typing import Unpack

from kronos.client._async.resource import AsyncResource
from kronos.client._core.calls import path_of, read, write
from kronos.client.bodies.apply import ApplyBody
from kronos.client.models.apply import Applied, ExportedFile


class AsyncFilesResource(AsyncResource):
    """What files say of a workspace, all at once."""

    async def apply(self, **fields: Unpack[ApplyBody]) -> Applied:
        """Change a workspace to match files, in one transaction: all changes or none.

        With validate_only, everything is done and then rolled back. Applying the same files again changes
        nothing.

        Needs the role `operator`.

        Where its answer is lost it is sent again.
        """
        return await self._transport.call(
            write("POST", path_of(*self._base, "apply"), body={**fields, "validate_only": False}, repeat="always"),
            Applied,
        )

    async def plan(self, **fields: Unpack[ApplyBody]) -> Applied:
        """Only count, or judge; nothing is done. Change a workspace to match files, in one transaction: all
        changes or none.

        With validate_only, everything is done and then rolled back. Applying the same files again changes
        nothing.

        Needs the role `operator`.

        Where its answer is lost it is sent again.
        """
        return await self._transport.call(
            write("POST", path_of(*self._base, "apply"), body={**fields, "validate_only": True}, repeat="always"),
            Applied,
        )

    async def export(self, *, set: str | None = None) -> ExportedFile:
        """Export a workspace, or one set of it, as a file. Applying that file changes nothing.

        Needs the role `operator`.
        """
        return await self._transport.call(read(path_of(*self._base, "export"), {"set": set}), ExportedFile)
