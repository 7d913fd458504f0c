"""Statements that share one round trip and one transaction."""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from kronos.pool import Connection


class _Answers(deque[object]):
    """The answers that psycopg's pipeline waits for, in order. An unexpected answer is treated as one to a sync.

    An error at the commit is one answer more than was asked for: psycopg takes it for the sync's. If the sync's own
    answer has arrived too when psycopg reads them, it would raise IndexError instead of PostgreSQL's error.
    """

    def popleft(self) -> object:
        return super().popleft() if self else None


@asynccontextmanager
async def one_round_trip(connection: Connection) -> AsyncIterator[None]:
    """Send the statements inside in one message, and commit them with it if no transaction is open.

    Raises PostgreSQL's error, also one at the commit. psycopg takes that for the answer to its sync (_Answers). If it
    has not read the sync's own answer, it raises "cannot exit pipeline mode while busy", which says nothing about the
    transaction. The connection is then closed.
    """
    try:
        async with connection.pipeline() as pipeline:
            pipeline.result_queue = _Answers(pipeline.result_queue)  # type: ignore[assignment]  # its own type is not exported
            yield
    except psycopg.OperationalError as error:
        refused = error.__context__
        if error.sqlstate is None and isinstance(refused, psycopg.Error) and refused.sqlstate is not None:
            await connection.close()
            raise refused from None
        raise
