"""Waits on conditions of processes, with a deadline and a message."""

import time
from collections.abc import Callable


def eventually(holds: Callable[[], object], message: str, *, seconds: float = 20) -> None:
    """Returns once `holds()` is true. Fails with `message` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"after {seconds:g} s: {message}"
        time.sleep(0.02)  # the condition is another process's
