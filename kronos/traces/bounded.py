"""The requests that take spans to a collector, with limits: a collector may send without end, or a byte now and then.

requests has a timeout between two bytes, and none for a response; it reads all of a body, and unpacks it.
"""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

_MOST_BYTES = 64 * 1024
"""The most that is read of a body. The status decides; a body only explains it."""
_MOST_SECONDS = 10.0
"""For a whole response, if OTEL_EXPORTER_OTLP_TIMEOUT sets no shorter time."""


class BoundedSession(requests.Session):
    """Sends one request at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._socket: socket.socket | None = None
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter(self._note))

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # noqa: ANN401
        """Return the response, whose body is not read further: its connection is closed, or ready for the next request.

        Raises what requests raises, and TooManyRedirects for a redirect: OpenTelemetry would count it as accepted.
        """
        timeout = kwargs.get("timeout")
        timer = threading.Timer(timeout if isinstance(timeout, int | float) else _MOST_SECONDS, self._end)
        timer.daemon = True
        timer.start()
        try:
            response = super().send(request, **(kwargs | {"stream": True}))
            with response:
                response.raw.read(_MOST_BYTES, decode_content=False)
            if 300 <= response.status_code < 400:
                raise requests.TooManyRedirects(f"the collector answered {response.status_code}, a redirect")
            return response
        finally:
            timer.cancel()

    def _note(self, opened: socket.socket | None) -> None:
        self._socket = opened

    def _end(self) -> None:
        """End the connection, even while data arrives."""
        with suppress(OSError):  # it is already closed
            if self._socket is not None:
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)  # bypasses TLS, which another thread reads


class _Adapter(HTTPAdapter):
    """Passes each new connection's socket to `note`."""

    def __init__(self, note: Callable[[socket.socket | None], None]) -> None:
        self._note = note
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        """Make the pools of direct connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools()

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Return the pools of connections through a proxy."""
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = self._pools()
        return manager

    def _pools(self) -> dict[str, type[HTTPConnectionPool]]:
        return {
            "http": type("_Pool", (HTTPConnectionPool,), {"ConnectionCls": self._noted(HTTPConnectionPool)}),
            "https": type("_TlsPool", (HTTPSConnectionPool,), {"ConnectionCls": self._noted(HTTPSConnectionPool)}),
        }

    def _noted(self, pool: type[HTTPConnectionPool]) -> type[Any]:
        note = self._note

        def connect(connection: HTTPConnection) -> None:
            kind.connect(connection)
            note(connection.sock)

        kind: type[Any] = pool.ConnectionCls
        return type(f"_Noted{kind.__name__}", (kind,), {"connect": connect})
