"""Schedules. Made by bin/client."""

from typing import Unpack

from kronos.client._core.calls import path_of, write
from kronos.client._sync.resource import Resource
from kronos.client.bodies.schedules import SchedulePreview, ScheduleSentence
from kronos.client.models.jobs import Preview
from kronos.client.models.schedules import SchedulePhrase


class SchedulesResource(Resource):
    """Schedules that are not saved."""

    def preview(self, **fields: Unpack[SchedulePreview]) -> Preview:
        """What a schedule says in words, its next runs with what clock changes do to them, and what may
        surprise.

        Needs the role `viewer`.

        Where its answer is lost it is sent again.
        """
        return self._transport.call(
            write("POST", path_of(*self._base, "v1", "schedules", "preview"), body=fields, repeat="always"), Preview
        )

    def parse(self, **fields: Unpack[ScheduleSentence]) -> SchedulePhrase:
        """The cron text or the interval that a sentence of plain English names; what was not understood is
        said.

        Needs the role `viewer`.

        Where its answer is lost it is sent again.
        """
        return self._transport.call(
            write("POST", path_of(*self._base, "v1", "schedules", "parse"), body=fields, repeat="always"),
            SchedulePhrase,
        )
