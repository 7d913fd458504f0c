"""Statements that are one round trip, and one transaction of their own."""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from kronos.pool import Connection


class _Awaited(deque[object]):
    """What psycopg's pipeline awaits an answer to, in order. An answer to nothing is looked at as one to a sync.

    An error at the commit is one answer more than what was sent has: psycopg takes it for the sync's. Where the sync's
    own is there as well when it reads them, it would be an IndexError in place of PostgreSQL's error.
    """

    def popleft(self) -> object:
        return super().popleft() if self else None


@asynccontextmanager
async def one_round_trip(connection: Connection) -> AsyncIterator[None]:
    """What is executed inside goes in one message, and is committed with it where no transaction is open.

    Raises what PostgreSQL raised, as it committed too. psycopg takes that for the answer to its sync (_Awaited). Where
    it has not read the sync's own, it says "cannot exit pipeline mode while busy", which says nothing of the
    transaction. The connection is closed then.
    """
    try:
        async with connection.pipeline() as pipeline:
            pipeline.result_queue = _Awaited(pipeline.result_queue)  # type: ignore[assignment]  # its own type is not exported
            yield
    except psycopg.OperationalError as error:
        refused = error.__context__
        if error.sqlstate is None and isinstance(refused, psycopg.Error) and refused.sqlstate is not None:
            await connection.close()
            raise refused from None
        raise
