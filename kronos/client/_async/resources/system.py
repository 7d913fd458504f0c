"""System. Made by bin/client."""

from typing import Literal

from kronos.client._async.resource import AsyncResource
from kronos.client._core.calls import path_of, read
from kronos.client.models.overview import InstanceLoad
from kronos.client.models.system import Alarms, Alive, BusyWorkers, Drift, History, Index, InstanceStatus, Ready


class AsyncSystemResource(AsyncResource):
    """The instance: what it is, whether it lives, how it is doing."""

    async def load(self, *, window: Literal["24h", "7d"] | None = None) -> InstanceLoad:
        """How many runs each coming minute has, of all jobs, against what pg_cron and workers can do.

        Needs the role `instance_admin`.
        """
        return await self._transport.call(
            read(path_of(*self._base, "v1", "system", "load"), {"window": window}), InstanceLoad
        )

    async def index(self) -> Index:
        """What this is; a browser is sent on to the dashboard."""
        return await self._transport.call(read(path_of(*self._base)), Index)

    async def health(self) -> Alive:
        """Whether the process answers; asks nobody else."""
        return await self._transport.call(read(path_of(*self._base, "healthz")), Alive)

    async def readiness(self) -> Ready:
        """Whether PostgreSQL answers and pg_cron rings, and whether deliveries are made."""
        return await self._transport.call(read(path_of(*self._base, "readyz")), Ready)

    async def status(self) -> InstanceStatus:
        """The instance: pg_cron, lag, workers, what is followed in steps, time zone data.

        Needs the role `instance_admin`.
        """
        return await self._transport.call(read(path_of(*self._base, "v1", "system", "status")), InstanceStatus)

    async def workers(self) -> BusyWorkers:
        """What workers have under way. One that has nothing to do is not listed: status counts the sessions
        of all.

        Needs the role `instance_admin`.
        """
        return await self._transport.call(read(path_of(*self._base, "v1", "system", "workers")), BusyWorkers)

    async def history(self) -> History:
        """The instance's retention, and the partitions of its history.

        Needs the role `instance_admin`.
        """
        return await self._transport.call(read(path_of(*self._base, "v1", "system", "history")), History)

    async def alarms(self) -> Alarms:
        """How pg_cron is asked to ring for jobs: an entry each, or one for all that ring alike; and how
        often it rings.

        Needs the role `instance_admin`.
        """
        return await self._transport.call(read(path_of(*self._base, "v1", "system", "alarms")), Alarms)

    async def drift(self, *, limit: int | None = None) -> Drift:
        """Jobs against pg_cron's entries: what the reaper puts right, a minute later at most.

        Needs the role `instance_admin`.
        """
        return await self._transport.call(read(path_of(*self._base, "v1", "system", "drift"), {"limit": limit}), Drift)
