"""One API process: uvicorn on uvloop and httptools within limits, with its log lines and an orderly shutdown."""

import contextlib
import resource
import signal
import socket
import sys
from collections.abc import Iterator, Sequence

import uvicorn
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from kronos import config, garbage, listening
from kronos.api import app
from kronos.api.doors import Doors, Limits
from kronos.api.protocol import BoundedConfig
from kronos.config import Settings
from kronos.encryption import Keyring
from kronos.lines import Log
from kronos.traces.switch import SWITCH

_OTHER_FILES = 128
"""Files that a process has open in addition to connections to callers and to the database."""

_log = Log("kronos.api")


class _Server(uvicorn.Server):
    """Exits with code 0 on SIGTERM and Ctrl-C, which supervisors and users send to stop it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def run(settings: Settings, keys: Keyring | None = None, *, pages: Sequence[BaseRoute] = ()) -> None:
    """Serve the API and the dashboard's `pages` until SIGTERM or SIGINT, which let requests in progress finish. The URL
    is logged once it is bound; port 0 takes a free port."""
    SWITCH.begin("api")
    metrics = None
    if settings.metrics_port is not None:
        from kronos.metrics import port

        metrics = port.door(settings.metrics_host, settings.metrics_port)
    try:
        application = app.create(settings, keys, pages=pages, metrics=metrics)
    except ValueError as error:
        sys.exit(f"kronos: {error}")
    door = _listen(settings.host, settings.port)
    _allow_files(settings.max_connections + settings.database_pool_size + _OTHER_FILES)
    served = configuration(application, settings)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    _log.info("api.listening", "listening on http://%s:%d%s", host, door.getsockname()[1], settings.path_prefix)
    garbage.leave_what_is_there()
    try:
        _Server(served).run(sockets=[door])
    finally:
        SWITCH.end()
        _log.info("api.stopped", "stopped")


def configuration(application: ASGIApp, settings: Settings) -> BoundedConfig:
    """Return the configuration of the server."""
    return BoundedConfig(
        application,
        Doors(Limits.of(settings)),
        shutdown_seconds=max(1, int(settings.shutdown_seconds)),
        trusted_proxies=config.networks(settings.trusted_proxies),
    )


def _allow_files(wanted: int) -> None:
    """Allow this process as many open files as its connections need: many systems default to 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < wanted:
        _log.warning(
            "api.few_files",
            "%d open files are allowed (ulimit -n), up to %d are needed: raise it, or lower KRONOS_MAX_CONNECTIONS",
            allowed,
            wanted,
        )


def _listen(host: str, port: int) -> socket.socket:
    try:
        return listening.handed_over() or listening.listen(host, port)
    except (socket.gaierror, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a host name"
        sys.exit(f"kronos: cannot listen on {host!r}: {reason}. Set --host (KRONOS_HOST) to an address of this machine")
    except OSError as error:
        sys.exit(f"kronos: cannot listen on {host} port {port}: {error.strerror}")
    except ValueError as error:
        sys.exit(f"kronos: {error}")
