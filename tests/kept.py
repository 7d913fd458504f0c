"""Connections that tests use one after another."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg


class Kept:
    """A superuser's connection that tests use one after another. Each new connection would cost 30 ms of CPU to rebuild
    what sessions cache.

    Each test finds it as new: outside a transaction, with the session's own user and settings.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection | None = None

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        if self._connection is None or not self._is_as_new(self._connection):
            self.close()
            self._connection = psycopg.connect(self._url, autocommit=True, prepare_threshold=None)
        yield self._connection

    def _is_as_new(self, connection: psycopg.Connection) -> bool:
        try:
            connection.execute("reset session authorization; reset all; select pg_advisory_unlock_all()")
        except psycopg.Error:
            return False
        return connection.autocommit and connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@contextmanager
def kept(url: str) -> Iterator[Kept]:
    connections = Kept(url)
    try:
        yield connections
    finally:
        connections.close()
