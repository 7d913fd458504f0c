"""Waits on conditions of processes, with a deadline and a message."""

import time
from collections.abc import Callable

from looking import looks


def eventually(holds: Callable[[], object], message: str | Callable[[], str], *, seconds: float = 60) -> None:
    """Returns once `holds()` is true. Fails with `message` after `seconds`: a function says what is true then."""
    for pause in looks(seconds):
        if holds():
            return
        time.sleep(pause)  # the condition is another process's
    assert holds(), f"after {seconds:g} s: {message if isinstance(message, str) else message()}"
