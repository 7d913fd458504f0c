"""The signs of life of a child of `kronos up`: its event loop writes one byte per second into a pipe."""

import asyncio
import contextlib
import faulthandler
import os
import signal
from collections.abc import AsyncIterator

VARIABLE = "KRONOS_HEARTBEAT_FD"
EVERY_SECONDS = 1.0
# The first signal to a child that gives no signs: it makes the child log its stack traces, even if its event loop is
# stuck in Python code.
TELL_WHERE = signal.SIGUSR1


@contextlib.asynccontextmanager
async def beating() -> AsyncIterator[None]:
    """Give signs of life while this runs, if the process was started with a pipe for them; otherwise do nothing."""
    given = os.environ.get(VARIABLE, "")
    if not given.isdigit():
        yield
        return
    faulthandler.register(TELL_WHERE)
    task = asyncio.create_task(_beat(int(given)))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _beat(descriptor: int) -> None:
    with contextlib.suppress(OSError):  # the pipe's reader is gone, and this process will be in a moment
        os.set_blocking(descriptor, False)
        while True:
            with contextlib.suppress(BlockingIOError):  # nothing has read for hours: 65,536 bytes fill the pipe
                os.write(descriptor, b".")
            await asyncio.sleep(EVERY_SECONDS)
