"""The requests that take spans to a collector, with limits: a collector, or a proxy before it, may send without end, or
a byte now and then.

requests has a timeout between two bytes, and none for a response, a TLS handshake or a proxy's answer to CONNECT; it
reads all of a body, and unpacks it.
"""

import socket
import threading
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
        self._open = _Open()
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter(self._open))

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # noqa: ANN401
        """Return the response, whose body is not read further: its connection is closed, or ready for the next request.

        Raises what requests raises, and TooManyRedirects for a redirect: OpenTelemetry would count it as accepted.
        """
        timeout = kwargs.get("timeout")
        seconds = timeout if isinstance(timeout, int | float) else _MOST_SECONDS
        timer = threading.Timer(seconds, self._open.end, [self._open.begin()])
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
            self._open.finish()


class _Open:
    """The connection of the request that is being made, which its timer may end at any time. A timer that is cancelled
    may have begun to act: then it ends nothing of a later request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0
        self._is_over = False
        self._is_tunnel = False
        self._beginning: socket.socket | None = None
        self._socket: socket.socket | None = None

    def begin(self) -> int:
        """A request begins; its time is not over. Return its number."""
        with self._lock:
            self._number += 1
            self._is_over = False
            return self._number

    def finish(self) -> None:
        """The request has ended: its time no longer matters."""
        with self._lock:
            self._number += 1

    def connect(self, connected: socket.socket) -> None:
        """A connection begins: what a proxy answers, and a TLS handshake, follow. TLS takes the socket away, so this
        keeps another descriptor of the same connection until `connected`."""
        with self._lock:
            self._beginning = connected.dup()
            self._shut_if_over()

    def tunnel(self, *, is_begun: bool) -> None:
        """A proxy's answer to CONNECT is read, or has been. Raises TimeoutError if the time was over before its end."""
        with self._lock:
            self._is_tunnel = is_begun
            if self._is_over and not is_begun:
                raise TimeoutError("the proxy's answer to CONNECT took too long")
            self._shut_if_over()

    def connected(self, opened: socket.socket | None) -> None:
        """The connection has begun, with this socket, or failed."""
        with self._lock:
            if self._beginning is not None:
                self._beginning.close()
            self._beginning, self._socket, self._is_tunnel = None, opened, False
            self._shut_if_over()

    def end(self, number: int) -> None:
        """End the connection of this request, even while data arrives, and each that it begins from now on."""
        with self._lock:
            if number == self._number:
                self._is_over = True
                self._shut_if_over()

    def _shut_if_over(self) -> None:
        if not self._is_over:
            return
        if self._beginning is not None:
            # Before TLS, the connection stays one: Python leaves the socket open if it finds none when TLS begins.
            _shut(self._beginning, socket.SHUT_RDWR if self._is_tunnel else socket.SHUT_RD)
        if self._socket is not None:
            _shut(self._socket, socket.SHUT_RDWR)


def _shut(opened: socket.socket, how: int) -> None:
    with suppress(OSError):  # it is already closed
        socket.socket.shutdown(opened, how)  # bypasses TLS, which another thread reads


class _Adapter(HTTPAdapter):
    """Tells `one` of each new connection."""

    def __init__(self, one: _Open) -> None:
        self._open = one
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
        one = self._open

        def begin(connection: HTTPConnection) -> socket.socket:
            begun: socket.socket = kind._new_conn(connection)
            one.connect(begun)
            return begun

        def tunnel(connection: HTTPConnection) -> None:
            one.tunnel(is_begun=True)
            kind._tunnel(connection)
            one.tunnel(is_begun=False)

        def connect(connection: HTTPConnection) -> None:
            opened = None
            try:
                kind.connect(connection)
                opened = connection.sock
            finally:
                one.connected(opened)

        kind: type[Any] = pool.ConnectionCls
        noted = {"connect": connect, "_new_conn": begin, "_tunnel": tunnel}
        return type(f"_Noted{kind.__name__}", (kind,), noted)
