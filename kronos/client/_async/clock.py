"""How the asyncio client waits. The client for threads has its own version. Written by hand."""

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
    """Wait for that many seconds."""
    await asyncio.sleep(seconds)


@asynccontextmanager
async def within(seconds: float | None) -> AsyncIterator[None]:
    """Raise TimeoutError in the block after that many seconds, whatever it waits for."""
    async with asyncio.timeout(seconds):
        yield


@asynccontextmanager
async def ending(response: object, ends_at: float | None) -> AsyncIterator[None]:
    """Do nothing: `within` ends waits inside the block."""
    yield


def bounded(http: httpx.AsyncClient) -> httpx.AsyncClient:
    """Return the client, changed so that each call returns its connection to the pool, even if it is cancelled.

    httpcore cleans up after a cancelled anyio scope. If asyncio cancels a task while a response is being closed, its
    slot in the pool stays taken forever, and after 100 of them no call gets a connection.
    """
    http._transport = _Returning(http._transport)
    for pattern, transport in http._mounts.items():
        http._mounts[pattern] = None if transport is None else _Returning(transport)
    return http


class _Returning(httpx.AsyncBaseTransport):
    """Sends each request in a separate task, which only its scope can cancel."""

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
    """The body of a response. Closing it cannot be interrupted."""

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
    """Return the result of the work. If the caller is cancelled, so is the work's scope, and `late` receives a result
    that arrives despite that."""
    scope = anyio.CancelScope()

    async def done() -> T:
        with scope:
            return await work
        raise asyncio.CancelledError

    async def give_back() -> None:
        scope.cancel()
        # The caller no longer waits for the response or its error.
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
    """Return once the work is done. If the caller is cancelled, the work still completes."""
    task = asyncio.create_task(work)
    _running.add(task)  # the event loop holds only weak references to tasks
    task.add_done_callback(_running.discard)
    await asyncio.shield(task)
