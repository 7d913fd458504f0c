"""Overview. Made by bin/client."""

from datetime import datetime
from typing import Literal

from kronos.client._async.resource import AsyncResource
from kronos.client._core.calls import path_of, read
from kronos.client.models.overview import Load, LoadMinute, Overview, SpreadPlan


class AsyncOverviewResource(AsyncResource):
    """What a workspace did and is going to do, at a glance."""

    async def get(self) -> Overview:
        """A workspace at a glance: the last and the next hour by minute, failing and late jobs and why, dead
        letters, the queue, workers, pg_cron.

        Needs the role `viewer`.
        """
        return await self._transport.call(read(path_of(*self._base, "overview")), Overview)

    async def load(self, *, window: Literal["24h", "7d"] | None = None) -> Load:
        """How many runs each coming minute has, of a workspace's jobs.

        Needs the role `viewer`.
        """
        return await self._transport.call(read(path_of(*self._base, "load"), {"window": window}), Load)

    async def load_of_minute(
        self, *, at: datetime | str, window: Literal["24h", "7d"] | None = None, spread: int | None = None
    ) -> LoadMinute:
        """The jobs that run in a minute to come, and what spreading them over the minutes after it would
        give.

        Needs the role `viewer`.
        """
        return await self._transport.call(
            read(path_of(*self._base, "load", "minute"), {"window": window, "at": at, "spread": spread}), LoadMinute
        )

    async def load_plan(self, *, window: Literal["24h", "7d"] | None = None) -> SpreadPlan:
        """How to move the jobs whose owners allow it (`spread`), so that the busiest minute has fewer
        deliveries.

        Nothing is changed: each move is a PATCH of its job's `offset_seconds`.

        Needs the role `viewer`.
        """
        return await self._transport.call(read(path_of(*self._base, "load", "plan"), {"window": window}), SpreadPlan)
