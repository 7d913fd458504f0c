"""The sign of life that a child of `kronos up` gives: a byte a second into a pipe, written by its event loop."""

import asyncio
import contextlib
import faulthandler
import os
import signal
from collections.abc import AsyncIterator

VARIABLE = "KRONOS_HEARTBEAT_FD"
EVERY_SECONDS = 1.0
# What a child that gives none is sent first: it writes to its log where it stands, even where its loop is stuck in
# Python code.
TELL_WHERE = signal.SIGUSR1


@contextlib.asynccontextmanager
async def beating() -> AsyncIterator[None]:
    """Gives signs of life while this runs, if the process was started with a pipe for them; else does nothing."""
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
    with contextlib.suppress(OSError):  # the pipe's reader is gone, and we with it in a moment
        os.set_blocking(descriptor, False)
        while True:
            with contextlib.suppress(BlockingIOError):  # nobody has read for hours: 65,536 signs are there
                os.write(descriptor, b".")
            await asyncio.sleep(EVERY_SECONDS)
