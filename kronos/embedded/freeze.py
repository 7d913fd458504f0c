"""Detect from outside that pg_cron has stopped ringing, because it cannot report that itself.

Before 1.5 its launcher can freeze forever. After the clock was set back, it is silent until the clock has caught up. A
restart of the server fixes both.
"""

import asyncio
import time
from datetime import timedelta

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import class_row

from kronos.readiness import GET_SILENCE
from kronos.records import dataclass

_STALE_AFTER_SECONDS = 180.0
# Seen stale for this long by a clock that stops while the machine sleeps: an hour of sleep is not a freeze.
_SEEN_STALE_SECONDS = 150.0
_LOOK_EVERY_SECONDS = 20.0
_ASK_SECONDS = 6.0
_FIRST_REST_SECONDS = 600.0
_LONGEST_REST_SECONDS = 7200.0
# More doublings than that rest needs: a float's exponent ends at 1024.
_MOST_DOUBLINGS = 10


@dataclass(slots=True)
class Freeze:
    """Observations of pg_cron's heartbeat, and when the next restart is allowed."""

    next_look_at: float = 0.0
    stale_since: float | None = None
    not_before: float = 0.0
    restarts: int = 0

    def is_due(self) -> bool:
        """Whether it is time for another check."""
        return time.monotonic() >= self.next_look_at

    def look(self, silent_seconds: float | None) -> timedelta | None:
        """Return how long pg_cron has been silent if the server should be restarted now, otherwise None.

        A server is restarted once; if that does not help, again after 10 minutes, 20, ... 2 hours. None proves nothing:
        a database that does not answer is not handled here.
        """
        now = time.monotonic()
        self.next_look_at = now + _LOOK_EVERY_SECONDS
        if silent_seconds is None:
            return None
        if silent_seconds <= _STALE_AFTER_SECONDS:
            self.stale_since, self.restarts = None, 0
            return None
        if self.stale_since is None:
            self.stale_since = now
        if now - self.stale_since < _SEEN_STALE_SECONDS or now < self.not_before:
            return None
        rest = _FIRST_REST_SECONDS * 2.0 ** min(self.restarts, _MOST_DOUBLINGS)
        self.not_before = now + min(_LONGEST_REST_SECONDS, rest)
        self.restarts += 1
        self.stale_since = None
        return timedelta(seconds=silent_seconds)


class _Loop(asyncio.SelectorEventLoop):
    """An event loop that can be destroyed quietly if it could not be created for lack of file descriptors; otherwise
    its destructor would print a traceback about missing attributes."""

    _is_made = False

    def __init__(self) -> None:
        super().__init__()
        self._is_made = True

    def __del__(self) -> None:
        if self._is_made:
            super().__del__()


def silent_seconds(database_url: str) -> float | None:
    """Return how many seconds ago pg_cron last rang an internal job; None if there is no answer within seconds,
    whatever PostgreSQL does."""
    try:
        with asyncio.Runner(loop_factory=_Loop) as runner:
            return runner.run(_ask(database_url))
    except (psycopg.Error, TimeoutError):  # down, not answering, or a schema that is being changed
        return None


async def _ask(database_url: str) -> float | None:
    # A postmaster that was stopped starts no parallel workers.
    options = "-c statement_timeout=2s -c max_parallel_workers_per_gather=0"
    async with (
        asyncio.timeout(_ASK_SECONDS),
        await AsyncConnection.connect(database_url, connect_timeout=2, options=options) as connection,
    ):
        cursor = connection.cursor(row_factory=class_row(GET_SILENCE.row))
        found = await (await cursor.execute(GET_SILENCE.text)).fetchone()
        return found.silent_seconds if found is not None else None
