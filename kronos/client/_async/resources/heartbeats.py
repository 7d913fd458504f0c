"""Heartbeats. Made by bin/client."""

from typing import Literal, Unpack
from uuid import UUID

from kronos.client._async.listing import AsyncListing
from kronos.client._async.resource import AsyncResource
from kronos.client._core.calls import path_of, read, write
from kronos.client.bodies.heartbeats import HeartbeatCreate, HeartbeatPause, HeartbeatPut
from kronos.client.models.heartbeats import Heartbeat, HeartbeatTick, KeptPing, NewHeartbeat


class AsyncHeartbeatsResource(AsyncResource):
    """Jobs that run elsewhere: what is expected of them, and their pings."""

    async def create(self, **fields: Unpack[HeartbeatCreate]) -> NewHeartbeat:
        """Create a heartbeat. Its ping URL is shown only once. Anyone who has it can ping without a key.

        Needs the role `operator`.

        Where its answer is lost it is not sent again: look whether it was done.
        """
        return await self._transport.call(
            write("POST", path_of(*self._base, "heartbeats"), body=fields, repeat="never"), NewHeartbeat
        )

    def list(
        self,
        *,
        page_size: int | None = None,
        cursor: str | None = None,
        tag: str | None = None,
        state: Literal["NEW", "UP", "RUNNING", "LATE", "DOWN", "UNKNOWN", "PAUSED"] | None = None,
    ) -> AsyncListing[Heartbeat]:
        """List the heartbeats of a workspace, newest first.

        Needs the role `viewer`.
        """
        return AsyncListing(
            self._transport,
            read(
                path_of(*self._base, "heartbeats"), {"limit": page_size, "cursor": cursor, "tag": tag, "state": state}
            ),
            Heartbeat,
        )

    async def get(self, name: UUID | str) -> Heartbeat:
        """Get a heartbeat and its current state.

        Needs the role `viewer`.
        """
        return await self._transport.call(read(path_of(*self._base, "heartbeats", name)), Heartbeat)

    async def put(
        self,
        name: UUID | str,
        *,
        if_match: int | str | None = None,
        only_new: bool = False,
        **fields: Unpack[HeartbeatPut],
    ) -> NewHeartbeat:
        """Create a heartbeat, or change what is expected of it from now on. Its ping URL does not change.

        Needs the role `operator`.

        Where its answer is lost it is sent again only with `if_match`.
        """
        return await self._transport.call(
            write(
                "PUT",
                path_of(*self._base, "heartbeats", name),
                body=fields,
                repeat="always" if if_match is not None else "never",
                if_match=if_match,
                only_new=only_new,
            ),
            NewHeartbeat,
        )

    async def delete(self, name: UUID | str, *, if_match: int | str | None = None) -> None:
        """Delete a heartbeat and its pings. Its ping URL stops working.

        Needs the role `operator`.

        Where its answer is lost it is sent again.
        """
        await self._transport.do(
            write("DELETE", path_of(*self._base, "heartbeats", name), repeat="always", if_match=if_match)
        )

    async def pause(self, name: UUID | str, **fields: Unpack[HeartbeatPause]) -> Heartbeat:
        """Pause a heartbeat until it is resumed. Pings are stored but not counted. Safe to repeat.

        Needs the role `operator`.

        Where its answer is lost it is sent again.
        """
        return await self._transport.call(
            write("POST", path_of(*self._base, "heartbeats", name, "pause"), body=fields, repeat="always"), Heartbeat
        )

    async def resume(self, name: UUID | str) -> Heartbeat:
        """Resume a paused heartbeat from its next tick. Ticks during the pause are SKIPPED. Safe to repeat.

        Needs the role `operator`.

        Where its answer is lost it is sent again.
        """
        return await self._transport.call(
            write("POST", path_of(*self._base, "heartbeats", name, "resume"), repeat="always"), Heartbeat
        )

    async def rotate(self, name: UUID | str) -> NewHeartbeat:
        """Replace a heartbeat's ping URL. The new URL is shown only once; the old one stops working.

        Needs the role `operator`.

        Where its answer is lost it is not sent again: look whether it was done.
        """
        return await self._transport.call(
            write("POST", path_of(*self._base, "heartbeats", name, "rotate"), repeat="never"), NewHeartbeat
        )

    def pings(
        self,
        name: UUID | str,
        *,
        page_size: int | None = None,
        cursor: str | None = None,
        include: Literal["log"] | None = None,
    ) -> AsyncListing[KeptPing]:
        """List a heartbeat's last thousand pings, newest first, with their output if requested.

        Needs the role `viewer`.
        """
        return AsyncListing(
            self._transport,
            read(
                path_of(*self._base, "heartbeats", name, "pings"),
                {"limit": page_size, "cursor": cursor, "include": include},
            ),
            KeptPing,
        )

    def ticks(
        self,
        name: UUID | str,
        *,
        page_size: int | None = None,
        cursor: str | None = None,
        status: Literal["ON_TIME", "LATE", "MISSED", "FAILED", "RUNNING", "UNKNOWN", "SKIPPED"] | None = None,
    ) -> AsyncListing[HeartbeatTick]:
        """List a heartbeat's ticks and their outcomes, newest first.

        Needs the role `viewer`.
        """
        return AsyncListing(
            self._transport,
            read(
                path_of(*self._base, "heartbeats", name, "ticks"),
                {"limit": page_size, "cursor": cursor, "status": status},
            ),
            HeartbeatTick,
        )
