"""The time by PostgreSQL's clock, without asking it: what it showed last, and what has passed since.

Nothing that Kronos decides goes by the clock of the machine that a process happens to run on: that may be minutes off,
or be set while the process runs.
"""

import time
from datetime import UTC, datetime
from time import CLOCK_BOOTTIME, clock_gettime


def boot_time() -> float:
    """Seconds since this machine started, those asleep included: a clock that no one sets."""
    return clock_gettime(CLOCK_BOOTTIME)


class ServerTime:
    """PostgreSQL's clock as this process last saw it: at each new connection, and where it is asked all the same."""

    def __init__(self) -> None:
        self._ahead: float | None = None  # of the boot-time clock, in seconds

    def note(self, at: datetime, asked: float, answered: float) -> None:
        """It showed `at` at some time between these two boot times."""
        self._ahead = at.timestamp() - (asked + answered) / 2

    def seconds(self) -> float:
        """The time, as seconds since 1970; by this machine's clock as long as nobody has asked PostgreSQL, as in
        commands that never do."""
        if self._ahead is None:
            return time.time()
        return clock_gettime(CLOCK_BOOTTIME) + self._ahead  # as boot_time, without its call: each delivery asks

    def now(self) -> datetime:
        """The time."""
        return datetime.fromtimestamp(self.seconds(), UTC)


CLOCK = ServerTime()
"""Of this process, which has one database."""
