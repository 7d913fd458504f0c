"""Check that PostgreSQL still answers during an examination. A server that was stopped (SIGSTOP), or whose disk or
machine hangs, keeps its connections open without answering, and libpq waits for it forever."""

import asyncio
import os
import socket
import threading
from types import TracebackType
from typing import Self

from psycopg import AsyncConnection

from kronos import session, unreachable
from kronos.doctor.finding import Finding

EVERY_SECONDS = 5.0
"""The interval of the check. Most examinations are over sooner."""
ANSWER_SECONDS = 5.0
_TIMES = 2  # in a row: a busy machine may be late once


class Watch:
    """While this runs, it checks over separate connections whether PostgreSQL answers at all. If not, it cuts the
    watched connection: its caller gets psycopg.OperationalError. A statement may take as long as it likes."""

    def __init__(self, connection: session.Connection, url: str) -> None:
        """`url` is the URL of `connection`."""
        self.is_silent = False
        self._connection = connection
        self._dsn = session.conninfo(url, application_name="kronos-doctor")
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="kronos-doctor-watch", daemon=True)

    def __enter__(self) -> Self:
        """Start watching."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop watching. The caller closes the connection afterwards."""
        self._is_over.set()
        self._thread.join()

    def _look(self) -> None:
        silent = 0
        while silent < _TIMES and not self._is_over.wait(EVERY_SECONDS):
            silent = 0 if asyncio.run(self._answers()) else silent + 1
        if silent == _TIMES and not self._connection.closed:
            self.is_silent = True
            _cut(self._connection.fileno())

    async def _answers(self) -> bool:
        """Return whether it answers. A refusal counts as an answer; the system reports a host that is gone."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                connection = await AsyncConnection.connect(self._dsn, connect_timeout=0, autocommit=True)
                async with connection:
                    await connection.execute("select 1")
        except TimeoutError:
            return False
        except session.NOT_CONNECTED:
            return True
        return True


def _cut(descriptor: int) -> None:
    """Shut down a connection at this end, and leave its descriptor to its owner."""
    with socket.socket(fileno=os.dup(descriptor)) as ours:
        ours.shutdown(socket.SHUT_RDWR)


def finding(url: str) -> Finding:
    """Return the finding for a PostgreSQL that stopped answering."""
    return Finding(
        check="database",
        ok=False,
        detail=f"{unreachable.server(url)} stopped answering, on this connection and on new ones",
        meaning="PostgreSQL, its machine or its disk hangs: no tick is accounted for, nothing is delivered, and the "
        "remaining checks could not run; or a connection pooler has no room for this command",
        fix="if KRONOS_DATABASE_URL points to a pooler, first check whether clients wait there (pgbouncer: "
        "SHOW POOLS), or use PostgreSQL's own address; then check PostgreSQL's processes: `ps -o pid,stat,wchan,args "
        "-u postgres` shows T for stopped ones (kill -CONT PID), D for those that wait for a disk",
    )
