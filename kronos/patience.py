"""Transactions that give way to others, and are tried again."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

import psycopg

Made = TypeVar("Made")
IN_THE_WAY: Final = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)
"""What a transaction meets whose locks others hold: it gave up all of its own then, and nothing was changed."""
_PAUSE_SECONDS = 1.0


def patiently(attempt: Callable[[], Made | None], *, tries: int) -> Made | None:
    """What `attempt` makes, a transaction; tried again a second later where it makes None, or others were in its way.
    Raises IN_THE_WAY where they still are at the last try."""
    for left in reversed(range(tries)):
        try:
            if (made := attempt()) is not None or left == 0:
                return made
        except IN_THE_WAY:
            if left == 0:
                raise
        time.sleep(_PAUSE_SECONDS)  # nothing signals that a lock became free
    return None
