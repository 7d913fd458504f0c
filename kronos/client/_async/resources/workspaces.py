"""Workspaces. Made by bin/client."""

from typing import Unpack
from uuid import UUID

from kronos.client._async.listing import AsyncListing
from kronos.client._async.resource import AsyncResource
from kronos.client._core.calls import path_of, read, write
from kronos.client.bodies.workspaces import WorkspaceCreate, WorkspacePatch
from kronos.client.models.jobs import BulkOperation
from kronos.client.models.workspaces import Contents, Workspace


class AsyncWorkspacesResource(AsyncResource):
    """Tenants."""

    async def create(self, **fields: Unpack[WorkspaceCreate]) -> Workspace:
        """Create a workspace.

        Needs the role `instance_admin`.

        Where its answer is lost it is not sent again: look whether it was done.
        """
        return await self._transport.call(
            write("POST", path_of(*self._base, "v1", "workspaces"), body=fields, repeat="never"), Workspace
        )

    def list(
        self, *, page_size: int | None = None, cursor: str | None = None, organization: str | None = None
    ) -> AsyncListing[Workspace]:
        """List workspaces, newest first.

        Needs the role `instance_admin`.
        """
        return AsyncListing(
            self._transport,
            read(
                path_of(*self._base, "v1", "workspaces"),
                {"limit": page_size, "cursor": cursor, "organization": organization},
            ),
            Workspace,
        )

    async def get(self, workspace: UUID | str) -> Workspace:
        """Get a workspace.

        Needs the role `viewer`.
        """
        return await self._transport.call(read(path_of(*self._base, "v1", "workspaces", workspace)), Workspace)

    async def edit(
        self, workspace: UUID | str, *, if_match: int | str | None = None, **fields: Unpack[WorkspacePatch]
    ) -> Workspace:
        """Rename, limit, suspend or resume a workspace.

        Only the instance's administrator may change anything but the name. While `jobs_left` is not 0,
        some jobs have not followed the change yet.

        Needs the role `admin`.

        Where its answer is lost it is sent again only with `if_match`.
        """
        return await self._transport.call(
            write(
                "PATCH",
                path_of(*self._base, "v1", "workspaces", workspace),
                body=fields,
                repeat="always" if if_match is not None else "never",
                if_match=if_match,
            ),
            Workspace,
        )

    async def delete(
        self, workspace: UUID | str, *, confirm: str | None = None, if_match: int | str | None = None
    ) -> Workspace | BulkOperation:
        """Delete a workspace and everything in it.

        If it is not empty, `confirm` must be its name, and an operation deletes it in the background.
        With validate_only, only count what would be deleted.

        Needs the role `admin`.

        Where its answer is lost it is sent again.
        """
        made: Workspace | BulkOperation = await self._transport.either(
            write(
                "DELETE",
                path_of(*self._base, "v1", "workspaces", workspace),
                query={"confirm": confirm},
                repeat="always",
                if_match=if_match,
            ),
            Workspace,
            BulkOperation,
        )
        return made

    async def contents(
        self, workspace: UUID | str, *, confirm: str | None = None, if_match: int | str | None = None
    ) -> Contents:
        """Only count, or judge; nothing is done. Delete a workspace and everything in it.

        If it is not empty, `confirm` must be its name, and an operation deletes it in the background.
        With validate_only, only count what would be deleted.

        Needs the role `admin`.

        Where its answer is lost it is sent again.
        """
        return await self._transport.call(
            write(
                "DELETE",
                path_of(*self._base, "v1", "workspaces", workspace),
                query={"confirm": confirm, "validate_only": True},
                repeat="always",
                if_match=if_match,
            ),
            Contents,
        )
