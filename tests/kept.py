"""Connections that tests use one after another."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

_AS_NEW = "reset session authorization; reset all; unlisten *; discard temp; select pg_advisory_unlock_all()"


class Kept:
    """Connections that tests use one after another, as many as one test uses at the same time. Each new connection
    would cost 30 ms of CPU to rebuild what sessions cache, and more for what plans its statements.

    Each test finds them as new: outside a transaction and after `cleaning`, which releases locks.
    """

    def __init__(self, connect: Callable[[], psycopg.Connection], *, cleaning: str = _AS_NEW) -> None:
        self._connect = connect
        self._cleaning = cleaning
        self._idle: list[psycopg.Connection] = []

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        """The one that was used last, of those that are free. It may be closed, or left in any state."""
        found = self._as_new() or self._connect()
        try:
            yield found
        finally:
            self._idle.append(found)

    def _as_new(self) -> psycopg.Connection | None:
        while self._idle:
            found = self._idle.pop()
            if self._is_as_new(found):
                return found
            found.close()
        return None

    def _is_as_new(self, connection: psycopg.Connection) -> bool:
        try:
            connection.execute(self._cleaning)
        except psycopg.Error:
            return False
        return connection.autocommit and connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()


@contextmanager
def kept(url: str) -> Iterator[Kept]:
    """A superuser's."""
    connections = Kept(lambda: psycopg.connect(url, autocommit=True, prepare_threshold=None))
    try:
        yield connections
    finally:
        connections.close()
