"""What waiting is to a client of threads; the other client has its own. Written by hand."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

monotonic = time.monotonic


def sleep(seconds: float) -> None:
    """Return that much later."""
    time.sleep(seconds)


@contextmanager
def within(seconds: float) -> Iterator[None]:  # the other clock's needs it
    """Nothing can end what a thread waits for from outside: the client bounds each wait for a byte, and looks at the
    deadline between them."""
    yield
