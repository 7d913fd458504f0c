"""Transactions that give way to others, and are retried."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

import psycopg

Made = TypeVar("Made")
IN_THE_WAY: Final = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)
"""Raised when other sessions hold needed locks: the transaction gave up all its own locks, and nothing was changed."""
_PAUSE_SECONDS = 1.0


def patiently(attempt: Callable[[], Made | None], *, tries: int) -> Made | None:
    """Return the result of `attempt`, a transaction. Retry it a second later if it returns None or others hold its
    locks. Raises IN_THE_WAY if they still do at the last try."""
    for left in reversed(range(tries)):
        try:
            if (made := attempt()) is not None or left == 0:
                return made
        except IN_THE_WAY:
            if left == 0:
                raise
        time.sleep(_PAUSE_SECONDS)  # nothing signals that a lock became free
    return None
