"""What waiting is to a client of asyncio; the other client has its own. Written by hand."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import anyio
import httpx

T = TypeVar("T")
monotonic = time.monotonic
_running: set[asyncio.Task[None]] = set()


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


def bounded(http: httpx.AsyncClient) -> httpx.AsyncClient:
    """The client, whose connections come back from each call, also one that is cancelled.

    httpcore cleans up after a cancelled scope of anyio's. Where asyncio cancels a task while an answer is being put
    away, its place in the pool is taken for ever, and after 100 of them nobody gets a connection any more.
    """
    http._transport = _Returning(http._transport)
    for pattern, transport in http._mounts.items():
        http._mounts[pattern] = None if transport is None else _Returning(transport)
    return http


class _Returning(httpx.AsyncBaseTransport):
    """Asks in a task of its own, which is never cancelled but by its scope."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await _scoped(self._inner.handle_async_request(request), late=httpx.Response.aclose)
        if isinstance(response.stream, httpx.AsyncByteStream):
            response.stream = _Body(response.stream)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Body(httpx.AsyncByteStream):
    """The body of an answer, which is put away as a whole."""

    def __init__(self, inner: httpx.AsyncByteStream) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        parts = aiter(self._inner)
        while (part := await _scoped(_next(parts))) is not None:
            yield part

    async def aclose(self) -> None:
        await _whole(self._inner.aclose())


async def _next(parts: AsyncIterator[bytes]) -> bytes | None:
    return await anext(parts, None)


async def _scoped(work: Coroutine[None, None, T], late: Callable[[T], Awaitable[None]] | None = None) -> T:
    """What the work returns. Where the caller is cancelled its scope is, and `late` gets what it returned all the
    same."""
    scope = anyio.CancelScope()

    async def done() -> T:
        with scope:
            return await work
        raise asyncio.CancelledError

    async def give_back() -> None:
        scope.cancel()
        # Nobody waits for the answer any more, nor for its error.
        with suppress(httpx.HTTPError, httpx.StreamError, OSError, RuntimeError, asyncio.CancelledError):
            found = await task
            if late is not None:
                await late(found)

    task = asyncio.create_task(done())
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await _whole(give_back())
        raise


async def _whole(work: Coroutine[None, None, None]) -> None:
    """Return once it is done. Where the caller is cancelled it goes on without it."""
    task = asyncio.create_task(work)
    _running.add(task)  # the loop itself holds tasks weakly
    task.add_done_callback(_running.discard)
    await asyncio.shield(task)
