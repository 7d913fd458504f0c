"""Waits for conditions of processes, with a deadline and a message."""

import time
from collections.abc import Callable

from looking import looks


def eventually(holds: Callable[[], object], message: str | Callable[[], str], *, seconds: float = 60) -> None:
    """Return once `holds()` is true. After `seconds`, fail with `message`; a function returns the message for that
    moment."""
    for pause in looks(seconds):
        if holds():
            return
        time.sleep(pause)  # the condition is another process's
    assert holds(), f"after {seconds:g} s: {message if isinstance(message, str) else message()}"
