"""A worker's connection to PostgreSQL that comes back by itself, and what is said when it goes and comes."""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import NamedTuple, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import AsyncRowFactory, TupleRow, class_row, tuple_row
from psycopg.types.array import ListBinaryDumper
from psycopg.types.string import StrBinaryDumper, TextLoader

from kronos import reading, revisions
from kronos.database_errors import is_over
from kronos.errors import KronosError
from kronos.lines import Log
from kronos.session import SessionTerms, connect_seconds, conninfo, is_quiet, open_connection, wanted
from kronos.sql import Statement
from kronos.statements import RAN
from kronos.worker.arrays import Documents, DocumentsDumper

Row = TypeVar("Row")
Made = TypeVar("Made")
Tuple = TypeVar("Tuple", bound=NamedTuple)
_log = Log("kronos.worker")
# What a statement meets in a schema that another release changed meanwhile: the next connection looks at its revision,
# and says so.
_OF_ANOTHER_RELEASE = (
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedColumn,
)
_FIRST_PAUSE_SECONDS = 0.05
# A tick that fell due during an outage is accounted for within 2 s after it: the pause is a part of that.
_LONGEST_PAUSE_SECONDS = 1.0
_ASK_SECONDS = 3.0
# The row estimates of the statements' CTEs are far off: with hash joins a claim read the whole queue (22 ms against
# 2.6). A generic plan, because planning 16 partitions costs 1.2 to 5.9 ms each time.
_PLANNER = {
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_seqscan": "off",
    "plan_cache_mode": "force_generic_plan",
}


def worker_session(statement_timeout: timedelta) -> SessionTerms:
    """Who acts for the fleet, and how."""
    return wanted(
        "kronos_worker",
        statement_timeout=statement_timeout,
        lock_timeout=timedelta(seconds=2),
        idle_in_transaction=timedelta(seconds=5),
        **_PLANNER,
    )


# What the policy of endpoint_gate goes by, and what is_group_served looks for.
_SERVE_GROUPS = """
select set_config('kronos.worker_groups', %s, false),
       (select count(pg_advisory_lock_shared(hashtext('kronos.worker_group'), hashtext(served.name)))
          from unnest(%s::text[]) as served (name))
"""


class Outage:
    """Says once that PostgreSQL cannot be used and once that it can again, for all links of a process."""

    def __init__(self) -> None:
        self._down: set[str] = set()
        self._since = 0.0
        self._link = self._why = ""  # of whom it was said last, and what

    def begins(self, link: str, why: str) -> None:
        """A link is down. Said again where the cause is another."""
        if not self._down:
            self._since = time.monotonic()
        if not self._down or (link == self._link and why != self._why):
            _log.warning("postgresql.away", "PostgreSQL cannot be used (%s): %s; trying again until it can", link, why)
            self._link, self._why = link, why
        self._down.add(link)

    def ends(self, link: str) -> None:
        """A link is up."""
        if link in self._down:
            self._down.remove(link)
            if not self._down:
                _log.info(
                    "postgresql.back", "PostgreSQL can be used again after %.1f s", time.monotonic() - self._since
                )


