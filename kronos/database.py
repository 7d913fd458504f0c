"""Connections: the pool, and the ways to run statements: for one workspace under row level security, for the instance, for the fleet.

Every run is one round trip: in a pipeline on an autocommit connection PostgreSQL runs what stands between two syncs as one implicit
transaction (1.2 ms against 3.8 with BEGIN and COMMIT of their own, at 0.9 ms a round trip), so the setting that names the workspace is
local to it and an error undoes all of it.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias, TypeVar
from uuid import UUID

import psycopg
from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import TupleRow, class_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from kronos import errors, reading, revisions, session
from kronos.model import WorkspaceStatus
from kronos.sql import Statement, statement

Row = TypeVar("Row")
Read = TypeVar("Read")
First = TypeVar("First")
Params: TypeAlias = Mapping[str, object]
Connection: TypeAlias = AsyncConnection[TupleRow]
_PROOF_SECONDS = 10.0


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
_ENTER_INSTANCE = statement("workspaces.enter_instance", InstanceEntered)


@asynccontextmanager
async def _connected(pool: "Pool") -> AsyncIterator[Connection]:
    """A connection of the pool; what PostgreSQL and the pool raise inside becomes a KronosError, here and nowhere else."""
    try:
        async with pool.connection() as connection:
            yield connection
    except PoolTimeout as error:
        raise errors.DatabaseUnavailable(pool.why_none()) from error
    except psycopg.Error as error:
        raise errors.from_database(error) from error


class WorkspaceView:
    """One workspace's view of the database: row level security confines every statement to it."""

    def __init__(self, pool: "Pool", workspace: str) -> None:
        self._pool = pool
        self.workspace = workspace  # slug or id, as the caller named it

    async def rows(self, statement: Statement[Row], params: Params) -> list[Row]:
        """The rows of one statement. Raises WorkspaceNotFound, KronosError."""
        async with (
            _connected(self._pool) as connection,
            connection.cursor(row_factory=class_row(statement.row)) as cursor,
        ):
            async with self._transaction(connection):
                await cursor.execute(statement.text, params)
            return await cursor.fetchall()

    async def one_or_none(self, statement: Statement[Row], params: Params) -> Row | None:
        """The only row of one statement, or None. Raises WorkspaceNotFound, KronosError."""
        rows = await self.rows(statement, params)
        return rows[0] if rows else None

    async def run_entering(self, statement: Statement[Row], params: Params) -> Row | None:
        """The only row, or None, of a statement that enters the workspace by itself, from %(workspace)s. Raises KronosError.

        One message to PostgreSQL instead of a pipeline of two: for what is asked most.
        """
        async with _connected(self._pool) as connection, connection.cursor(row_factory=class_row(statement.row)) as cursor:
            await cursor.execute(statement.text, {**params, "workspace": self.workspace})
            return await cursor.fetchone()

    async def enter(self) -> Entered:
        """The workspace. Raises WorkspaceNotFound, KronosError."""
        (entered,) = await self.rows(_ENTER_WORKSPACE, {"workspace": self.workspace})
        return entered

    async def write_then_read(
        self, write: Statement[Row], write_params: Params, read: Statement[Read], read_params: Params
    ) -> tuple[list[Row], list[Read]]:
        """The rows of a statement that writes, and of one that reads in the same transaction what it left. Raises as `rows`."""
        async with (
            _connected(self._pool) as connection,
            connection.cursor(row_factory=class_row(write.row)) as writing,
            connection.cursor(row_factory=class_row(read.row)) as reading,
        ):
            async with self._transaction(connection):
                await writing.execute(write.text, write_params)
                await reading.execute(read.text, read_params)
            return await writing.fetchall(), await reading.fetchall()

    async def prepare_write_read(
        self, prepare: Statement[First], write: Statement[Row], read: Statement[Read], params: Params
    ) -> tuple[list[First], list[Row], list[Read]]:
        """As `write_then_read`, after a statement that prepares the ground in the same transaction; `params` are for all three."""
        async with (
            _connected(self._pool) as connection,
            connection.cursor(row_factory=class_row(prepare.row)) as preparing,
            connection.cursor(row_factory=class_row(write.row)) as writing,
            connection.cursor(row_factory=class_row(read.row)) as reading,
        ):
            async with self._transaction(connection):
                await preparing.execute(prepare.text, params)
                await writing.execute(write.text, params)
                await reading.execute(read.text, params)
            return await preparing.fetchall(), await writing.fetchall(), await reading.fetchall()

    @asynccontextmanager
    async def _transaction(self, connection: Connection) -> AsyncIterator[None]:
        async with connection.cursor(row_factory=class_row(Entered)) as entering:
            try:
                async with connection.pipeline():
                    await entering.execute(_ENTER_WORKSPACE.text, {"workspace": self.workspace})
                    yield
            except psycopg.Error:
                # Without a workspace no row can be written, which a constraint may say first.
                if _found_none(entering):
                    raise self._not_found() from None
                raise
            if _found_none(entering):
                raise self._not_found()

    def _not_found(self) -> errors.WorkspaceNotFound:
        return errors.WorkspaceNotFound(f"no workspace {self.workspace!r}")


