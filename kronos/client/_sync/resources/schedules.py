"""Schedules. Made by bin/client."""

from typing import Unpack

from kronos.client._core.calls import path_of, write
from kronos.client._sync.resource import Resource
from kronos.client.bodies.schedules import SchedulePreview, ScheduleSentence
from kronos.client.models.jobs import Preview
from kronos.client.models.schedules import SchedulePhrase


class SchedulesResource(Resource):
    """Preview and parse schedules without saving them."""

    def preview(self, **fields: Unpack[SchedulePreview]) -> Preview:
        """Preview a schedule: its description in words, its next runs and how clock changes affect them, and
        warnings.

        Needs the role `viewer`.

        Where its answer is lost it is sent again.
        """
        return self._transport.call(
            write("POST", path_of(*self._base, "v1", "schedules", "preview"), body=fields, repeat="always"), Preview
        )

    def parse(self, **fields: Unpack[ScheduleSentence]) -> SchedulePhrase:
        """Parse an English sentence into a cron expression or an interval. Parts that were not understood
        are reported.

        Needs the role `viewer`.

        Where its answer is lost it is sent again.
        """
        return self._transport.call(
            write("POST", path_of(*self._base, "v1", "schedules", "parse"), body=fields, repeat="always"),
            SchedulePhrase,
        )
