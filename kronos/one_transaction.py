"""Operations that are transactions of their own elsewhere, as parts of one: what one is refused undoes that part
alone."""

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
    """Runs the statements of a view in the transaction that its connection is in, each part under a savepoint."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._gatherer = Gatherer()

    @property
    def gatherer(self) -> Gatherer:
        """Its own: no other request's statements come into this transaction."""
        return self._gatherer

    async def run(
        self, work: Callable[[Connection], Awaitable[Made]], writes: Writes, *, is_read: bool = False
    ) -> Made:
        """As Pool.run, once. `writes` says nothing here: what is done is done when the transaction is."""
        try:
            async with self._connection.transaction():
                return await run_told(work, self._connection, writes)
        except psycopg.Error as error:
            raise database_errors.from_database(error) from error
