"""Whether PostgreSQL still answers while it is examined: one that was stopped (SIGSTOP), or whose disk or machine
stands still, keeps its connections open and says nothing, and libpq waits for its answer without bound."""

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
"""How often it is asked: most examinations are over before."""
ANSWER_SECONDS = 5.0
_TIMES = 2  # in a row: a busy machine may be late once


class Watch:
    """While this runs, PostgreSQL is asked over connections of their own whether it answers at all. Where it does not,
    the connection that is watched is cut: whoever waits on it has psycopg.OperationalError. A statement may take as
    long as it likes."""

    def __init__(self, connection: session.Connection, url: str) -> None:
        """`url` is where `connection` leads."""
        self.is_silent = False
        self._connection = connection
        self._dsn = session.conninfo(url, application_name="kronos-doctor")
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="kronos-doctor-watch", daemon=True)

    def __enter__(self) -> Self:
        """Begins."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends; the connection is closed only afterwards."""
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
        """Whether it says anything: a refusal is an answer too, and of a host that is gone the system tells."""
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
    """Ends a connection at this end, and leaves its descriptor to its owner."""
    with socket.socket(fileno=os.dup(descriptor)) as ours:
        ours.shutdown(socket.SHUT_RDWR)


def finding(url: str) -> Finding:
    """What is said where it was so."""
    return Finding(
        check="database",
        ok=False,
        detail=f"{unreachable.server(url)} has stopped answering, over this connection and over new ones",
        meaning="PostgreSQL, or the machine or disk under it, stands still: no tick is accounted for, nothing is "
        "delivered, and what follows could not be checked; or a pooler before it has no room for this command",
        fix="where KRONOS_DATABASE_URL leads to a pooler, look first whether clients wait there (pgbouncer: "
        "SHOW POOLS), or name PostgreSQL itself; look at its processes there: `ps -o pid,stat,wchan,args -u "
        "postgres` shows T where they were stopped (kill -CONT PID), D where they wait for a disk",
    )
