"""Reads from a replica of PostgreSQL, where it is not further behind than it may be; from the primary where it is,
where it cannot be used, and where the caller asks for the primary.

How far it is behind is known by no clock but this process's own count of seconds: the primary's write-ahead log is
looked at each second, and the replica is as old as the newest look whose position it has replayed. So an idle primary
is no lag, and a replica that hears nothing is not taken for a fresh one.

Behind one URL there may be several servers, each as far as it is. So each read asks the one that it is on, before it
reads, and goes to the primary where that is not fresh; what was looked at spares it the way there.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from psycopg.rows import class_row

from kronos import errors
from kronos.database import InstanceView
from kronos.gathering import Gatherer
from kronos.lines import Log
from kronos.pool import Connection, Made, Pool
from kronos.sql import statement
from kronos.writes import Writes

_log = Log("kronos.database")
_MOST_EVERY_SECONDS = 1.0
_LOOK_SECONDS = 2.0
# Who waits for one of its connections has another way to go.
_WAIT_SECONDS = 1.0
_Reason: TypeAlias = Literal["asked", "lag", "down"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogWritten:
    """Up to where the primary of a system has written its log, in bytes, and on which timeline; nulls of a standby."""

    system: int
    position: int | None
    timeline: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogReplayed:
    """Up to where a replica has replayed it, and the timeline that it is known to have followed; nulls of a primary."""

    system: int
    position: int | None
    timeline: int | None


@dataclass(slots=True)
class Served:
    """Who answered a read, for the header Kronos-Read-From."""

    by: Literal["replica", "primary"] = "primary"
    lag_seconds: float | None = None
    because: _Reason | None = None

    @property
    def header(self) -> str:
        """`replica; lag_seconds=0.412`, or `primary` and why."""
        more = f"; lag_seconds={self.lag_seconds:.3f}" if self.lag_seconds is not None else ""
        return self.by + more + (f"; because={self.because}" if self.because is not None else "")


_WRITTEN = statement("readiness.get_written", LogWritten)
_REPLAYED = statement("readiness.get_replayed", LogReplayed)


class _NotServing(Exception):
    """The server of a connection may not answer."""

    def __init__(self, because: _Reason, why: str) -> None:
        super().__init__(why)
        self.because = because


class Replica:
    """A replica, how far it is behind its primary, and a pool of connections to it."""

    def __init__(self, url: str, primary: Pool, *, size: int, max_lag_seconds: float) -> None:
        """Closed; open `pool` in the application's lifespan, and `watch`."""
        self.pool = Pool(url, size=size, wait_seconds=_WAIT_SECONDS, is_replica=True)
        self.primary = primary
        self._max_lag_seconds = max_lag_seconds
        self._every_seconds = min(_MOST_EVERY_SECONDS, max_lag_seconds / 4)
        # The last of these counts; older ones than may be are of no use.
        self._looks: deque[tuple[float, int]] = deque(maxlen=max(8, int(2 * max_lag_seconds / self._every_seconds)))
        self._written: LogWritten | None = None
        self._fresh_at: float | None = None  # what it holds is all that was committed then
        self._is_down = True

    def lag_seconds(self) -> float | None:
        """How old its data is at most; None where nobody knows."""
        return None if self._fresh_at is None else time.monotonic() - self._fresh_at

    def why_not(self) -> _Reason | None:
        """Why it may not serve, as it was when it was last looked at; None where it may."""
        return "down" if self._is_down else self._behind(self._fresh_at)

    async def run(self, work: Callable[[Connection], Awaitable[Made]], writes: Writes, served: Served) -> Made:
        """As Pool.run, of a `work` that reads, on a server that may serve. Raises _NotServing as well."""

        async def judged(connection: Connection) -> Made:
            fresh_at = self._reached(await self._asked(connection))
            if fresh_at is None or self._behind(fresh_at):
                raise _NotServing("lag", "it is too far behind")
            served.by, served.lag_seconds = "replica", max(time.monotonic() - fresh_at, served.lag_seconds or 0.0)
            return await work(connection)

        return await self.pool.run(judged, writes, is_read=True)

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
            _log.debug("replica.unread", "the primary's log cannot be looked at: %s", error)
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                replayed = await self.pool.run(self._asked, Writes(), is_read=True)
        except _NotServing as error:
            self._turn(is_down=True, why=str(error))
        except (errors.KronosError, TimeoutError) as error:
            self._turn(is_down=True, why=f"it cannot be asked: {error or 'no answer in time'}")
        else:
            self._turn(is_down=False, why="")
            self._fresh_at = self._reached(replayed) or self._fresh_at

    async def _asked(self, connection: Connection) -> LogReplayed:
        """Where the server of a connection is. Raises _NotServing where that is none to read from; then it is closed,
        for the next may lead to another."""
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
            return "it is no replica: it takes writes"
        if written is None:
            return None  # and nobody knows how far behind it is
        if replayed.system != written.system:
            return "it is a replica of another PostgreSQL than the one of KRONOS_DATABASE_URL"
        if written.timeline is not None and replayed.timeline < written.timeline:
            return "it has not been seen to follow the new primary yet"
        return None

    def _reached(self, replayed: LogReplayed) -> float | None:
        """When all was committed that a server has replayed; None: before any look that counts."""
        position = replayed.position or 0
        return next((at for at, written in reversed(self._looks) if written <= position), None)  # the log only grows

    def _behind(self, fresh_at: float | None) -> Literal["lag"] | None:
        return None if fresh_at is not None and time.monotonic() - fresh_at <= self._max_lag_seconds else "lag"

    def _note(self, at: float, written: LogWritten) -> None:
        if written.position is None:
            return
        known = self._written
        if known is None or (written.system, written.timeline) != (known.system, known.timeline):
            self._looks.clear()  # a fail-over: positions of before mean something else
            self._fresh_at = None
        self._written = written
        self._looks.append((at, written.position))

    def _turn(self, *, is_down: bool, why: str) -> None:
        if is_down and not self._is_down:
            _log.warning(
                "replica.away", "reads go to the primary, for the replica of KRONOS_DATABASE_READ_URL: %s", why
            )
        if self._is_down and not is_down:
            _log.info("replica.back", "the replica of KRONOS_DATABASE_READ_URL can be read")
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
        replica, served = self._replica, self.served
        because = "asked" if self._is_primary_asked else served.because or replica.why_not()
        if is_read and because is None:
            try:
                return await replica.run(work, writes, served)
            except _NotServing as refused:
                because = refused.because
            except errors.Unavailable as error:  # it ended, or its replay took from the statement what it was reading
                _log.debug("replica.passed_over", "a read goes to the primary: %s", error)
                because = "down"
        if is_read:
            served.by, served.because = "primary", because
            served.lag_seconds = replica.lag_seconds() if because == "lag" else None
        return await replica.primary.run(work, writes, is_read=is_read)
