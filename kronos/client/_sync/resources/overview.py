"""Overview. Made by bin/client."""

from datetime import datetime
from typing import Literal

from kronos.client._core.calls import path_of, read
from kronos.client._sync.resource import Resource
from kronos.client.models.overview import Load, LoadMinute, Overview, SpreadPlan


class OverviewResource(Resource):
    """The recent past and the near future of a workspace."""

    def get(self) -> Overview:
        """Get an overview of a workspace.

        The last and the next hour by minute, failing and late jobs with the reasons, dead letters, the
        queue, workers and pg_cron.

        Needs the role `viewer`.
        """
        return self._transport.call(read(path_of(*self._base, "overview")), Overview)

    def load(self, *, window: Literal["24h", "7d"] | None = None) -> Load:
        """Get the number of runs of a workspace's jobs in each of the coming minutes.

        Needs the role `viewer`.
        """
        return self._transport.call(read(path_of(*self._base, "load"), {"window": window}), Load)

    def load_of_minute(
        self, *, at: datetime | str, window: Literal["24h", "7d"] | None = None, spread: int | None = None
    ) -> LoadMinute:
        """List the jobs that run in a future minute, and the effect of spreading them over the following
        minutes.

        Needs the role `viewer`.
        """
        return self._transport.call(
            read(path_of(*self._base, "load", "minute"), {"window": window, "at": at, "spread": spread}), LoadMinute
        )

    def load_plan(self, *, window: Literal["24h", "7d"] | None = None) -> SpreadPlan:
        """Plan how to move jobs that allow it (`spread`), so that the busiest minute has fewer deliveries.

        Nothing is changed. To make a move, PATCH the job's `offset_seconds`.

        Needs the role `viewer`.
        """
        return self._transport.call(read(path_of(*self._base, "load", "plan"), {"window": window}), SpreadPlan)
