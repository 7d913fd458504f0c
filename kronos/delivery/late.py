"""Timeouts that read pending data first. Event loops run timers before sockets, so a process that was stopped, or had
no CPU time, could time out although the response has arrived."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kronos.delivery.progress import Progress

# A timer this late means that the process was stopped, the machine asleep, or the event loop busy. It then waits this
# long for data that sockets already have.
LATE_SECONDS, READ_SECONDS = 0.01, 0.02


@asynccontextmanager
async def acknowledged_within(seconds: float, progress: Progress) -> AsyncIterator[None]:
    """asyncio.timeout for a delivery to a broker. Raises TimeoutError.

    If the timer is late and the message was sent, its acknowledgement is read first. A message not sent by then is not
    sent."""
    loop = asyncio.get_running_loop()
    ends_at = time.monotonic() + seconds
    timer: asyncio.TimerHandle
    async with asyncio.timeout(None) as limit:

        def end() -> None:
            limit.reschedule(loop.time())

        def come() -> None:
            nonlocal timer
            if progress.is_sent and time.monotonic() > ends_at + LATE_SECONDS:
                timer = loop.call_later(READ_SECONDS, end)
            else:
                end()

        timer = loop.call_later(seconds, come)
        try:
            yield
        finally:
            timer.cancel()
