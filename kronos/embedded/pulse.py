"""Tells a child that hangs from one that is slow, and from a machine that stood still."""

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

# A child that has yet to load its modules, on a machine that is busy with starting.
_FIRST_WITHIN_SECONDS = 120.0
_LONGEST_STEP_SECONDS = 2.0


class Witness:
    """Counts the time in which we were awake ourselves: of a gap between two looks only its first two seconds.

    A machine that slept, a `kronos up` that was stopped or had no processor for a minute, has seen nobody silent.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looked_at = clock()

    def seconds(self) -> float:
        """Seconds since the last look for which a child can be blamed."""
        before, self._looked_at = self._looked_at, self._clock()
        return min(self._looked_at - before, _LONGEST_STEP_SECONDS)


@dataclass(slots=True)
class Pulse:
    """The reading end of a child's heartbeat."""

    readable: int
    silent_seconds: float = 0.0
    has_beaten: bool = False

    def is_over(self, seconds: float, limit: float) -> bool:
        """Whether nothing was heard for `limit` witnessed seconds, of which these are the last; at first there is more
        patience."""
        if self._is_heard():
            self.silent_seconds, self.has_beaten = 0.0, True
            return False
        self.silent_seconds += seconds
        return self.silent_seconds > (limit if self.has_beaten else max(limit, _FIRST_WITHIN_SECONDS))

    def close(self) -> None:
        """Stops listening."""
        os.close(self.readable)

    def _is_heard(self) -> bool:
        is_heard = False
        with contextlib.suppress(BlockingIOError):
            while os.read(self.readable, 4096):
                is_heard = True
        return is_heard
