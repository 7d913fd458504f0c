"""Serve /metrics and /healthz on a separate port, without a key, to all who reach it. The metrics name no tenant."""

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from kronos import listening
from kronos.lines import Log

Render = Callable[[str], Awaitable[tuple[bytes, str]]]
"""Returns the response to a request's Accept header: the text, and its media type."""
# Prometheus holds one connection; a few people may look at the metrics by hand.
_MOST_CONNECTIONS = 16
# From a request's first byte, or the start of a connection, to the end of the response. Reading the metrics has 5 s.
_REQUEST_SECONDS = 15.0
_MOST_BYTES = 64 * 1024
# For every response, including errors.
_OF_ALL = [
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
    ("referrer-policy", "no-referrer"),
]
_log = Log("kronos.metrics")


class _MetricsServer(uvicorn.Server):
    """Leaves signals to the process that runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _BriefProtocol(HttpToolsProtocol):
    """One connection. A client that sends nothing, sends endlessly or slowly, or does not read, cannot keep others out:
    it is disconnected, and the longest waiting client gives way to a new one."""

    _cutting: asyncio.TimerHandle | None = None
    _bytes = 0

    @property
    def _is_served(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Make room for it."""
        self._since = self.loop.time()
        idle = [each for each in self.connections if isinstance(each, _BriefProtocol) and not each._is_served]
        if len(self.connections) >= _MOST_CONNECTIONS and idle:
            least = min(idle, key=lambda each: each._since)
            self.connections.discard(least)
            least.transport.abort()
        super().connection_made(transport)
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._end()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read the data, unless it is too much."""
        self._bytes += len(data)
        if self._bytes > _MOST_BYTES:
            self.transport.abort()
            return
        if self._cutting is None:
            self._begin()
        super().data_received(data)

    def on_response_complete(self) -> None:
        """Wait for the next request, or serve it."""
        self._end()
        self._bytes, self._since = 0, self.loop.time()
        super().on_response_complete()
        if self._is_served:
            self._begin()

    def _begin(self) -> None:
        self._cutting = self.loop.call_later(_REQUEST_SECONDS, self.transport.abort)

    def _end(self) -> None:
        if self._cutting is not None:
            self._cutting.cancel()
            self._cutting = None


def door(host: str, port: int) -> socket.socket:
    """Return a socket that listens on that port. If that fails, exit the process with a message."""
    try:
        return listening.listen(host, port)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a host name"
        sys.exit(
            f"kronos: cannot serve metrics on {host!r} port {port}: {reason}. Set KRONOS_METRICS_PORT to a free port, "
            "a different one for each process, and KRONOS_METRICS_HOST to an address of this machine"
        )


@contextlib.asynccontextmanager
async def serving(opened: socket.socket, render: Render) -> AsyncIterator[None]:
    """Serve requests on this socket while this runs, on the running event loop."""

    async def metrics(request: Request) -> Response:
        text, media_type = await render(request.headers.get("accept", ""))
        return Response(text, headers={"Content-Type": media_type})

    async def healthz(_: Request) -> Response:
        # It runs on the process's event loop, so it shows that this works. It does not check the database: restarting
        # a process does not help if the database is down.
        return Response("ok\n", media_type="text/plain")

    server = _MetricsServer(
        uvicorn.Config(
            Starlette(routes=[Route("/metrics", metrics), Route("/healthz", healthz)]),
            http=_BriefProtocol,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            headers=_OF_ALL,
            proxy_headers=False,
            ws="none",
            limit_concurrency=_MOST_CONNECTIONS + 1,  # in case all of them are being answered
            timeout_keep_alive=75,
            timeout_graceful_shutdown=1,
        )
    )
    async with contextlib.AsyncExitStack() as ending:
        ending.callback(opened.close)
        task = asyncio.create_task(server.serve(sockets=[opened]))
        host, number = opened.getsockname()[:2]
        _log.info("metrics.listening", "metrics at http://%s:%d/metrics", f"[{host}]" if ":" in host else host, number)
        try:
            yield
        finally:
            server.should_exit = True
            await asyncio.gather(task, return_exceptions=True)
