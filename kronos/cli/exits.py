"""Exit codes: one number for each kind of result, so that scripts need not read the output."""

from collections.abc import Sequence
from enum import IntEnum

import click

from kronos.model import JsonObject
from kronos.redaction import redacted


class Exit(IntEnum):
    """The exit code, in the shell's $?. A number keeps its meaning across releases."""

    DONE = 0, "success"
    FAILED = 1, "the operation failed, or a check does not hold"
    USAGE = 2, "an option, argument, input or setting is missing or invalid; nothing was done"
    NOT_FOUND = 3, "the named resource does not exist"
    REFUSED = 4, "the key is invalid or has expired, or its role does not allow this"
    CONFLICT = 5, "conflict: the name is taken, or the resource's state or version has changed"
    UNAVAILABLE = 6, "the API or the database is unavailable or overloaded: try again"
    TIMED_OUT = 7, "no response, or no end, in time; the request may still take effect"
    PENDING = 8, "`kronos plan --exit-code`: there are changes to apply"
    CANCELLED = 130, "interrupted by Ctrl-C, or a prompt was declined"

    meaning: str

    def __new__(cls, number: int, meaning: str) -> "Exit":
        """Create a code with a description for users."""
        made = int.__new__(cls, number)
        made._value_ = number
        made.meaning = meaning
        return made


class Ended(click.ClickException):
    """A command did not do what was requested: the reason, in a sentence or a few lines, and the exit code."""

    def __init__(self, message: str, exit: Exit = Exit.FAILED, faults: Sequence[JsonObject] = ()) -> None:
        """`message` says what happened, to what, and what to do; keys in it are masked. `faults` are the API's field
        errors."""
        super().__init__(redacted(message))
        self.faults = faults
        self.exit_code = int(exit)  # type: ignore[misc]  # in click, a class has one exit code; this class has several


_OF_STATUS = {
    400: Exit.USAGE,
    401: Exit.REFUSED,
    403: Exit.REFUSED,
    404: Exit.NOT_FOUND,
    408: Exit.TIMED_OUT,
    409: Exit.CONFLICT,
    412: Exit.CONFLICT,
    413: Exit.USAGE,
    422: Exit.USAGE,
    428: Exit.CONFLICT,
    429: Exit.UNAVAILABLE,
    502: Exit.UNAVAILABLE,
    503: Exit.UNAVAILABLE,
    504: Exit.TIMED_OUT,
}


def of_status(status: int) -> Exit:
    """Return the exit code for an error response with this status."""
    return _OF_STATUS.get(status, Exit.FAILED)
