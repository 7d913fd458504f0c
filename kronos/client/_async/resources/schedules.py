"""Schedules. Made by bin/client."""

from typing import Unpack

from kronos.client._async.resource import AsyncResource
from kronos.client._core.calls import path_of, write
from kronos.client.bodies.schedules import SchedulePreview, ScheduleSentence
from kronos.client.models.jobs import Preview
from kronos.client.models.schedules import SchedulePhrase


class AsyncSchedulesResource(AsyncResource):
    """Preview and parse schedules without saving them."""

    async def preview(self, **fields: Unpack[SchedulePreview]) -> Preview:
        """Preview a schedule: its description in words, its next runs and how clock changes affect them, and
        warnings.

        Needs the role `viewer`.

        Where its answer is lost it is sent again.
        """
        return await self._transport.call(
            write("POST", path_of(*self._base, "v1", "schedules", "preview"), body=fields, repeat="always"), Preview
        )

    async def parse(self, **fields: Unpack[ScheduleSentence]) -> SchedulePhrase:
        """Parse an English sentence into a cron expression or an interval. Parts that were not understood
        are reported.

        Needs the role `viewer`.

        Where its answer is lost it is sent again.
        """
        return await self._transport.call(
            write("POST", path_of(*self._base, "v1", "schedules", "parse"), body=fields, repeat="always"),
            SchedulePhrase,
        )
