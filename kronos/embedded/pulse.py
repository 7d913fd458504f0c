"""Distinguish a hung child from a slow one, and from a machine that was suspended."""

import contextlib
import os
import time
from collections.abc import Callable

from kronos.records import dataclass

# For a child that still has to load its modules, on a machine that is busy starting.
_FIRST_WITHIN_SECONDS = 120.0
_LONGEST_STEP_SECONDS = 2.0


class Witness:
    """Counts the time in which this process was running itself: only the first two seconds between two checks.

    A machine that slept, or a `kronos up` that was stopped or got no CPU for a minute, cannot tell who was silent.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looked_at = clock()

    def seconds(self) -> float:
        """Return the seconds since the last check for which a child can be blamed."""
        before, self._looked_at = self._looked_at, self._clock()
        return min(self._looked_at - before, _LONGEST_STEP_SECONDS)


@dataclass(slots=True)
class Pulse:
    """The reading end of a child's heartbeat."""

    readable: int
    silent_seconds: float = 0.0
    has_beaten: bool = False

    def is_over(self, seconds: float, limit: float) -> bool:
        """Return whether nothing was heard for `limit` counted seconds, including these `seconds`; the first heartbeat
        may take longer."""
        if self._is_heard():
            self.silent_seconds, self.has_beaten = 0.0, True
            return False
        self.silent_seconds += seconds
        return self.silent_seconds > (limit if self.has_beaten else max(limit, _FIRST_WITHIN_SECONDS))

    def close(self) -> None:
        """Stop listening."""
        os.close(self.readable)

    def _is_heard(self) -> bool:
        is_heard = False
        with contextlib.suppress(BlockingIOError):
            while os.read(self.readable, 4096):
                is_heard = True
        return is_heard
