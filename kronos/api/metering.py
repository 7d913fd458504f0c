"""/metrics of an API process: its own counters, and gauges read from the database (kronos/gauges.py).

On the API's port it is for the instance's administrator and includes workspace names. On a separate port
(KRONOS_METRICS_PORT) it needs no key and contains nothing that names a tenant.
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
    """Return the metrics of this process and of the instance, for Prometheus."""
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
        """Return all metrics. `names`: include the names of workspaces."""
        if self._exposition is None:
            self._exposition = await asyncio.to_thread(self._made)  # 40 ms of imports, in a thread
        return self._exposition.text(accept, await self._gauges.read(view, names=names))

    @contextlib.asynccontextmanager
    async def running(self, door: socket.socket | None) -> AsyncIterator[None]:
        """Measure the event loop's lag, and serve the port of `door`, while this context is open."""
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
        from kronos.metrics.exposition import Exposition  # it loads prometheus_client

        return Exposition(self._source)
