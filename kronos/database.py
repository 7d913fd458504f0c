"""Connections: the pool, and the ways to run statements: for one workspace under row level security, for the instance,
for the fleet.

Every run is one round trip: in a pipeline on an autocommit connection PostgreSQL runs what stands between two syncs as
one implicit transaction (1.2 ms against 3.8 with BEGIN and COMMIT of their own, at 0.9 ms a round trip), so the setting
that names the workspace is local to it and an error undoes all of it.

A connection that died while nobody used it is replaced before it is used, so it costs the caller nothing. One that dies
under a statement that only reads is followed by one more try; a statement that writes is sent once.
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self, TypeAlias, TypeVar
from uuid import UUID

import psycopg
from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import TupleRow, class_row
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from kronos import errors, reading, revisions, session, unreachable
from kronos.gathering import Gatherer
from kronos.model import WorkspaceStatus
from kronos.sql import Statement, statement
from kronos.writes import Writes, WritesOfAll

Row = TypeVar("Row")
Read = TypeVar("Read")
First = TypeVar("First")
Seen = TypeVar("Seen")
Made = TypeVar("Made")
Params: TypeAlias = Mapping[str, object]
Connection: TypeAlias = AsyncConnection[TupleRow]
_PROOF_SECONDS = 10.0
PAGE_BYTES = 1024 * 1024
"""Of a list's page: what users' documents in it may have, written out as JSON. A page has one row at least, whatever
that has."""
# How often a connection is tried while requests wait and none can be made: a restarted PostgreSQL serves them within
# their patience.
_AGAIN_SECONDS = 0.15
_log = logging.getLogger("kronos.database")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """The workspace that a transaction works for."""

    workspace_id: UUID
    slug: str
    status: WorkspaceStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceEntered:
    """That a transaction works for the instance's administrator."""

    instance_admin: str


_ENTER_WORKSPACE = statement("workspaces.enter_workspace", Entered)
_ENTER_TO_WRITE = statement("workspaces.enter_to_write", Entered)
_ENTER_INSTANCE = statement("workspaces.enter_instance", InstanceEntered)


