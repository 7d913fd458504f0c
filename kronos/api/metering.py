"""/metrics of an API process: what it counts itself, and what it reads of the database (kronos/gauges.py).

On the API's port for the instance's administrator, who sees workspaces by name; on a port of its own
(KRONOS_METRICS_PORT) for whoever reaches it, without what names a tenant.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING

from starlette.responses import Response

from kronos.api.call import Call
from kronos.api.dependencies import Instance
from kronos.api.meter import ApiMeter
from kronos.api.operation import Router
from kronos.config import Settings
from kronos.database import InstanceView
from kronos.gauges import Gauges
from kronos.metrics import catalog
from kronos.metrics.definition import Distribution, Measured
from kronos.metrics.lag import LoopLag
from kronos.model import Role
from kronos.pool import Pool
from kronos.statements import RAN
from kronos.traces.switch import SWITCH

if TYPE_CHECKING:
    from kronos.metrics.exposition import Exposition

router = Router(tags=["system"])


@router.get("/metrics", needs=Role.INSTANCE_ADMIN, include_in_schema=False, response_class=Response)
async def get_metrics(call: Call, instance: Instance) -> Response:
    """What this process counts, and how the instance does, as Prometheus reads it."""
    metering: Metering = call.app.state.metering
    text, media_type = await metering.render(call.headers.get("accept", ""), instance, names=True)
    return Response(text, headers={"Content-Type": media_type})


class Metering:
    """The metrics of one API process."""

    def __init__(self, pool: Pool, meter: ApiMeter, settings: Settings) -> None:
        self._pool = pool
        self._meter = meter
        self._gauges = Gauges(settings)
        self._lag = LoopLag()
        self._exposition: Exposition | None = None

    async def render(self, accept: str, view: InstanceView, *, names: bool) -> tuple[bytes, str]:
        """All of it; `names`: with the names of workspaces."""
        if self._exposition is None:
            self._exposition = await asyncio.to_thread(self._made)  # 40 ms of imports, beside the event loop
        return self._exposition.text(accept, await self._gauges.read(view, names=names))

    @contextlib.asynccontextmanager
    async def running(self, door: socket.socket | None) -> AsyncIterator[None]:
        """Looks at the event loop, and serves the port that is `door`, while this runs."""
        self._lag.begin()
        try:
            if door is None:
                yield
                return
            from kronos.metrics.port import serving

            async with serving(door, self._unnamed):
                yield
        finally:
            self._lag.end()
            await self._gauges.end()

    async def _unnamed(self, accept: str) -> tuple[bytes, str]:
        return await self.render(accept, InstanceView(self._pool), names=False)

    def _source(self) -> Iterator[Measured | Distribution]:
        yield Measured(catalog.PROCESS_INFO, 1, ("api", version("kronos")))
        yield from self._lag.seconds.read()
        yield from RAN.read()
        yield from SWITCH.read()
        yield from self._meter.read(self._pool)

    def _made(self) -> "Exposition":
        from kronos.metrics.exposition import Exposition  # with it prometheus_client

        return Exposition(self._source)