def _found_none(cursor: AsyncCursor[Entered]) -> bool:
    return cursor.pgresult is not None and cursor.rowcount == 0


class InstanceView:
    """The instance administrator's view: the workspaces themselves, none of what they hold."""

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool

    async def rows(self, statement: Statement[Row], params: Params) -> list[Row]:
        """The rows of one statement. Raises KronosError."""
        async with (
            _connected(self._pool) as connection,
            connection.cursor(row_factory=class_row(statement.row)) as cursor,
        ):
            async with connection.pipeline():
                await connection.execute(_ENTER_INSTANCE.text)
                await cursor.execute(statement.text, params)
            return await cursor.fetchall()

    async def one_or_none(self, statement: Statement[Row], params: Params) -> Row | None:
        """The only row of one statement, or None. Raises KronosError."""
        rows = await self.rows(statement, params)
        return rows[0] if rows else None


def api_session() -> session.Wanted:
    """Who acts for requests, and how: no statement waits long, each limit ends in an error and not in a hang."""
    return session.wanted(
        "kronos_api",
        statement_timeout=timedelta(seconds=5),
        lock_timeout=timedelta(seconds=2),
        idle_in_transaction=timedelta(seconds=5),
    )


class Pool(AsyncConnectionPool[Connection]):
    """Connections as kronos_api, each of which has proven it. `refused` says why the last one that did not was not taken; `has_failed`:
    since then none could be made."""

    def __init__(self, url: str, *, size: int) -> None:
        """Closed; open it in the application's lifespan."""
        self.refused: errors.SessionRefused | None = None
        self.has_failed = False
        told = session.conninfo(url, application_name="kronos-api")

        async def proves(connection: Connection) -> None:
            try:
                async with asyncio.timeout(_PROOF_SECONDS):
                    await session.prove(connection, api_session(), told=told)
                    await revisions.check(connection)
            except errors.SessionRefused as error:
                self.refused = error
                raise
            self.refused = None
            self.has_failed = False

        def fails(_: AsyncConnectionPool[Connection]) -> None:
            self.has_failed = True

        super().__init__(
            told,
            open=False,
            min_size=min(2, size),
            max_size=size,
            timeout=3,  # seconds that a request waits for a free connection before it answers 503
            reconnect_timeout=0,  # a failed attempt is given up at once and the next request makes a new one, without back-off
            kwargs={"autocommit": True, "prepare_threshold": 0, "context": reading.context()},
            configure=proves,
            reconnect_failed=fails,
        )

    def why_none(self) -> str:
        """Why a request was given no connection. PostgreSQL's words are in the log alone: they name its address and users."""
        if self.refused is not None:
            return self.refused.detail
        if self.has_failed:
            return "PostgreSQL takes no new connection: the log of `kronos serve` has its words"
        return "no connection to PostgreSQL became free in time"


def api_pool(url: str, *, size: int) -> Pool:
    """A closed pool of connections as kronos_api."""
    return Pool(url, size=size)
