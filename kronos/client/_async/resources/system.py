"""System. Made by bin/client."""

from typing import Literal

from kronos.client._async.resource import AsyncResource
from kronos.client._core.calls import path_of, read
from kronos.client.models.overview import InstanceLoad
from kronos.client.models.system import Alarms, Alive, BusyWorkers, Drift, History, Index, InstanceStatus, Ready


class AsyncSystemResource(AsyncResource):
    """The instance: its version, health and status."""

    async def load(self, *, window: Literal["24h", "7d"] | None = None) -> InstanceLoad:
        """Get the number of runs of all jobs in each of the coming minutes, and what pg_cron and workers can
        handle.

        Needs the role `instance_admin`.
        """
        return await self._transport.call(
            read(path_of(*self._base, "v1", "system", "load"), {"window": window}), InstanceLoad
        )

    async def index(self) -> Index:
        """Get the index. Browsers are redirected to the dashboard."""
        return await self._transport.call(read(path_of(*self._base)), Index)

    async def health(self) -> Alive:
        """Check that the process is alive. Queries nothing else."""
        return await self._transport.call(read(path_of(*self._base, "healthz")), Alive)

    async def readiness(self) -> Ready:
        """Check that PostgreSQL answers, pg_cron rings, and deliveries are made."""
        return await self._transport.call(read(path_of(*self._base, "readyz")), Ready)

    async def status(self) -> InstanceStatus:
        """Get the status of the instance: pg_cron, lag, workers, work done in steps, and time zone data.

        Needs the role `instance_admin`.
        """
        return await self._transport.call(read(path_of(*self._base, "v1", "system", "status")), InstanceStatus)

    async def workers(self) -> BusyWorkers:
        """List the deliveries in progress per worker. Idle workers are not listed; status counts the
        sessions of all.

        Needs the role `instance_admin`.
        """
        return await self._transport.call(read(path_of(*self._base, "v1", "system", "workers")), BusyWorkers)

    async def history(self) -> History:
        """Get the instance's retention and the partitions of its history.

        Needs the role `instance_admin`.
        """
        return await self._transport.call(read(path_of(*self._base, "v1", "system", "history")), History)

    async def alarms(self) -> Alarms:
        """Get how pg_cron rings for jobs: one entry per job, or one for all jobs that ring together, and how
        often.

        Needs the role `instance_admin`.
        """
        return await self._transport.call(read(path_of(*self._base, "v1", "system", "alarms")), Alarms)

    async def drift(self, *, limit: int | None = None) -> Drift:
        """Compare jobs with pg_cron's entries. The reaper repairs differences within a minute.

        Needs the role `instance_admin`.
        """
        return await self._transport.call(read(path_of(*self._base, "v1", "system", "drift"), {"limit": limit}), Drift)
