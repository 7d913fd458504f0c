"""Operations that are otherwise separate transactions, run as parts of one: an error undoes only its own part."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import psycopg

from kronos import database_errors
from kronos.gathering import Gatherer
from kronos.pool import Connection
from kronos.statements import run_told
from kronos.writes import Writes

Made = TypeVar("Made")


class OneTransaction:
    """Runs a view's statements in the transaction of its connection, each part under a savepoint."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._gatherer = Gatherer()

    @property
    def gatherer(self) -> Gatherer:
        """A separate gatherer: no other request's statements enter this transaction."""
        return self._gatherer

    async def run(
        self, work: Callable[[Connection], Awaitable[Made]], writes: Writes, *, is_read: bool = False
    ) -> Made:
        """Like Pool.run, without retries. `writes` is not used: nothing is done until the transaction commits."""
        try:
            async with self._connection.transaction():
                return await run_told(work, self._connection, writes)
        except psycopg.Error as error:
            raise database_errors.from_database(error) from error
