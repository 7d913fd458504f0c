"""What waiting is to a client of asyncio; the other client has its own."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

monotonic = time.monotonic


async def sleep(seconds: float) -> None:
    """Return that much later."""
    await asyncio.sleep(seconds)


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """What is done inside ends in TimeoutError after that much, whatever it waits for."""
    async with asyncio.timeout(seconds):
        yield