class WorkspaceView:
    """One workspace's view of the database: row level security confines every statement to it."""

    def __init__(
        self, pool: "Pool", workspace: str, writes: Writes | None = None, *, writes_suspended: bool = False
    ) -> None:
        self._pool = pool
        self._writes = writes or Writes()
        self._writes_suspended = writes_suspended
        self.workspace = workspace  # slug or id, as the caller named it

    @property
    def even_suspended(self) -> "WorkspaceView":
        """The same view for what is changed of the workspace itself, while it is suspended too. All other writes of a
        suspended one raise WorkspaceSuspended."""
        return WorkspaceView(self._pool, self.workspace, self._writes, writes_suspended=True)

    async def rows(self, statement: Statement[Row], params: Params) -> list[Row]:
        """The rows of one statement. Raises WorkspaceNotFound, KronosError."""

        async def work(connection: Connection) -> list[Row]:
            async with connection.cursor(row_factory=class_row(statement.row)) as cursor:
                async with self._transaction(connection, statement):
                    await cursor.execute(statement.text, params)
                return await cursor.fetchall()

        return await self._pool.run(work, self._writes, is_read=statement.is_read)

    async def one_or_none(self, statement: Statement[Row], params: Params) -> Row | None:
        """The only row of one statement, or None. Raises WorkspaceNotFound, KronosError."""
        rows = await self.rows(statement, params)
        return rows[0] if rows else None

    async def run_entering(self, statement: Statement[Row], params: Params) -> list[Row]:
        """The rows of a statement that enters the workspace by itself, from %(workspace)s. Raises KronosError.

        One message to PostgreSQL instead of a pipeline of two: for what is asked most.
        """

        async def work(connection: Connection) -> list[Row]:
            async with connection.cursor(row_factory=class_row(statement.row)) as cursor:
                self._writes.send(statement)
                await cursor.execute(statement.text, {**params, "workspace": self.workspace})
                self._writes.end()
                return await cursor.fetchall()

        return await self._pool.run(work, self._writes, is_read=statement.is_read)

    async def for_all(
        self, views: Sequence["WorkspaceView"], run: Callable[["WorkspaceView"], Awaitable[Made]]
    ) -> Made | None:
        """What `run` makes of one transaction for the requests of these views of this workspace. Raises what it raises.

        None where it is for several and PostgreSQL refused it, so that nothing was done: one of them may be why, and
        each is to be asked for alone.
        """
        writes = WritesOfAll([each._writes for each in views])
        try:
            with writes.shared():
                return await run(WorkspaceView(self._pool, self.workspace, writes))
        except errors.KronosError:
            if len(views) > 1 and writes.is_refused:
                return None
            raise

    @property
    def gatherer(self) -> Gatherer:
        """The requests of this process that wait for others."""
        return self._pool.gatherer

    async def enter(self) -> Entered:
        """The workspace. Raises WorkspaceNotFound, KronosError."""
        (entered,) = await self.rows(_ENTER_WORKSPACE, {"workspace": self.workspace})
        return entered

    async def write_then_read(
        self, write: Statement[Row], write_params: Params, read: Statement[Read], read_params: Params
    ) -> tuple[list[Row], list[Read]]:
        """The rows of a statement that writes, and of one that reads in the same transaction what it left. Raises as
        `rows`."""

        async def work(connection: Connection) -> tuple[list[Row], list[Read]]:
            async with (
                connection.cursor(row_factory=class_row(write.row)) as writing,
                connection.cursor(row_factory=class_row(read.row)) as reading,
            ):
                async with self._transaction(connection, write, read):
                    await writing.execute(write.text, write_params)
                    await reading.execute(read.text, read_params)
                return await writing.fetchall(), await reading.fetchall()

        return await self._pool.run(work, self._writes)

    async def prepare_write_read(
        self, prepare: Statement[First], write: Statement[Row], read: Statement[Read], params: Params
    ) -> tuple[list[First], list[Row], list[Read]]:
        """As `write_then_read`, after a statement that prepares the ground in the same transaction; `params` are for
        all three."""

        async def work(connection: Connection) -> tuple[list[First], list[Row], list[Read]]:
            async with (
                connection.cursor(row_factory=class_row(prepare.row)) as preparing,
                connection.cursor(row_factory=class_row(write.row)) as writing,
                connection.cursor(row_factory=class_row(read.row)) as reading,
            ):
                async with self._transaction(connection, prepare, write, read):
                    await preparing.execute(prepare.text, params)
                    await writing.execute(write.text, params)
                    await reading.execute(read.text, params)
                return await preparing.fetchall(), await writing.fetchall(), await reading.fetchall()

        return await self._pool.run(work, self._writes)

    async def write_all(self, statements: Sequence[tuple[Statement[Any], Params]]) -> list[list[Any]]:
        """The rows of each, in one transaction: all is done, or nothing. Raises as `rows`."""

        async def work(connection: Connection) -> list[list[Any]]:
            async with AsyncExitStack() as stack:
                cursors = [
                    await stack.enter_async_context(connection.cursor(row_factory=class_row(each.row)))
                    for each, _ in statements
                ]
                async with self._transaction(connection, *(each for each, _ in statements)):
                    for cursor, (each, params) in zip(cursors, statements, strict=True):
                        await cursor.execute(each.text, params)
                return [await cursor.fetchall() for cursor in cursors]

        return await self._pool.run(work, self._writes)

    async def judged_write(
        self,
        lock: tuple[Statement[First], Params],
        judge: tuple[Statement[Seen], Params, Callable[[Sequence[Seen]], None]] | None,
        write: tuple[Statement[Row], Params],
        read: tuple[Statement[Read], Params],
    ) -> tuple[list[Row], list[Read]]:
        """As `write_then_read`, in a transaction of three steps: what is locked, what `judge` then makes of rows, which
        may refuse by what it raises, and the write. The judge asks nobody: the lock is held meanwhile."""

        async def work(connection: Connection) -> tuple[list[Row], list[Read]]:
            async with (
                connection.transaction(),
                connection.cursor(row_factory=class_row(lock[0].row)) as locking,
                connection.cursor(row_factory=class_row(write[0].row)) as writing,
                connection.cursor(row_factory=class_row(read[0].row)) as reading,
            ):
                async with self._transaction(connection):  # it writes nothing
                    await locking.execute(lock[0].text, lock[1])
                if judge is not None:
                    async with connection.cursor(row_factory=class_row(judge[0].row)) as looking:
                        await looking.execute(judge[0].text, judge[1])
                        judge[2](await looking.fetchall())
                async with self._transaction(connection, write[0], read[0]):
                    await writing.execute(write[0].text, write[1])
                    await reading.execute(read[0].text, read[1])
                return await writing.fetchall(), await reading.fetchall()

        return await self._pool.run(work, self._writes)

    @asynccontextmanager
    async def _transaction(self, connection: Connection, *statements: Statement[Any]) -> AsyncIterator[None]:
        async with connection.cursor(row_factory=class_row(Entered)) as entering:
            try:
                async with connection.pipeline():
                    await entering.execute(self._enters(statements).text, {"workspace": self.workspace})
                    self._writes.send(*statements)
                    yield
                self._writes.end()
            except psycopg.Error:
                # Without a workspace no row can be written, which a constraint may say first.
                if _found_none(entering):
                    raise self._not_found() from None
                raise
            if _found_none(entering):
                raise self._not_found()

    def _enters(self, statements: Sequence[Statement[Any]]) -> Statement[Entered]:
        is_open = self._writes_suspended or all(each.is_read for each in statements)
        return _ENTER_WORKSPACE if is_open else _ENTER_TO_WRITE

    def _not_found(self) -> errors.WorkspaceNotFound:
        return errors.WorkspaceNotFound(f"no workspace {self.workspace!r}")


