"""Waits on conditions of processes, with a deadline and a message."""

import time
from collections.abc import Callable


def eventually(holds: Callable[[], object], message: str | Callable[[], str], *, seconds: float = 60) -> None:
    """Returns once `holds()` is true. Fails with `message` after `seconds`: a function says what is true then."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"after {seconds:g} s: {message if isinstance(message, str) else message()}"
        time.sleep(0.02)  # the condition is another process's
