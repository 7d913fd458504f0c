"""The time on PostgreSQL's clock, without a query: the last value it showed, plus the time since then.

Kronos decides nothing by the clock of the machine that a process happens to run on: that may be off by minutes, or be
set while the process runs.
"""

import time
from datetime import UTC, datetime
from time import CLOCK_BOOTTIME, clock_gettime


def boot_time() -> float:
    """Return the seconds since this machine started, including sleep: a clock that cannot be set."""
    return clock_gettime(CLOCK_BOOTTIME)


class ServerTime:
    """PostgreSQL's clock as this process last read it: with each new connection, and in some other queries."""

    def __init__(self) -> None:
        self._ahead: float | None = None  # of the boot-time clock, in seconds

    def note(self, at: datetime, asked: float, answered: float) -> None:
        """Record that it showed `at` at some time between these two boot times."""
        self._ahead = at.timestamp() - (asked + answered) / 2

    def seconds(self) -> float:
        """Return the time as seconds since 1970. Until PostgreSQL was queried, as in commands that never do that, this
        machine's clock is used."""
        if self._ahead is None:
            return time.time()
        return clock_gettime(CLOCK_BOOTTIME) + self._ahead  # boot_time inlined, because every delivery calls this

    def now(self) -> datetime:
        """Return the time."""
        return datetime.fromtimestamp(self.seconds(), UTC)


CLOCK = ServerTime()
"""The clock of this process, which has one database."""
