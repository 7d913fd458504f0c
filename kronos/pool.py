"""The API's connections to PostgreSQL: the pool, what each connection has proven, and errors when none can be opened.

A connection that died while idle is replaced before its next use, at no cost for the caller. If one dies during a
statement that only reads, the statement is sent once more; a statement that writes is sent only once.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextvars import Context
from datetime import timedelta
from typing import Self, TypeAlias, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import PipelineStatus
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout
from psycopg_pool.pool_async import ReturnConnection

from kronos import database_errors, errors, reading, revisions, session, unreachable
from kronos.gathering import Gatherer
from kronos.lines import Log
from kronos.statements import run_told
from kronos.writes import Writes

Made = TypeVar("Made")
Connection: TypeAlias = AsyncConnection[TupleRow]
_MOST_DEADLOCKS = 4
_PROOF_SECONDS = 10.0
# How often a connection is tried while requests wait and none can be opened: after a restart PostgreSQL serves them
# before they give up.
_AGAIN_SECONDS = 0.15
# How long a full disk is reported after the last write that failed on it, unless a write succeeds: clients that stop
# writing because of it would never find out that there is space again.
_FULL_SECONDS = 30.0
# A statement that waits for a lock, or takes too long, ends within 5 s (api_session). If no connection got an answer
# for longer than this, PostgreSQL itself does not answer.
_SILENT_SECONDS = 7.0
_log = Log("kronos.database")


def api_session() -> session.SessionTerms:
    """Return the session settings for requests: no statement waits long, and limits end in errors, not in hangs."""
    return session.wanted(
        "kronos_api",
        statement_timeout=timedelta(seconds=5),
        lock_timeout=timedelta(seconds=2),
        idle_in_transaction=timedelta(seconds=5),
    )


class _LastFirst(deque[Connection]):
    """The free connections. The pool takes the one that was returned last, whose session has planned what requests ask
    for; in turns, each of ten sessions would plan every statement."""

    def append(self, connection: Connection) -> None:
        """Put it where the pool takes the next one."""
        self.appendleft(connection)


class Pool(AsyncConnectionPool[Connection]):
    """Connections as kronos_api, each of which has proven that it is one."""

    def __init__(self, url: str, *, size: int, wait_seconds: float = 3, is_replica: bool = False) -> None:
        """Create the pool closed; open it in the application's lifespan. `wait_seconds`: how long a request waits for a
        free connection. `is_replica`: of several servers, prefer one that does not accept writes."""
        self.trouble: errors.Unconnected | errors.SessionRefused | None = None
        """Why the last connection could not be opened; None once one can."""
        self._gatherer = Gatherer()
        name = "kronos-api-reads" if is_replica else "kronos-api"
        self._dsn = session.conninfo(url, application_name=name, is_replica=is_replica)
        self._full_at: float | None = None
        self._answered_at = time.monotonic()
        self._asking = 0
        self._trying: asyncio.Task[None] | None = None
        super().__init__(
            self._dsn,
            connection_class=_telling(self._fails),
            open=False,
            min_size=min(2, size),
            max_size=size,
            timeout=wait_seconds,
            # give up a failed attempt immediately: waiting requests get new ones, without back-off
            reconnect_timeout=0,
            kwargs={"autocommit": True, "prepare_threshold": 0, "context": reading.context()},
            configure=self._prove,
            reconnect_failed=self._try_again,
        )
        self._pool = _LastFirst()

    async def run(
        self, work: Callable[[Connection], Awaitable[Made]], writes: Writes, *, is_read: bool = False
    ) -> Made:
        """Return the result of `work` on a connection. Errors of PostgreSQL and the pool inside become a KronosError,
        here and nowhere else.

        Retried once on another connection if the first one died under a `work` that `is_read`, or if PostgreSQL
        rejected a write as a standby; and up to four times if it was rolled back in a deadlock. Raises
        DatabaseUnavailable if nothing was done, OutcomeUnknown if `writes` cannot tell, KronosError.
        """
        for _ in range(_MOST_DEADLOCKS):
            try:
                return await self._run_twice(work, writes, is_read=is_read)
            except errors.KronosError as error:
                if not isinstance(error.__cause__, psycopg.errors.DeadlockDetected):
                    raise
                _log.debug("statement.again", "a write is sent again: %s", error.detail)
        return await self._run_twice(work, writes, is_read=is_read)

    async def _run_twice(self, work: Callable[[Connection], Awaitable[Made]], writes: Writes, *, is_read: bool) -> Made:
        try:
            return await self._run(work, writes)
        except errors.ConnectionLost as error:
            if not is_read:
                raise
            _log.debug("statement.again", "a read is sent again: %s", error.__cause__)
        except errors.ReadOnly as error:
            _log.debug("statement.again", "a write is sent again, perhaps to another server: %s", error.detail)
        try:
            return await self._run(work, writes)
        except errors.ConnectionLost as error:
            if not is_read:
                raise
            raise errors.DatabaseUnavailable(
                "the connection to PostgreSQL was lost, twice", sqlstate=error.sqlstate
            ) from error

    async def _run(self, work: Callable[[Connection], Awaitable[Made]], writes: Writes) -> Made:
        try:
            async with self.connection() as connection:
                try:
                    made = await run_told(work, connection, writes)
                    self._answered_at = time.monotonic()
                except psycopg.Error as error:
                    if error.sqlstate is not None:
                        self._answered_at = time.monotonic()
                    if isinstance(error, psycopg.errors.DiskFull):
                        self._full_at = time.monotonic()
                    if database_errors.is_over(error):
                        await connection.close()  # the next may lead to a server that is up, or accepts writes
                    raise
                if self._full_at is not None and writes.is_done:
                    self._full_at = None
                return made
        except PoolTimeout as error:
            raise writes.explained(self._none()) from error
        except PoolClosed as error:
            raise writes.explained(errors.DatabaseUnavailable("this process is shutting down")) from error
        except psycopg.Error as error:
            writes.fail(error)
            raise writes.explained(database_errors.from_database(error)) from error

    @property
    def gatherer(self) -> Gatherer:
        """The requests of this process that wait for others."""
        return self._gatherer

    @property
    def is_disk_full(self) -> bool:
        """Whether the last write of this process failed on a full disk, within the last half minute."""
        return self._full_at is not None and time.monotonic() - self._full_at < _FULL_SECONDS

    def why_no_answer(self, seconds: float) -> errors.DatabaseUnavailable:
        """Return why a statement was not answered in time."""
        if self.trouble is not None:
            return self._none()
        found = self.get_stats()
        is_silent = time.monotonic() - self._answered_at > _SILENT_SECONDS
        if found.get("pool_size", 0) >= self.max_size and not found.get("pool_available", 0) and not is_silent:
            return errors.DatabaseUnavailable(
                f"no connection to PostgreSQL became free within {seconds:g} s: all {self.max_size} "
                "(KRONOS_DATABASE_POOL_SIZE) are in use, by too many requests or by statements that wait"
            )
        return errors.DatabaseUnavailable(f"PostgreSQL did not answer within {seconds:g} s")

    async def getconn(self, timeout: float | None = None) -> Connection:  # noqa: ASYNC109 - the pool's own signature
        """Return a connection that is alive, as far as its socket shows. Raises PoolTimeout."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        self._asking += 1
        try:
            while True:
                connection = await self._not_cut_off(super().getconn(deadline - time.monotonic()))
                if session.is_quiet(connection):
                    return connection
                await connection.close()
                await self.putconn(connection)  # which creates another one instead
        finally:
            self._asking -= 1

    async def _not_cut_off(self, wait: Awaitable[Connection]) -> Connection:
        """Return the connection, or raise the caller's cancellation. The pool waits with asyncio.wait_for, which before
        Python 3.12 loses a cancellation that arrives in the same turn as the connection (gh-86296): the cancelled task
        would run forever, and so would the process that waits for its end."""
        task = asyncio.current_task()
        before = task.cancelling() if task is not None else 0
        connection = await wait
        if task is not None and task.cancelling() > before:
            await self.putconn(connection)
            raise asyncio.CancelledError
        return connection

    async def putconn(self, connection: Connection) -> None:
        """Give it back, even if the caller is cancelled meanwhile. A connection within an unfinished round trip is
        closed: the next caller's single statement on it would be answered, but not committed."""
        if _is_within_round_trip(connection):
            _log.warning("connection.unended", "a connection to PostgreSQL is closed: its round trip was not ended")
            await connection.close()
        try:
            await super().putconn(connection)
        except asyncio.CancelledError:  # while it waited for the pool's lock; the connection would be lost
            self.run_task(ReturnConnection(self, connection, from_getconn=False))
            raise

    async def _shrink_pool(self) -> None:
        # The next one is the one that has been unused for longest now: it is closed, or, if none is too many, used.
        self._pool.rotate(1)
        await super()._shrink_pool()

    async def close(self, timeout: float = 5.0) -> None:  # noqa: ASYNC109 - the pool's own signature
        """Close the pool and its connections."""
        if self._trying is not None:
            self._trying.cancel()
        await super().close(timeout)

    def _none(self) -> errors.DatabaseUnavailable:
        """Return why a request got no connection. PostgreSQL's message is only in the log: it names its address and
        users."""
        if isinstance(self.trouble, errors.Unconnected):
            return errors.Unconnected(self.trouble.why)
        if self.trouble is not None:
            return errors.SessionRefused(self.trouble.detail)
        return errors.DatabaseUnavailable("no connection to PostgreSQL became free in time")

    async def _prove(self, connection: Connection) -> None:
        try:
            async with asyncio.timeout(_PROOF_SECONDS):
                await session.prove(connection, api_session(), dsn=self._dsn)
                await revisions.check(connection)
        except (errors.SessionRefused, errors.Unconnected, psycopg.Error, TimeoutError) as error:
            self._fails(error)
            raise
        if self.trouble is not None:
            _log.info("postgresql.back", "PostgreSQL accepts connections again")
        self.trouble = None

    def _fails(self, error: BaseException) -> None:
        """Log the failure once, and again when its cause changes."""
        trouble = (
            error
            if isinstance(error, errors.SessionRefused | errors.Unconnected)
            else errors.Unconnected(unreachable.why(error, self._dsn))
        )
        if self.trouble is None or self.trouble.said != trouble.said:
            _log.warning("postgresql.away", "no connection to PostgreSQL: %s", trouble.said)
        self.trouble = trouble

    def _try_again(self, _: AsyncConnectionPool[Connection]) -> None:
        if isinstance(self.trouble, errors.SessionRefused):
            return  # an operator has to change something first
        if self._trying is None or self._trying.done():
            # not part of the request that starts it
            self._trying = asyncio.create_task(self._try_for_those_who_wait(), context=Context())

    async def _try_for_those_who_wait(self) -> None:
        while self._asking:
            await asyncio.sleep(_AGAIN_SECONDS * random.uniform(0.7, 1.3))  # noqa: S311 - no secret
            await self.check()  # lets an empty pool grow


def _is_within_round_trip(connection: Connection) -> bool:
    """Whether an unused connection is still in a pipeline, by psycopg's state or by libpq's (round_trips).

    psycopg 3.3 leaves it there when its task is cancelled in one place: AsyncPipeline.__aenter__ puts libpq into
    pipeline mode, then wait_async may yield to a busy event loop. A cancellation raised from that yield means that
    __aenter__ fails and __aexit__ never runs (tests/session/test_cut_off_waits.py).
    """
    if connection.closed:
        return False
    return connection._pipeline is not None or connection.pgconn.pipeline_status != PipelineStatus.OFF


def _telling(fails: Callable[[BaseException], None]) -> type[Connection]:
    """Return a connection class that reports why a connection could not be opened, which the pool does not."""

    class Telling(AsyncConnection[TupleRow]):
        @classmethod
        async def connect(cls, conninfo: str = "", **given: object) -> Self:
            try:
                # passed on as the pool gave it
                return await super().connect(session.spread(conninfo), **given)  # type: ignore[arg-type]
            except session.NOT_CONNECTED as error:
                fails(error)
                raise

    return Telling
