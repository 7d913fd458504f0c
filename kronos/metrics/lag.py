"""Measure how late an event loop runs its timers."""

import asyncio

from kronos.metrics.catalog import LOOP_LAG
from kronos.metrics.tallies import Histogram

_EVERY_SECONDS = 1.0


class LoopLag:
    """Measures every second, from `begin` to `end`."""

    def __init__(self) -> None:
        self.seconds = Histogram(LOOP_LAG)
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Start measuring, on the running event loop."""
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(loop.time() + _EVERY_SECONDS, self._look, loop, loop.time() + _EVERY_SECONDS)

    def end(self) -> None:
        """Stop measuring."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self, loop: asyncio.AbstractEventLoop, wanted_at: float) -> None:
        self.seconds.add(max(loop.time() - wanted_at, 0.0))
        self.begin()
