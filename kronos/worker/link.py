"""A worker's connection to PostgreSQL, which reconnects by itself, and the log messages for outages."""

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
# Errors of a statement after another release has changed the schema. The next connection checks the schema's revision
# and reports it.
_OF_ANOTHER_RELEASE = (
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedColumn,
)
_FIRST_PAUSE_SECONDS = 0.05
# A tick that became due during an outage is accounted for within 2 s after the outage; the pause counts toward that.
_LONGEST_PAUSE_SECONDS = 1.0
_ASK_SECONDS = 3.0
# Row estimates of the statements' CTEs are far off: with hash joins, a claim read the whole queue (22 ms instead of
# 2.6). Generic plans, because planning 16 partitions costs 1.2 to 5.9 ms each time.
_PLANNER = {
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_seqscan": "off",
    "plan_cache_mode": "force_generic_plan",
}


def worker_session(statement_timeout: timedelta) -> SessionTerms:
    """Return the role and settings of a worker's session."""
    return wanted(
        "kronos_worker",
        statement_timeout=statement_timeout,
        lock_timeout=timedelta(seconds=2),
        idle_in_transaction=timedelta(seconds=5),
        **_PLANNER,
    )


# The setting that endpoint_gate's policy checks, and the locks that is_group_served looks for.
_SERVE_GROUPS = """
select set_config('kronos.worker_groups', %s, false),
       (select count(pg_advisory_lock_shared(hashtext('kronos.worker_group'), hashtext(served.name)))
          from unnest(%s::text[]) as served (name))
"""


class Outage:
    """Logs the begin and the end of an outage of PostgreSQL once for all links of a process."""

    def __init__(self) -> None:
        self._down: set[str] = set()
        self._since = 0.0
        self._link = self._why = ""  # the last outage logged

    def begins(self, link: str, why: str) -> None:
        """Note that a link is down. A new cause is logged again."""
        if not self._down:
            self._since = time.monotonic()
        if not self._down or (link == self._link and why != self._why):
            _log.warning("postgresql.away", "PostgreSQL is unavailable (%s): %s; retrying", link, why)
            self._link, self._why = link, why
        self._down.add(link)

    def ends(self, link: str) -> None:
        """Note that a link is up."""
        if link in self._down:
            self._down.remove(link)
            if not self._down:
                _log.info(
                    "postgresql.back", "PostgreSQL is available again after %.1f s", time.monotonic() - self._since
                )


class Link:
    """One autocommit connection as kronos_worker.

    It is opened when needed, and reopened if it died while idle or after an error that ends it. A link that `listens`
    notices the end of its connection by itself.
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
        # statement_timeout ends a statement before this; a server that has not answered by then is gone.
        self._answer_seconds = statement_timeout.total_seconds() + 1
        self._name = name
        self._groups = list(groups)
        self._outage = outage
        self._connection: AsyncConnection[TupleRow] | None = None
        self._pause_seconds = _FIRST_PAUSE_SECONDS

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection. An error of the statement alone does not end it."""
        return self._connection is not None and not self._connection.closed

    async def rows(
        self,
        statement: Statement[Row],
        params: Mapping[str, object],
        *,
        may_be_locked: bool = False,
        may_fail: bool = False,
    ) -> list[Row]:
        """Return the statement's rows, in one round trip.

        Raises psycopg.Error; whether the statement was committed is then unknown. With `may_be_locked`, a row locked by
        another session raises LockNotAvailable and keeps the connection. With `may_fail`, any error that leaves the
        connection usable keeps it (is_connected).
        """
        made = class_row(statement.row)
        return await self._run(statement, params, made, as_text=False, may_be_locked=may_be_locked, may_fail=may_fail)

    async def texts(
        self, statement: Statement[Tuple], params: Mapping[str, object], *, may_be_locked: bool = False
    ) -> list[Tuple]:
        """Like `rows`, for a statement whose rows are tuples, with ids and JSON as text.

        Only the tuple is created for a row. The columns are in the order of the fields (tests/sql/test_statements.py).
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
            raise  # an error of these rows, not of the connection
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
        """Like `rows`, for a statement that may fail by itself: PostgreSQL's errors do not end the connection."""
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
        """Check that the server still responds. Raises psycopg.Error."""
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
        """Return the connection. If it is lost, wait for a new one, however long PostgreSQL is unavailable."""
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
            # In the text form that `texts` requests. JSON is parsed per delivery, so that invalid JSON stops only its
            # own delivery.
            connection.adapters.register_loader("uuid", TextLoader)
            connection.adapters.register_loader("jsonb", TextLoader)
            connection.adapters.register_dumper(Documents, DocumentsDumper)
            # Binary arrays of texts need no escaping. Escaping JSON's quotes would take a quarter of the worker's time.
            connection.adapters.register_dumper(str, StrBinaryDumper)
            connection.adapters.register_dumper(list, ListBinaryDumper)
            self._connection = connection
        return self._connection

    async def _connect(self) -> AsyncConnection[TupleRow]:
        """Open a connection with the worker's role and settings to a database that this release supports.

        Raises Unconnected, SessionRefused."""
        return await open_connection(
            self._conninfo,
            self._session,
            context=reading.context(),
            seconds=self._connect_seconds,
            also=revisions.check,
        )

    async def _serve_groups(self, connection: AsyncConnection[TupleRow]) -> None:
        """Set the served groups in this session, and announce them to others by locks for as long as it lives.

        Raises psycopg.Error; the connection is then closed."""
        if not self._groups:
            return
        try:
            async with asyncio.timeout(self._answer_seconds):
                await connection.execute(_SERVE_GROUPS, [",".join(self._groups), self._groups])
        except (TimeoutError, psycopg.Error) as error:
            with suppress(psycopg.Error):  # the connection is no longer needed
                await connection.close()
            if isinstance(error, TimeoutError):
                raise psycopg.OperationalError("no answer in time") from error
            raise

    async def pause(self) -> None:
        """Wait before the next try: twice as long each time, at most 1 s, with jitter so that a fleet does not
        reconnect all at once."""
        await asyncio.sleep(self._pause_seconds * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
        self._pause_seconds = min(self._pause_seconds * 2, _LONGEST_PAUSE_SECONDS)

    async def close(self) -> None:
        """Close the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):  # the connection is no longer needed
                await connection.close()

    def _works(self) -> None:
        self._outage.ends(self._name)
        self._pause_seconds = _FIRST_PAUSE_SECONDS

    async def _lost(self, error: psycopg.Error, cause: BaseException) -> psycopg.Error:
        self._outage.begins(self._name, _said(cause))
        await self.close()
        return error


def _said(error: BaseException) -> str:
    """Return an error's first line. libpq's errors contain host and port, never a password."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
