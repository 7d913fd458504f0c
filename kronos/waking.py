"""Decide whether a request wakes the workers."""

import math
import time
from typing import Self

_WAKE_INTERVAL_SECONDS = 0.01
_NEVER = -math.inf
_last_wake_seconds = _NEVER


def may_wake() -> bool:
    """Return whether this request wakes the workers: at most one in 10 ms does, because NOTIFY in every commit costs
    three quarters of the throughput.

    Workers look for work again shortly after each wake, so a request that does not wake them loses milliseconds. In
    any case the poll finds its work.
    """
    global _last_wake_seconds
    now = time.monotonic()
    if now - _last_wake_seconds < _WAKE_INTERVAL_SECONDS:
        return False
    _last_wake_seconds = now
    return True


class Waking:
    """Whether a statement wakes the workers. If it creates nothing, it wakes nobody, and the next statement may."""

    def __init__(self, *, may: bool = True) -> None:
        self.is_wanted = may and may_wake()
        self.is_heard = False
        """Set once it has created something."""

    def __enter__(self) -> Self:
        """Return it for the statement that takes `is_wanted`."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give back an unused wake."""
        global _last_wake_seconds
        if self.is_wanted and not self.is_heard:
            _last_wake_seconds = _NEVER