def _found_none(cursor: AsyncCursor[Entered]) -> bool:
    return cursor.pgresult is not None and cursor.rowcount == 0


class InstanceView:
    """The instance administrator's view: the workspaces themselves, none of what they hold."""

    def __init__(self, pool: "Pool", writes: Writes | None = None) -> None:
        self._pool = pool
        self._writes = writes or Writes()

    async def rows(self, statement: Statement[Row], params: Params) -> list[Row]:
        """The rows of one statement. Raises KronosError."""

        async def work(connection: Connection) -> list[Row]:
            async with connection.cursor(row_factory=class_row(statement.row)) as cursor:
                async with connection.pipeline():
                    await connection.execute(_ENTER_INSTANCE.text)
                    self._writes.send(statement)
                    await cursor.execute(statement.text, params)
                self._writes.end()
                return await cursor.fetchall()

        return await self._pool.run(work, self._writes, is_read=statement.is_read)

    async def one_or_none(self, statement: Statement[Row], params: Params) -> Row | None:
        """The only row of one statement, or None. Raises KronosError."""
        rows = await self.rows(statement, params)
        return rows[0] if rows else None


def api_session() -> session.SessionTerms:
    """Who acts for requests, and how: no statement waits long, each limit ends in an error and not in a hang."""
    return session.wanted(
        "kronos_api",
        statement_timeout=timedelta(seconds=5),
        lock_timeout=timedelta(seconds=2),
        idle_in_transaction=timedelta(seconds=5),
    )


