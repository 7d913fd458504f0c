"""What waiting is to a client of threads; the other client has its own. Written by hand."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx

monotonic = time.monotonic


def sleep(seconds: float) -> None:
    """Return that much later."""
    time.sleep(seconds)


@contextmanager
def within(seconds: float | None) -> Iterator[None]:
    """Nothing can end what a thread waits for from outside: the client bounds each wait for a byte, and looks at the
    deadline between them."""
    yield


@contextmanager
def ending(response: httpx.Response, ends_at: float | None) -> Iterator[None]:
    """The connection ends at that time, and with it what waits for its next byte."""
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
