"""A worker's /metrics, on a separate port."""

import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from importlib.metadata import version

from kronos.config import Settings
from kronos.metrics import catalog
from kronos.metrics.definition import Distribution, Measured
from kronos.metrics.lag import LoopLag
from kronos.statements import RAN
from kronos.traces.switch import SWITCH
from kronos.worker.loop import Loop
from kronos.worker.meter import WorkerMeter


@contextlib.asynccontextmanager
async def metering(
    door: socket.socket | None, settings: Settings, loop: Loop, meter: WorkerMeter | None
) -> AsyncIterator[None]:
    """Serve the metrics of `meter` while this context is open. Without a `door`, serve and load nothing."""
    if door is None or meter is None:
        yield
        return
    from kronos.metrics.exposition import Exposition  # loads prometheus_client and the server, 8 MB
    from kronos.metrics.port import serving

    lag = LoopLag()

    def source() -> Iterator[Measured | Distribution]:
        yield Measured(catalog.PROCESS_INFO, 1, ("worker", version("kronos")))
        yield from lag.seconds.read()
        yield from RAN.read()
        yield from SWITCH.read()
        yield from meter.read()
        yield Measured(catalog.ABORTED, loop.aborts.ended)
        yield Measured(catalog.UNDER_WAY, len(loop.finalizer.under_way))
        yield Measured(catalog.UNSTORED, loop.unstored)
        yield Measured(catalog.CONCURRENCY, settings.worker_concurrency)

    shown = Exposition(source)

    async def render(accept: str) -> tuple[bytes, str]:
        return shown.text(accept)

    lag.begin()
    try:
        async with serving(door, render):
            yield
    finally:
        lag.end()