class Pool(AsyncConnectionPool[Connection]):
    """Connections as kronos_api, each of which has proven it."""

    def __init__(self, url: str, *, size: int) -> None:
        """Closed; open it in the application's lifespan."""
        self.trouble: errors.Unconnected | errors.SessionRefused | None = None
        """Why the last connection could not be made, until one can."""
        self.gatherer = Gatherer()
        self._dsn = session.conninfo(url, application_name="kronos-api")
        self._asking = 0
        self._trying: asyncio.Task[None] | None = None
        super().__init__(
            self._dsn,
            connection_class=_telling(self._fails),
            open=False,
            min_size=min(2, size),
            max_size=size,
            timeout=3,  # seconds that a request waits for a free connection before it answers 503
            # a failed attempt is given up at once: those who wait have new ones made, without back-off
            reconnect_timeout=0,
            kwargs={"autocommit": True, "prepare_threshold": 0, "context": reading.context()},
            configure=self._prove,
            reconnect_failed=self._try_again,
        )

    async def run(
        self, work: Callable[[Connection], Awaitable[Made]], writes: Writes, *, is_read: bool = False
    ) -> Made:
        """What `work` makes of a connection; what PostgreSQL and the pool raise inside becomes a KronosError, here and
        nowhere else.

        Once more on another connection where the first died under a `work` that `is_read`, or where PostgreSQL refused
        to write. Raises DatabaseUnavailable where nothing was done, OutcomeUnknown where `writes` cannot tell,
        KronosError.
        """
        try:
            return await self._run(work, writes)
        except errors.ConnectionLost as error:
            if not is_read:
                raise
            _log.debug("a read is sent again: %s", error.__cause__)
        except errors.ReadOnly as error:
            _log.debug("a write is sent again, perhaps to another server: %s", error.detail)
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
                    return await work(connection)
                except psycopg.Error as error:
                    if errors.is_over(error):
                        await connection.close()  # the next may lead to a server that lives, or takes writes
                    raise
        except PoolTimeout as error:
            raise writes.explained(self._none()) from error
        except PoolClosed as error:
            raise writes.explained(errors.DatabaseUnavailable("this process is about to end")) from error
        except psycopg.Error as error:
            writes.fail(error)
            raise writes.explained(errors.from_database(error)) from error

    async def getconn(self, timeout: float | None = None) -> Connection:  # noqa: ASYNC109 - the pool's own signature
        """A connection that is alive, as far as its socket shows. Raises PoolTimeout."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        self._asking += 1
        try:
            while True:
                connection = await super().getconn(deadline - time.monotonic())
                if session.is_quiet(connection):
                    return connection
                await connection.close()
                await self.putconn(connection)  # which has another made in its stead
        finally:
            self._asking -= 1

    async def close(self, timeout: float = 5.0) -> None:  # noqa: ASYNC109 - the pool's own signature
        """Close the pool and its connections."""
        if self._trying is not None:
            self._trying.cancel()
        await super().close(timeout)

    def _none(self) -> errors.DatabaseUnavailable:
        """Why a request was given no connection. PostgreSQL's words are in the log alone: they name its address and
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
        except (errors.SessionRefused, psycopg.Error, TimeoutError) as error:
            self._fails(error)
            raise
        if self.trouble is not None:
            _log.info("PostgreSQL takes connections again")
        self.trouble = None

    def _fails(self, error: BaseException) -> None:
        """Said once, and again when the cause is another."""
        trouble = (
            error if isinstance(error, errors.SessionRefused) else errors.Unconnected(unreachable.why(error, self._dsn))
        )
        if self.trouble is None or self.trouble.said != trouble.said:
            _log.warning("no connection to PostgreSQL: %s", trouble.said)
        self.trouble = trouble

    def _try_again(self, _: AsyncConnectionPool[Connection]) -> None:
        if isinstance(self.trouble, errors.SessionRefused):
            return  # somebody has to change something first
        if self._trying is None or self._trying.done():
            self._trying = asyncio.create_task(self._try_for_those_who_wait())

    async def _try_for_those_who_wait(self) -> None:
        while self._asking:
            await asyncio.sleep(_AGAIN_SECONDS * random.uniform(0.7, 1.3))  # noqa: S311 - no secret
            await self.check()  # where the pool is empty, it lets it grow


def _telling(fails: Callable[[BaseException], None]) -> type[Connection]:
    """A class of connections that reports why one could not be made, which the pool keeps to itself."""

    class Telling(AsyncConnection[TupleRow]):
        @classmethod
        async def connect(cls, conninfo: str = "", **given: object) -> Self:
            try:
                # passed on as the pool gave it
                return await super().connect(conninfo, **given)  # type: ignore[arg-type]
            except psycopg.Error as error:
                fails(error)
                raise

    return Telling
