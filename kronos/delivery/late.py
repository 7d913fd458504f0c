"""Event loops run their timers before they look at sockets: what came while the process was stopped, or got no
processor, is read before a timeout counts."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kronos.delivery.progress import Progress

# A timer that comes so late found its process stopped, its machine asleep, or its event loop busy; what sockets have
# then waits for so long.
LATE_SECONDS, READ_SECONDS = 0.01, 0.02


@asynccontextmanager
async def acknowledged_within(seconds: float, progress: Progress) -> AsyncIterator[None]:
    """asyncio.timeout of a delivery to a broker. Where it comes late, and the message is sent, its acknowledgement is
    read first; a message that is not sent by then is not sent. Raises TimeoutError."""
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