class Link:
    """One autocommit connection as kronos_worker, made when it is needed, anew where it died while it was not, and
    after each error that ends it. One that `listens` hears of its end by itself.
    """

    def __init__(
        self,
        database_url: str,
        name: str,
        outage: Outage,
        *,
        statement_timeout: timedelta = timedelta(seconds=5),
        listens: bool = False,
        groups: Sequence[str] = (),
    ) -> None:
        self._conninfo = conninfo(database_url, application_name=f"kronos-worker-{name}")
        self._connect_seconds = connect_seconds(database_url)
        self._listens = listens
        self._session = worker_session(statement_timeout)
        # The statement ends by itself before this; what does not answer then is not there any more.
        self._answer_seconds = statement_timeout.total_seconds() + 1
        self._name = name
        self._groups = list(groups)
        self._outage = outage
        self._connection: AsyncConnection[TupleRow] | None = None
        self._pause_seconds = _FIRST_PAUSE_SECONDS

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection, as after an error that was the statement's alone."""
        return self._connection is not None and not self._connection.closed

    async def rows(
        self,
        statement: Statement[Row],
        params: Mapping[str, object],
        *,
        may_be_locked: bool = False,
        may_fail: bool = False,
    ) -> list[Row]:
        """The statement's rows, in one round trip. Raises psycopg.Error: whether the statement was committed is then
        unknown.

        With `may_be_locked`, that another session has locked what it writes says nothing of the connection:
        LockNotAvailable. With `may_fail`, no error says so that leaves the connection as it was (is_connected).
        """
        made = class_row(statement.row)
        return await self._run(statement, params, made, as_text=False, may_be_locked=may_be_locked, may_fail=may_fail)

    async def texts(
        self, statement: Statement[Tuple], params: Mapping[str, object], *, may_be_locked: bool = False
    ) -> list[Tuple]:
        """As `rows`, of a statement whose rows are tuples, with ids and JSON as text.

        Python makes nothing of a row but the tuple. The columns are in the order of the fields
        (tests/sql/test_statements.py).
        """
        found = await self._run(statement, params, tuple_row, as_text=True, may_be_locked=may_be_locked)
        return list(map(statement.row._make, found))

    async def _run(
        self,
        statement: Statement[Row],
        params: Mapping[str, object],
        made: AsyncRowFactory[Made],
        *,
        as_text: bool,
        may_be_locked: bool,
        may_fail: bool = False,
    ) -> list[Made]:
        connection = await self.connected()
        began, failed = time.perf_counter(), True
        try:
            async with asyncio.timeout(self._answer_seconds), connection.cursor(row_factory=made) as cursor:
                await cursor.execute(statement.text, params, binary=not as_text)
                found = await cursor.fetchall()
                failed = False
        except TimeoutError as error:
            raise await self._lost(psycopg.OperationalError("no answer in time"), error) from error
        except (psycopg.DataError, psycopg.IntegrityError):
            raise  # of these rows, not of the connection
        except psycopg.Error as error:
            if may_be_locked and isinstance(error, psycopg.errors.LockNotAvailable):
                raise
            if is_over(error) or isinstance(error, _OF_ANOTHER_RELEASE):
                raise await self._lost(error, error) from error
            if not may_fail:
                self._outage.begins(self._name, _said(error))
            raise
        finally:
            RAN.note(statement.name, time.perf_counter() - began, failed=failed)
        self._works()
        return found

    async def rows_or_reason(self, statement: Statement[Row], params: Mapping[str, object]) -> list[Row]:
        """As `rows`, of a statement that may fail for reasons of its own: what PostgreSQL answers says nothing of the
        connection."""
        connection = await self.connected()
        try:
            async with (
                asyncio.timeout(self._answer_seconds),
                connection.cursor(row_factory=class_row(statement.row)) as cursor,
            ):
                await cursor.execute(statement.text, params, binary=True)
                return await cursor.fetchall()
        except TimeoutError as error:
            await self.close()
            raise psycopg.OperationalError("no answer in time") from error

    async def ask(self) -> None:
        """See that the other end still answers. Raises psycopg.Error."""
        connection = await self.connected()
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                await connection.execute("select 1")
        except TimeoutError as error:
            raise await self._lost(psycopg.OperationalError("no answer in time"), error) from error
        except psycopg.Error as error:
            raise await self._lost(error, error) from error
        self._works()

    async def connected(self) -> AsyncConnection[TupleRow]:
        """The connection; where it is gone, waits for the next one, however long PostgreSQL is away."""
        if self._connection is not None and not self._listens and not is_quiet(self._connection):
            await self.close()
        while self._connection is None or self._connection.closed:
            try:
                connection = await self._connect()
                await self._serve_groups(connection)
            except (KronosError, psycopg.Error) as error:
                self._outage.begins(self._name, error.said if isinstance(error, KronosError) else _said(error))
                await self.pause()
                continue
            # In text form, which `texts` asks for. JSON is read one by one: what cannot be read stops only its own
            # delivery.
            connection.adapters.register_loader("uuid", TextLoader)
            connection.adapters.register_loader("jsonb", TextLoader)
            connection.adapters.register_dumper(Documents, DocumentsDumper)
            # In binary, arrays of texts need no escaping: a quarter of the worker's time otherwise goes into quoting
            # JSON's quotes.
            connection.adapters.register_dumper(str, StrBinaryDumper)
            connection.adapters.register_dumper(list, ListBinaryDumper)
            self._connection = connection
        return self._connection

    async def _connect(self) -> AsyncConnection[TupleRow]:
        """A new connection that acts as it must, to a database that this release can work with. Raises Unconnected,
        SessionRefused."""
        return await open_connection(
            self._conninfo,
            self._session,
            context=reading.context(),
            seconds=self._connect_seconds,
            also=revisions.check,
        )

    async def _serve_groups(self, connection: AsyncConnection[TupleRow]) -> None:
        """Say in this session whose endpoints it delivers to, and show it to others as long as it lives. Raises
        psycopg.Error; the connection is closed then."""
        if not self._groups:
            return
        try:
            async with asyncio.timeout(self._answer_seconds):
                await connection.execute(_SERVE_GROUPS, [",".join(self._groups), self._groups])
        except (TimeoutError, psycopg.Error) as error:
            with suppress(psycopg.Error):  # it is not needed any more, whatever ended it
                await connection.close()
            if isinstance(error, TimeoutError):
                raise psycopg.OperationalError("no answer in time") from error
            raise

    async def pause(self) -> None:
        """Wait before the next try: twice as long each time, at most 1 s, spread so that a fleet does not return as
        one."""
        await asyncio.sleep(self._pause_seconds * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
        self._pause_seconds = min(self._pause_seconds * 2, _LONGEST_PAUSE_SECONDS)

    async def close(self) -> None:
        """End the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):  # it is not needed any more, whatever ended it
                await connection.close()

    def _works(self) -> None:
        self._outage.ends(self._name)
        self._pause_seconds = _FIRST_PAUSE_SECONDS

    async def _lost(self, error: psycopg.Error, cause: BaseException) -> psycopg.Error:
        self._outage.begins(self._name, _said(cause))
        await self.close()
        return error


def _said(error: BaseException) -> str:
    """An error's first line: libpq's own name host and port, never a password."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
