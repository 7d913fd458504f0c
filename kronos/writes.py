"""Track the outcome of a request's writes, which decides how an error is reported to its caller (decision 0028)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from kronos import database_errors, errors
from kronos.records import dataclass
from kronos.sql import Statement


@dataclass(slots=True)
class Writes:
    """The outcome of one request's writes: whether it is certain that nothing was changed."""

    is_sent: bool = False
    """A write was handed to the driver, and its outcome is not known yet."""
    is_done: bool = False
    """A write was committed, and may have changed something."""
    was_done: bool = False
    """`is_done` before the last statements were handed to the driver."""
    is_shared: bool = False
    """A write is part of a statement for several requests, which is sent even if this one's caller no longer waits."""
    statements: tuple[Statement[Any], ...] = ()
    """The last statements that were handed to the driver, whether or not they write."""

    @property
    def may_be_done(self) -> bool:
        """Whether something was changed, or may have been."""
        return self.is_sent or self.is_done or self.is_shared

    def send(self, *statements: Statement[Any]) -> None:
        """Record that these are handed to the driver now."""
        self.was_done = self.is_done
        self.is_sent = self.is_sent or not all(each.is_read for each in statements)
        self.statements = statements

    def end(self) -> None:
        """Record that the sent statements are committed."""
        self.is_done, self.is_sent = self.is_done or self.is_sent, False

    def answered(self, *answers: tuple[Statement[Any], Sequence[object]]) -> None:
        """Record the rows of the last commit: a write that returns none changed nothing."""
        if not any(rows for statement, rows in answers if not statement.is_read):
            self.changed_nothing()

    def changed_nothing(self) -> None:
        """Record that the last finished statements changed nothing for this request."""
        self.is_done = self.was_done

    def fail(self, error: psycopg.Error) -> None:
        """Record that the sent statements failed."""
        if database_errors.is_undone(error):
            self.is_sent = False

    def explained(self, error: errors.KronosError) -> errors.KronosError:
        """Return the error for the caller: it says that nothing was changed only if that is certain."""
        if not isinstance(error, errors.Unavailable):
            return error
        is_lost = isinstance(error, errors.ConnectionLost)
        if self.may_be_done:
            why = "the connection to PostgreSQL was lost before it answered" if is_lost else error.detail
            return errors.OutcomeUnknown(f"{why}, after a write was sent: it may have been done, or not")
        if is_lost:
            return errors.ConnectionLost(
                "the connection to PostgreSQL was lost; nothing was changed", sqlstate=error.sqlstate
            )
        return error


class WritesOfAll(Writes):
    """The writes of one statement for several requests: each outcome is recorded for all of them."""

    __slots__ = ("_of_each", "is_refused")

    def __init__(self, of_each: Sequence[Writes]) -> None:
        super().__init__()
        self._of_each = of_each
        self.is_refused = False
        """It was sent; PostgreSQL rolled it back, and the connection still works."""

    @contextmanager
    def shared(self) -> Iterator[None]:
        """While this lasts, a caller that leaves must not be told that nothing was done: the statement may still be
        sent, after a wait for a connection."""
        for each in self._of_each:
            each.is_shared = True
        try:
            yield
        finally:
            for each in self._of_each:
                each.is_shared = False

    def send(self, *statements: Statement[Any]) -> None:
        """Record it for the statement and each request."""
        self.is_refused = False  # it was refused before, and is sent again
        super().send(*statements)
        for each in self._of_each:
            each.send(*statements)

    def end(self) -> None:
        """Record it for the statement and each request."""
        super().end()
        for each in self._of_each:
            each.end()

    def changed_nothing(self) -> None:
        """Record it for the statement and each request."""
        super().changed_nothing()
        for each in self._of_each:
            each.changed_nothing()

    def fail(self, error: psycopg.Error) -> None:
        """Record it for the statement and each request."""
        self.is_refused = self.is_sent and database_errors.is_undone(error)
        super().fail(error)
        for each in self._of_each:
            each.fail(error)
