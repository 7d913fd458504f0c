"""Calendars. Made by bin/client."""

from typing import Unpack
from uuid import UUID

from kronos.client._async.listing import AsyncListing
from kronos.client._async.resource import AsyncResource
from kronos.client._core.calls import AUTO, path_of, read, write
from kronos.client.bodies.calendars import CalendarCreate, CalendarPut
from kronos.client.bodies.schedules import ClosedSchedulePreview
from kronos.client.models.calendars import Calendar
from kronos.client.models.jobs import Preview


class AsyncCalendarsResource(AsyncResource):
    """Closed days and times, and weekly patterns, that jobs refer to."""

    async def create(self, *, idempotency_key: str | None = AUTO, **fields: Unpack[CalendarCreate]) -> Calendar:
        """Create a calendar. With a known idempotency key, return the calendar created before.

        Needs the role `admin`.

        Where its answer is lost it is sent again under its `idempotency_key`: one is made unless that is
        None.
        """
        return await self._transport.call(
            write(
                "POST", path_of(*self._base, "calendars"), body=fields, repeat="keyed", idempotency_key=idempotency_key
            ),
            Calendar,
        )

    def list(self, *, page_size: int | None = None, cursor: str | None = None) -> AsyncListing[Calendar]:
        """List the calendars of a workspace, newest first.

        Needs the role `viewer`.
        """
        return AsyncListing(
            self._transport, read(path_of(*self._base, "calendars"), {"limit": page_size, "cursor": cursor}), Calendar
        )

    async def get(self, name: UUID | str) -> Calendar:
        """Get the current version of a calendar.

        Needs the role `viewer`.
        """
        return await self._transport.call(read(path_of(*self._base, "calendars", name)), Calendar)

    async def put(
        self,
        name: UUID | str,
        *,
        if_match: int | str | None = None,
        only_new: bool = False,
        **fields: Unpack[CalendarPut],
    ) -> Calendar:
        """Create a calendar, or its next version, which applies to every tick not yet accounted for.

        Needs the role `admin`.

        Where its answer is lost it is sent again.
        """
        return await self._transport.call(
            write(
                "PUT",
                path_of(*self._base, "calendars", name),
                body=fields,
                repeat="always",
                if_match=if_match,
                only_new=only_new,
            ),
            Calendar,
        )

    async def delete(self, name: UUID | str, *, if_match: int | str | None = None) -> None:
        """Delete a calendar that no live job uses.

        Needs the role `admin`.

        Where its answer is lost it is sent again.
        """
        await self._transport.do(
            write("DELETE", path_of(*self._base, "calendars", name), repeat="always", if_match=if_match)
        )

    async def preview(self, **fields: Unpack[ClosedSchedulePreview]) -> Preview:
        """Preview a schedule with calendars of the workspace: which runs move to another day, and which are
        skipped.

        Needs the role `viewer`.

        Where its answer is lost it is sent again.
        """
        return await self._transport.call(
            write("POST", path_of(*self._base, "schedules", "preview"), body=fields, repeat="always"), Preview
        )
