"""Reads from a replica of PostgreSQL while its lag is acceptable; otherwise, or if it cannot be used, or if the caller
asks for the primary, reads from the primary.

The lag is measured only with this process's monotonic clock. Every second the position of the primary's write-ahead log
is recorded. The replica is as old as the newest record whose position it has replayed. So an idle primary causes no
lag, and a replica that receives nothing does not look current.

One URL may lead to several servers, each with its own lag. So each read first checks the server of its connection, and
goes to the primary if that one lags. The regular check saves that detour when the lag is known.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Literal, TypeAlias

from psycopg.rows import class_row

from kronos import errors
from kronos.database import InstanceView
from kronos.gathering import Gatherer
from kronos.lines import Log
from kronos.pool import Connection, Made, Pool
from kronos.records import dataclass
from kronos.sql import statement
from kronos.writes import Writes

_log = Log("kronos.database")
_MOST_EVERY_SECONDS = 1.0
_LOOK_SECONDS = 2.0
# Short, because a request that waits for a replica's connection can use the primary instead.
_WAIT_SECONDS = 1.0
_Reason: TypeAlias = Literal["asked", "lag", "down"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogWritten:
    """How far the primary has written its log, in bytes, and on which timeline; null on a standby."""

    system: int
    position: int | None
    timeline: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogReplayed:
    """How far a replica has replayed the log, and the timeline that it is known to follow; null on a primary."""

    system: int
    position: int | None
    timeline: int | None


@dataclass(slots=True)
class Served:
    """The server that answered a read, for the header Kronos-Read-From."""

    by: Literal["replica", "primary"] = "primary"
    lag_seconds: float | None = None
    because: _Reason | None = None

    @property
    def header(self) -> str:
        """Return `replica; lag_seconds=0.412`, or `primary` and the reason."""
        more = f"; lag_seconds={self.lag_seconds:.3f}" if self.lag_seconds is not None else ""
        return self.by + more + (f"; because={self.because}" if self.because is not None else "")


_WRITTEN = statement("readiness.get_written", LogWritten)
_REPLAYED = statement("readiness.get_replayed", LogReplayed)


class _NotServing(Exception):
    """The server of a connection must not answer this read."""

    def __init__(self, because: _Reason, why: str) -> None:
        super().__init__(why)
        self.because = because


class Replica:
    """A replica, its lag behind the primary, and a pool of connections to it."""

    def __init__(self, url: str, primary: Pool, *, size: int, max_lag_seconds: float) -> None:
        """Create it closed; in the application's lifespan open `pool` and run `watch`."""
        self.pool = Pool(url, size=size, wait_seconds=_WAIT_SECONDS, is_replica=True)
        self.primary = primary
        self._max_lag_seconds = max_lag_seconds
        self._every_seconds = min(_MOST_EVERY_SECONDS, max_lag_seconds / 4)
        # Only records up to twice the allowed lag are kept; older ones are of no use.
        self._looks: deque[tuple[float, int]] = deque(maxlen=max(8, int(2 * max_lag_seconds / self._every_seconds)))
        self._written: LogWritten | None = None
        self._fresh_at: float | None = None  # the replica has everything that was committed by then
        self._is_down = True

    def lag_seconds(self) -> float | None:
        """Return how old its data is at most; None if unknown."""
        return None if self._fresh_at is None else time.monotonic() - self._fresh_at

    def why_not(self) -> _Reason | None:
        """Return why it must not serve, according to the last check; None if it may."""
        return "down" if self._is_down else self._behind(self._fresh_at)

    async def run(self, work: Callable[[Connection], Awaitable[Made]], writes: Writes, served: Served) -> Made:
        """Like Pool.run, for a `work` that reads, on a server that may serve. Also raises _NotServing."""

        async def judged(connection: Connection) -> Made:
            fresh_at = self._reached(await self._asked(connection))
            if fresh_at is None or self._behind(fresh_at):
                raise _NotServing("lag", "it is too far behind")
            served.by, served.lag_seconds = "replica", max(time.monotonic() - fresh_at, served.lag_seconds or 0.0)
            return await work(connection)

        return await self.pool.run(judged, writes, is_read=True)

    async def watch(self) -> None:
        """Check until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(self._every_seconds)

    async def look(self) -> None:
        """Check the positions of the primary and the replica."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                (written,) = await InstanceView(self.primary).rows(_WRITTEN, {})
            self._note(began, written)
        except (errors.KronosError, TimeoutError) as error:
            _log.debug("replica.unread", "the position of the primary's log cannot be read: %s", error)
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                replayed = await self.pool.run(self._asked, Writes(), is_read=True)
        except _NotServing as error:
            self._turn(is_down=True, why=str(error))
        except (errors.KronosError, TimeoutError) as error:
            self._turn(is_down=True, why=f"it cannot be queried: {error or 'no answer in time'}")
        else:
            self._turn(is_down=False, why="")
            self._fresh_at = self._reached(replayed) or self._fresh_at

    async def _asked(self, connection: Connection) -> LogReplayed:
        """Return the position of a connection's server. Raises _NotServing if it must not be read from; the connection
        is then closed, because the next one may lead to another server."""
        async with connection.cursor(row_factory=class_row(LogReplayed)) as cursor:
            await cursor.execute(_REPLAYED.text)
            (replayed,) = await cursor.fetchall()
        if (why := self._why_unusable(replayed)) is not None:
            await connection.close()
            raise _NotServing("down", why)
        return replayed

    def _why_unusable(self, replayed: LogReplayed) -> str | None:
        written = self._written
        if replayed.position is None or replayed.timeline is None:
            return "it is not a replica: it accepts writes"
        if written is None:
            return None  # its lag is unknown
        if replayed.system != written.system:
            return "it is a replica of another PostgreSQL than the one of KRONOS_DATABASE_URL"
        if written.timeline is not None and replayed.timeline < written.timeline:
            return "it does not follow the new primary yet, as far as is known"
        return None

    def _reached(self, replayed: LogReplayed) -> float | None:
        """Return the time whose commits a server has all replayed; None: before any known position."""
        position = replayed.position or 0
        return next((at for at, written in reversed(self._looks) if written <= position), None)  # the log only grows

    def _behind(self, fresh_at: float | None) -> Literal["lag"] | None:
        return None if fresh_at is not None and time.monotonic() - fresh_at <= self._max_lag_seconds else "lag"

    def _note(self, at: float, written: LogWritten) -> None:
        if written.position is None:
            return
        known = self._written
        if known is None or (written.system, written.timeline) != (known.system, known.timeline):
            self._looks.clear()  # a failover: earlier positions no longer mean the same
            self._fresh_at = None
        self._written = written
        self._looks.append((at, written.position))

    def _turn(self, *, is_down: bool, why: str) -> None:
        if is_down and not self._is_down:
            _log.warning(
                "replica.away",
                "reads go to the primary, because the replica of KRONOS_DATABASE_READ_URL cannot be used: %s",
                why,
            )
        if self._is_down and not is_down:
            _log.info("replica.back", "the replica of KRONOS_DATABASE_READ_URL can be read")
        self._is_down = is_down


class ReplicaReads:
    """Runs a view's statements: reads on the replica if that is possible, everything else on the primary."""

    def __init__(self, replica: Replica, *, is_primary_asked: bool) -> None:
        self._replica = replica
        self._is_primary_asked = is_primary_asked
        self.served = Served()
        """The server that answered."""

    @property
    def gatherer(self) -> Gatherer:
        """Return the gatherer of the primary's pool."""
        return self._replica.primary.gatherer

    async def run(
        self, work: Callable[[Connection], Awaitable[Made]], writes: Writes, *, is_read: bool = False
    ) -> Made:
        """Like Pool.run."""
        replica, served = self._replica, self.served
        because = "asked" if self._is_primary_asked else served.because or replica.why_not()
        if is_read and because is None:
            try:
                return await replica.run(work, writes, served)
            except _NotServing as refused:
                because = refused.because
            except errors.Unavailable as error:  # it went down, or its replay removed rows that were being read
                _log.debug("replica.passed_over", "a read goes to the primary: %s", error)
                because = "down"
        if is_read:
            served.by, served.because = "primary", because
            served.lag_seconds = replica.lag_seconds() if because == "lag" else None
        return await replica.primary.run(work, writes, is_read=is_read)
