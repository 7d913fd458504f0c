"""Statements that are one round trip, and one transaction of their own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from kronos.pool import Connection


@asynccontextmanager
async def one_round_trip(connection: Connection) -> AsyncIterator[None]:
    """What is executed inside goes in one message, and is committed with it where no transaction is open.

    Raises what PostgreSQL raised, as it committed too. psycopg takes that for the answer to its sync, and leaves the
    sync's own unread: "cannot exit pipeline mode while busy", which says nothing of the transaction. The connection is
    closed then.
    """
    try:
        async with connection.pipeline():
            yield
    except psycopg.OperationalError as error:
        refused = error.__context__
        if error.sqlstate is None and isinstance(refused, psycopg.Error) and refused.sqlstate is not None:
            await connection.close()
            raise refused from None
        raise
