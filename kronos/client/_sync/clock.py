"""What waiting is to a client of threads; the other client has its own. Written by hand."""

import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from ssl import SSLContext

import httpcore
import httpx

monotonic = time.monotonic
_SENT_AT_ONCE = 64 * 1024


def sleep(seconds: float) -> None:
    """Return that much later."""
    time.sleep(seconds)  # the pause before a call is sent again: a server that is away says nothing


class _Thread(threading.local):
    """Until when this thread may wait."""

    ends_at: float | None = None


_thread = _Thread()


@contextmanager
def within(seconds: float | None) -> Iterator[None]:
    """What this thread waits for inside, at a connection of a `bounded` client, ends after that much: nothing can end
    it from outside, so each wait at the socket is as long as there is time left."""
    before, _thread.ends_at = _thread.ends_at, None if seconds is None else monotonic() + seconds
    try:
        yield
    finally:
        _thread.ends_at = before


def _left(timeout: float | None, ended: type[Exception]) -> float | None:
    """Seconds for one wait. Raises `ended` where there are none."""
    if _thread.ends_at is None:
        return timeout
    left = _thread.ends_at - monotonic()
    if left <= 0:
        raise ended("the deadline is over")
    return left if timeout is None else min(timeout, left)


def bounded(http: httpx.Client) -> httpx.Client:
    """The client, whose connections end what they wait for where `within` ends.

    httpx has no argument for a network backend. Where a newer one keeps its pool elsewhere, a wait is bounded by
    `timeout` for each byte, and a test fails.
    """
    for transport in (http._transport, *http._mounts.values()):
        pool = getattr(transport, "_pool", None)
        if isinstance(pool, httpcore.ConnectionPool) and hasattr(pool, "_network_backend"):
            pool._network_backend = _Backend(pool._network_backend)
    return http


class _Backend(httpcore.NetworkBackend):
    """Makes connections whose waits are bounded."""

    def __init__(self, inner: httpcore.NetworkBackend) -> None:
        self._inner = inner

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.connect_tcp(host, port, left, local_address, socket_options))

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.connect_unix_socket(path, left, socket_options))

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


class _Stream(httpcore.NetworkStream):
    """A connection, each of whose waits is as long as the thread has time."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _SENT_AT_ONCE):
            self._inner.write(buffer[start : start + _SENT_AT_ONCE], _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)


@contextmanager
def ending(response: httpx.Response, ends_at: float | None) -> Iterator[None]:
    """The connection ends at that time, and with it what waits for its next byte: also one of the caller's own client,
    which is not `bounded`."""
    if ends_at is None:
        yield
        return
    stream = response.extensions.get("network_stream")  # absent where the caller's own transport has no sockets
    connection = None if stream is None else stream.get_extra_info("socket")

    def end() -> None:
        with suppress(OSError):  # it has ended already
            if connection is not None:
                connection.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(0.0, ends_at - monotonic()), end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
