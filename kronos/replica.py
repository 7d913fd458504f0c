"""Reads from a replica of PostgreSQL, where it is not further behind than it may be; from the primary where it is,
where it cannot be used, and where the caller asks for the primary.

How far it is behind is known by no clock but this process's own count of seconds: the primary's write-ahead log is
looked at each second, and the replica is as old as the newest look whose position it has replayed. So an idle primary
is no lag, and a replica that hears nothing is not taken for a fresh one.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from kronos import errors
from kronos.database import InstanceView
from kronos.gathering import Gatherer
from kronos.pool import Connection, Made, Pool
from kronos.sql import statement
from kronos.writes import Writes

_log = logging.getLogger("kronos.database")
_MOST_EVERY_SECONDS = 1.0
_LOOK_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LogWritten:
    """Up to where the primary has written its log, in bytes, and on which timeline; nulls of a standby."""

    position: int | None
    timeline: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogReplayed:
    """Up to where a replica has replayed it, and the timeline that it is known to have followed; nulls of a primary."""

    position: int | None
    timeline: int | None


@dataclass(slots=True)
class Served:
    """Who answered a read, for the header Kronos-Read-From."""

    by: Literal["replica", "primary"] = "primary"
    lag_seconds: float | None = None
    because: Literal["asked", "lag", "down"] | None = None

    @property
    def header(self) -> str:
        """`replica; lag_seconds=0.412`, or `primary` and why."""
        more = f"; lag_seconds={self.lag_seconds:.3f}" if self.lag_seconds is not None else ""
        return self.by + more + (f"; because={self.because}" if self.because is not None else "")


_WRITTEN = statement("readiness.get_written", LogWritten)
_REPLAYED = statement("readiness.get_replayed", LogReplayed)


class Replica:
    """A replica, how far it is behind its primary, and a pool of connections to it."""

    def __init__(self, url: str, primary: Pool, *, size: int, max_lag_seconds: float) -> None:
        """Closed; open `pool` in the application's lifespan, and `watch`."""
        self.pool = Pool(url, size=size, is_replica=True)
        self.primary = primary
        self._max_lag_seconds = max_lag_seconds
        self._every_seconds = min(_MOST_EVERY_SECONDS, max_lag_seconds / 4)
        # The last of these counts; older ones than may be are of no use.
        self._looks: deque[tuple[float, int]] = deque(maxlen=max(8, int(2 * max_lag_seconds / self._every_seconds)))
        self._timeline: int | None = None
        self._fresh_at: float | None = None  # what it holds is all that was committed then
        self._is_down = True

    def lag_seconds(self) -> float | None:
        """How old its data is at most; None where nobody knows."""
        return None if self._fresh_at is None else time.monotonic() - self._fresh_at

    def may_serve(self) -> Literal["lag", "down"] | None:
        """Why it may not, None where it may."""
        if self._is_down:
            return "down"
        lag = self.lag_seconds()
        return None if lag is not None and lag <= self._max_lag_seconds else "lag"

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(self._every_seconds)

    async def look(self) -> None:
        """See where the primary and the replica are."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                (written,) = await InstanceView(self.primary).rows(_WRITTEN, {})
            self._note(began, written)
        except (errors.KronosError, TimeoutError) as error:
            _log.debug("the primary's log cannot be looked at: %s", error)
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                (replayed,) = await InstanceView(self.pool).rows(_REPLAYED, {})
        except (errors.KronosError, TimeoutError) as error:
            self._turn(is_down=True, why=f"it cannot be asked: {error or 'no answer in time'}")
            return
        if replayed.position is None or replayed.timeline is None:
            self._turn(is_down=True, why="it is no replica: it takes writes")
        elif self._timeline is not None and replayed.timeline < self._timeline:
            self._turn(is_down=True, why="it has not been seen to follow the new primary yet")
        else:
            self._turn(is_down=False, why="")
            reached = [at for at, position in self._looks if position <= replayed.position]
            self._fresh_at = max(reached, default=self._fresh_at)

    def _note(self, at: float, written: LogWritten) -> None:
        if written.position is None:
            return
        if written.timeline != self._timeline:  # a fail-over: positions of before mean something else
            self._looks.clear()
            self._fresh_at, self._timeline = None, written.timeline
        self._looks.append((at, written.position))

    def _turn(self, *, is_down: bool, why: str) -> None:
        if is_down and not self._is_down:
            _log.warning("reads go to the primary, for the replica of KRONOS_DATABASE_READ_URL: %s", why)
        if self._is_down and not is_down:
            _log.info("the replica of KRONOS_DATABASE_READ_URL can be read")
        self._is_down = is_down


class ReplicaReads:
    """What a view runs its statements by: those that read on the replica, where that may be, else on the primary."""

    def __init__(self, replica: Replica, *, is_primary_asked: bool) -> None:
        self._replica = replica
        self._is_primary_asked = is_primary_asked
        self.served = Served()
        """Who did."""

    @property
    def gatherer(self) -> Gatherer:
        """That of the primary's pool."""
        return self._replica.primary.gatherer

    async def run(
        self, work: Callable[[Connection], Awaitable[Made]], writes: Writes, *, is_read: bool = False
    ) -> Made:
        """As Pool.run."""
        replica = self._replica
        because: Literal["asked", "lag", "down"] | None = "asked" if self._is_primary_asked else replica.may_serve()
        if is_read and because is None and self.served.because is None:
            lag = replica.lag_seconds()
            self.served.by, self.served.lag_seconds = "replica", max(lag or 0.0, self.served.lag_seconds or 0.0)
            try:
                return await replica.pool.run(work, writes, is_read=True)
            except errors.Unavailable as error:  # it ended, or its replay took from the statement what it was reading
                _log.debug("a read goes to the primary: %s", error)
                because = "down"
        if is_read:
            self.served.by, self.served.because = "primary", because or self.served.because
            self.served.lag_seconds = replica.lag_seconds() if because == "lag" else None
        return await replica.primary.run(work, writes, is_read=is_read)
