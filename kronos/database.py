"""Views that run statements: one workspace's, under row level security, and the instance administrator's.

A run takes one round trip. In a pipeline on an autocommit connection, PostgreSQL runs the statements between two syncs
as one implicit transaction. So the setting that names the workspace is local to it, and an error undoes everything.
That takes 1.2 ms, against 3.8 with explicit BEGIN and COMMIT, at 0.9 ms per round trip.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any, Protocol, TypeAlias, TypeVar
from uuid import UUID

import psycopg
from psycopg import AsyncCursor
from psycopg.rows import class_row

from kronos import errors
from kronos.gathering import Gatherer
from kronos.model import JsonObject, WorkspaceStatus
from kronos.one_transaction import OneTransaction
from kronos.origin import ChangeOrigin, said, said_of_each, shown
from kronos.pool import Connection, Made, Pool
from kronos.records import dataclass
from kronos.round_trips import one_round_trip
from kronos.sql import Statement, statement
from kronos.writes import Writes, WritesOfAll

Row = TypeVar("Row")
Read = TypeVar("Read")
First = TypeVar("First")
Seen = TypeVar("Seen")
Params: TypeAlias = Mapping[str, object]
PAGE_BYTES = 1024 * 1024
"""Most bytes of users' documents in a page of a list, counted as JSON. A page has at least one row, however large."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """The workspace that a transaction works in."""

    workspace_id: UUID
    slug: str
    status: WorkspaceStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceEntered:
    """Confirms that a transaction works as the instance's administrator."""

    instance_admin: str


_ENTER_WORKSPACE = statement("workspaces.enter_workspace", Entered)
_ENTER_WORKSPACE_TO_WRITE = statement("workspaces.enter_workspace_to_write", Entered)
_ENTER_INSTANCE = statement("workspaces.enter_instance", InstanceEntered)
_ENTER_INSTANCE_TO_WRITE = statement("workspaces.enter_instance_to_write", InstanceEntered)


class Runs(Protocol):
    """Runs a view's statements: the pool, or an object that chooses a pool for each statement."""

    @property
    def gatherer(self) -> Gatherer:
        """The requests of this process that wait to be sent together."""
        ...

    async def run(
        self, work: Callable[[Connection], Awaitable[Made]], writes: Writes, *, is_read: bool = False
    ) -> Made:
        """See Pool.run."""
        ...


