"""/metrics on a port of its own: for who may reach that port, without a key. What is there names no tenant."""

import asyncio
import contextlib
import logging
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kronos import listening

Render = Callable[[str], Awaitable[tuple[bytes, str]]]
"""What a request's Accept is answered with: the text, and its media type."""
# Prometheus holds one connection; a handful look by hand.
_MOST_CONNECTIONS = 16
_log = logging.getLogger("kronos.metrics")


class _MetricsServer(uvicorn.Server):
    """Leaves signals to the process that it is a part of."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def door(host: str, port: int) -> socket.socket:
    """The socket of that port. Ends the process with a sentence where it cannot be had."""
    try:
        return listening.listen(host, port)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no name of a host"
        sys.exit(
            f"kronos: cannot serve metrics on {host!r} port {port}: {reason}. Set KRONOS_METRICS_PORT to a free port, "
            "another one for each process, and KRONOS_METRICS_HOST to an address of this machine"
        )


@contextlib.asynccontextmanager
async def serving(opened: socket.socket, render: Render) -> AsyncIterator[None]:
    """Answers there while this runs, on the running event loop."""

    async def metrics(request: Request) -> Response:
        text, media_type = await render(request.headers.get("accept", ""))
        return Response(text, headers={"Content-Type": media_type, "Cache-Control": "no-store"})

    server = _MetricsServer(
        uvicorn.Config(
            Starlette(routes=[Route("/metrics", metrics)]),
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=1,
        )
    )
    async with contextlib.AsyncExitStack() as ending:
        ending.callback(opened.close)
        task = asyncio.create_task(server.serve(sockets=[opened]))
        host, number = opened.getsockname()[:2]
        _log.info("metrics at http://%s:%d/metrics", f"[{host}]" if ":" in host else host, number)
        try:
            yield
        finally:
            server.should_exit = True
            await asyncio.gather(task, return_exceptions=True)
