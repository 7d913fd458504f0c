"""One API process: uvicorn on uvloop and httptools, with its log lines and an orderly end."""

import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Iterator

import uvicorn

from kronos.api import app
from kronos.config import Settings

_MAX_CONNECTIONS = 1000
_BACKLOG = 2048
_log = logging.getLogger("kronos.api")


class _Server(uvicorn.Server):
    """Ends with exit code 0 when it is told to end: SIGTERM and Ctrl-C are what a supervisor and a user do."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, which let the requests under way finish. Logs the URL once it is bound; port 0 takes a free one."""
    try:
        application = app.create(settings)
    except ValueError as error:
        sys.exit(f"kronos: {error}")
    listening = _listen(settings.host, settings.port)
    config = uvicorn.Config(
        application,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=_MAX_CONNECTIONS,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=max(1, int(settings.shutdown_seconds)),
        h11_max_incomplete_event_size=16 * 1024,
    )
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    _log.info("listening on http://%s:%d%s", host, listening.getsockname()[1], settings.path_prefix)
    _Server(config).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (socket.gaierror, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no name of a host"
        sys.exit(f"kronos: cannot listen on {host!r}: {reason}. Give --host (KRONOS_HOST) an address of this machine")
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
    except OSError as error:
        listening.close()
        sys.exit(f"kronos: cannot listen on {host} port {port}: {error.strerror}")
    # Who reads the URL in the log and calls at once waits for the start's end, instead of being refused.
    listening.listen(_BACKLOG)
    return listening
