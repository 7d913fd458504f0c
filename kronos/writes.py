"""What has become of a request's writes, and so how an error is reported to its caller (decision 0028)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from kronos import database_errors, errors
from kronos.sql import Statement


@dataclass(slots=True)
class Writes:
    """What has become of one request's writes: whether nobody may say that nothing was changed."""

    is_sent: bool = False
    """One was handed to the driver, and PostgreSQL has not said what became of it."""
    is_done: bool = False
    """One was committed, and may have changed something."""
    was_done: bool = False
    """The same, before what was handed to the driver last."""
    is_shared: bool = False
    """One is in a statement for several requests, which is sent whether or not this one's caller still waits."""
    statements: tuple[Statement[Any], ...] = ()
    """What was handed to the driver last, whether or not it writes."""

    @property
    def may_be_done(self) -> bool:
        """Whether something was changed, or may have been."""
        return self.is_sent or self.is_done or self.is_shared

    def send(self, *statements: Statement[Any]) -> None:
        """These are handed to the driver now."""
        self.was_done = self.is_done
        self.is_sent = self.is_sent or not all(each.is_read for each in statements)
        self.statements = statements

    def end(self) -> None:
        """What was sent is committed."""
        self.is_done, self.is_sent = self.is_done or self.is_sent, False

    def answered(self, *answers: tuple[Statement[Any], Sequence[object]]) -> None:
        """These are the rows of what was committed last: a write that answers none has changed nothing."""
        if not any(rows for statement, rows in answers if not statement.is_read):
            self.changed_nothing()

    def changed_nothing(self) -> None:
        """What was handed to the driver last, and is over, has changed nothing for this request."""
        self.is_done = self.was_done

    def fail(self, error: psycopg.Error) -> None:
        """What was sent met an error."""
        if database_errors.is_undone(error):
            self.is_sent = False

    def explained(self, error: errors.KronosError) -> errors.KronosError:
        """The error as it is reported to the caller: it says that nothing was changed only where that is certain."""
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
    """Those of one statement for several requests: what becomes of it is known of each."""

    __slots__ = ("_of_each", "is_refused")

    def __init__(self, of_each: Sequence[Writes]) -> None:
        super().__init__()
        self._of_each = of_each
        self.is_refused = False
        """It was sent, and PostgreSQL has undone it and gone on."""

    @contextmanager
    def shared(self) -> Iterator[None]:
        """While this lasts, no caller that leaves may hear that nothing was done: it may still be sent, after a wait
        for a connection."""
        for each in self._of_each:
            each.is_shared = True
        try:
            yield
        finally:
            for each in self._of_each:
                each.is_shared = False

    def send(self, *statements: Statement[Any]) -> None:
        """As of one."""
        self.is_refused = False  # it was, and is sent again
        super().send(*statements)
        for each in self._of_each:
            each.send(*statements)

    def end(self) -> None:
        """As of one."""
        super().end()
        for each in self._of_each:
            each.end()

    def changed_nothing(self) -> None:
        """As of one."""
        super().changed_nothing()
        for each in self._of_each:
            each.changed_nothing()

    def fail(self, error: psycopg.Error) -> None:
        """As of one."""
        self.is_refused = self.is_sent and database_errors.is_undone(error)
        super().fail(error)
        for each in self._of_each:
            each.fail(error)