class WorkspaceView:
    """One workspace's view of the database: row level security confines every statement to it."""

    def __init__(
        self,
        pool: Runs,
        workspace: str,
        writes: Writes | None = None,
        origin: ChangeOrigin | str | None = None,
        *,
        writes_suspended: bool = False,
    ) -> None:
        """`origin`: the author of changes made through this view; a string if it already describes several authors."""
        self._pool = pool
        self._writes = writes or Writes()
        self._origin = origin
        self._writes_suspended = writes_suspended
        self.workspace = workspace  # slug or id, as the caller named it

    @property
    def even_suspended(self) -> "WorkspaceView":
        """The same view, but allowed to change the workspace itself even while it is suspended. Any other write to a
        suspended workspace raises WorkspaceSuspended."""
        return WorkspaceView(self._pool, self.workspace, self._writes, self._origin, writes_suspended=True)

    @property
    def creator(self) -> JsonObject | None:
        """The author of changes, as created objects show it."""
        return None if isinstance(self._origin, str) else shown(self._origin)

    @property
    def caller(self) -> str:
        """The author of changes, as the transaction's setting holds it."""
        return self._origin if isinstance(self._origin, str) else said(self._origin)

    async def rows(self, statement: Statement[Row], params: Params) -> list[Row]:
        """Return the rows of one statement. Raises WorkspaceNotFound, KronosError."""

        async def work(connection: Connection) -> list[Row]:
            async with connection.cursor(row_factory=class_row(statement.row)) as cursor:
                async with self._transaction(connection, statement):
                    await cursor.execute(statement.text, params)
                rows = await cursor.fetchall()
                self._writes.answered((statement, rows))
                return rows

        return await self._pool.run(work, self._writes, is_read=statement.is_read)

    async def one_or_none(self, statement: Statement[Row], params: Params) -> Row | None:
        """Return the only row of one statement, or None. Raises WorkspaceNotFound, KronosError."""
        rows = await self.rows(statement, params)
        return rows[0] if rows else None

    async def run_entering(self, statement: Statement[Row], params: Params) -> list[Row]:
        """Return the rows of a statement that itself enters the workspace, from %(workspace)s, and names the author of
        its changes, from %(caller)s. Raises KronosError.

        It is one message to PostgreSQL instead of a pipeline of two: for the most frequent requests.
        """

        async def work(connection: Connection) -> list[Row]:
            async with connection.cursor(row_factory=class_row(statement.row)) as cursor:
                self._writes.send(statement)
                entering = {"workspace": self.workspace, "caller": self.caller}
                await cursor.execute(statement.text, {**params, **entering})
                self._writes.end()
                rows = await cursor.fetchall()
                self._writes.answered((statement, rows))
                return rows

        return await self._pool.run(work, self._writes, is_read=statement.is_read)

    async def for_all(
        self,
        views: Sequence["WorkspaceView"],
        run: Callable[["WorkspaceView"], Awaitable[Made]],
        *,
        makes: Sequence[UUID | None],
    ) -> Made | None:
        """Run `run` in one transaction for the requests behind `views`, all of this workspace, and return its result.
        `makes` holds the id of the object that each request creates. Raises what `run` raises.

        Returns None if there are several requests and PostgreSQL rejected the transaction, so that nothing was done.
        Any one of them may be the cause, so the caller has to run each alone.
        """
        writes = WritesOfAll([each._writes for each in views])
        try:
            with writes.shared():
                origin = views[0]._origin if len(views) == 1 else _of_each(views, makes)
                return await run(WorkspaceView(self._pool, self.workspace, writes, origin))
        except errors.KronosError:
            if len(views) > 1 and writes.is_refused:
                return None
            raise

    def changed_nothing(self) -> None:
        """Record that the transaction shared with other requests did nothing for this one: its row is missing."""
        self._writes.changed_nothing()

    @property
    def gatherer(self) -> Gatherer:
        """The requests of this process that wait to be sent together."""
        return self._pool.gatherer

    async def in_one(
        self, work: Callable[["WorkspaceView"], Awaitable[Made]], *, is_trial: bool, source: str | None = None
    ) -> Made:
        """Run `work` with a view of the same workspace whose statements all form one transaction. Return its result.

        The transaction commits when `work` returns. It is rolled back when `work` raises, or if `is_trial`. The audit
        records `source` for all its changes. If an operation inside is rejected, only its own part is undone, so `work`
        may continue. After a deadlock, `work` is run again. Raises as `rows`, and what `work` raises.
        """
        origin = self._origin
        if isinstance(origin, ChangeOrigin):
            origin = replace(origin, source=source)

        async def run(connection: Connection) -> Made:
            runs = OneTransaction(connection)
            view = WorkspaceView(runs, self.workspace, None, origin, writes_suspended=self._writes_suspended)
            try:
                async with connection.transaction(force_rollback=is_trial):
                    made = await work(view)
                    self._writes.is_sent = not is_trial  # before COMMIT is sent, nothing can have been done
                self._writes.end()
            except errors.Unavailable as error:
                if isinstance(error.__cause__, psycopg.Error):
                    raise error.__cause__ from None  # the pool knows what it means for this and other connections
                raise
            return made

        return await self._pool.run(run, self._writes)

    async def enter(self) -> Entered:
        """Return the workspace. Raises WorkspaceNotFound, KronosError."""
        (entered,) = await self.rows(_ENTER_WORKSPACE, {"workspace": self.workspace})
        return entered

    async def write_then_read(
        self, write: Statement[Row], write_params: Params, read: Statement[Read], read_params: Params
    ) -> tuple[list[Row], list[Read]]:
        """Run a statement that writes (or reads), then one that reads its result, in the same transaction. Return the
        rows of both. Raises as `rows`."""

        async def work(connection: Connection) -> tuple[list[Row], list[Read]]:
            async with (
                connection.cursor(row_factory=class_row(write.row)) as writing,
                connection.cursor(row_factory=class_row(read.row)) as reading,
            ):
                async with self._transaction(connection, write, read):
                    await writing.execute(write.text, write_params)
                    await reading.execute(read.text, read_params)
                written, seen = await writing.fetchall(), await reading.fetchall()
                self._writes.answered((write, written), (read, seen))
                return written, seen

        return await self._pool.run(work, self._writes, is_read=write.is_read and read.is_read)

    async def prepare_write_read(
        self, prepare: Statement[First], write: Statement[Row], read: Statement[Read], params: Params
    ) -> tuple[list[First], list[Row], list[Read]]:
        """As `write_then_read`, after a statement that prepares the write in the same transaction. All three receive
        `params`."""

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
                prepared, written, seen = (
                    await preparing.fetchall(),
                    await writing.fetchall(),
                    await reading.fetchall(),
                )
                self._writes.answered((write, written))  # preparing, such as settling ticks, is not a change
                return prepared, written, seen

        return await self._pool.run(work, self._writes)

    async def write_all(self, statements: Sequence[tuple[Statement[Any], Params]]) -> list[list[Any]]:
        """Run all statements in one transaction, all or nothing, and return the rows of each. Raises as `rows`."""

        async def work(connection: Connection) -> list[list[Any]]:
            async with AsyncExitStack() as stack:
                cursors = [
                    await stack.enter_async_context(connection.cursor(row_factory=class_row(each.row)))
                    for each, _ in statements
                ]
                async with self._transaction(connection, *(each for each, _ in statements)):
                    for cursor, (each, params) in zip(cursors, statements, strict=True):
                        await cursor.execute(each.text, params)
                rows = [await cursor.fetchall() for cursor in cursors]
                self._writes.answered(*zip((each for each, _ in statements), rows, strict=True))
                return rows

        return await self._pool.run(work, self._writes, is_read=all(each.is_read for each, _ in statements))

    async def judged_write(
        self,
        lock: tuple[Statement[First], Params],
        judge: tuple[Statement[Seen], Params, Callable[[Sequence[Seen]], None]] | None,
        write: tuple[Statement[Row], Params],
        read: tuple[Statement[Read], Params],
    ) -> tuple[list[Row], list[Read]]:
        """As `write_then_read`, but the transaction first locks, then lets `judge` check rows. The judge rejects the
        write by raising. It must not wait for anything, since the lock is held meanwhile."""

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
                async with self._transaction(connection, write[0], read[0], is_whole=False):
                    await writing.execute(write[0].text, write[1])
                    await reading.execute(read[0].text, read[1])
                return await writing.fetchall(), await reading.fetchall()

        async def told(connection: Connection) -> tuple[list[Row], list[Read]]:
            written, seen = await work(connection)
            self._writes.end()
            self._writes.answered((write[0], written))
            return written, seen

        return await self._pool.run(told, self._writes)

    @asynccontextmanager
    async def _transaction(
        self, connection: Connection, *statements: Statement[Any], is_whole: bool = True
    ) -> AsyncIterator[None]:
        is_read = all(each.is_read for each in statements)
        enter = _ENTER_WORKSPACE if is_read else _ENTER_WORKSPACE_TO_WRITE
        params: dict[str, object] = {"workspace": self.workspace}
        if not is_read:
            params |= {"caller": self.caller, "even_suspended": self._writes_suspended}
        async with connection.cursor(row_factory=class_row(Entered)) as entering:
            try:
                async with one_round_trip(connection):
                    await entering.execute(enter.text, params)
                    self._writes.send(*statements)
                    yield
                if is_whole:
                    self._writes.end()
            except psycopg.Error:
                # Without a workspace no row can be written, and a constraint may report that first.
                if _found_none(entering):
                    raise self._not_found() from None
                raise
            if _found_none(entering):
                raise self._not_found()

    def _not_found(self) -> errors.WorkspaceNotFound:
        return errors.WorkspaceNotFound.of(self.workspace)


