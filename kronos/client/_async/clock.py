"""What waiting is to a client of asyncio; the other client has its own."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

monotonic = time.monotonic


def bounded(http: httpx.AsyncClient) -> httpx.AsyncClient:
    """As it is: what is awaited is ended by `within`."""
    return http


async def sleep(seconds: float) -> None:
    """Return that much later."""
    await asyncio.sleep(seconds)


@asynccontextmanager
async def within(seconds: float | None) -> AsyncIterator[None]:
    """What is done inside ends in TimeoutError after that much, whatever it waits for."""
    async with asyncio.timeout(seconds):
        yield


@asynccontextmanager
async def ending(response: object, ends_at: float | None) -> AsyncIterator[None]:
    """Nothing to be done: what is awaited inside is ended by `within`."""
    yield