def _of_each(views: Sequence[WorkspaceView], makes: Sequence[UUID | None]) -> str:
    return said_of_each(
        {
            str(made or place): view._origin
            for place, (view, made) in enumerate(zip(views, makes, strict=True), 1)
            if not isinstance(view._origin, str)
        }
    )


def _found_none(cursor: AsyncCursor[Entered]) -> bool:
    return cursor.pgresult is not None and cursor.rowcount == 0


class InstanceView:
    """The instance administrator's view: the workspaces themselves, but nothing inside them."""

    def __init__(self, pool: Pool, writes: Writes | None = None, origin: ChangeOrigin | None = None) -> None:
        self._pool = pool
        self._writes = writes or Writes()
        self._origin = origin

    async def rows(self, statement: Statement[Row], params: Params) -> list[Row]:
        """Return the rows of one statement. Raises KronosError."""
        enter = _ENTER_INSTANCE if statement.is_read else _ENTER_INSTANCE_TO_WRITE
        entering = {} if statement.is_read else {"caller": said(self._origin)}

        async def work(connection: Connection) -> list[Row]:
            async with connection.cursor(row_factory=class_row(statement.row)) as cursor:
                async with one_round_trip(connection):
                    await connection.execute(enter.text, entering)
                    self._writes.send(statement)
                    await cursor.execute(statement.text, params)
                self._writes.end()
                rows = await cursor.fetchall()
                self._writes.answered((statement, rows))
                return rows

        return await self._pool.run(work, self._writes, is_read=statement.is_read)

    async def one_or_none(self, statement: Statement[Row], params: Params) -> Row | None:
        """Return the only row of one statement, or None. Raises KronosError."""
        rows = await self.rows(statement, params)
        return rows[0] if rows else None
