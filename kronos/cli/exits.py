"""How a command ends: one number for each class of ending, so that a script knows what to do without reading text."""

from collections.abc import Sequence
from enum import IntEnum

import click

from kronos.model import JsonObject
from kronos.redaction import redacted


class Exit(IntEnum):
    """What the shell has in $?. A number keeps its meaning from release to release."""

    DONE = 0, "done"
    FAILED = 1, "it failed: what was asked went wrong, or does not hold"
    USAGE = 2, "what was typed, piped in or set is wrong or lacks something; nothing was done"
    NOT_FOUND = 3, "there is nothing of that name"
    REFUSED = 4, "the key is none, has ended, or its role may not do this"
    CONFLICT = 5, "what is there stands against it: a name is taken, a state or a version is another"
    UNAVAILABLE = 6, "the API or the database cannot be reached, or has no room now: try again"
    TIMED_OUT = 7, "there was no answer or no end in time; what was asked may still come about"
    PENDING = 8, "`kronos plan --exit-code`: there is something to apply"
    CANCELLED = 130, "Ctrl-C, or a question that was answered with no"

    meaning: str

    def __new__(cls, number: int, meaning: str) -> "Exit":
        """A number, and what it means to who reads it."""
        made = int.__new__(cls, number)
        made._value_ = number
        made.meaning = meaning
        return made


class Ended(click.ClickException):
    """A command that did not do what was asked: why, in a sentence or a few lines, and the class of it."""

    def __init__(self, message: str, exit: Exit = Exit.FAILED, faults: Sequence[JsonObject] = ()) -> None:
        """`message` says what happened, to what, and what to do; a key that is in it is not shown. `faults` as the API
        said them."""
        super().__init__(redacted(message))
        self.faults = faults
        self.exit_code = int(exit)  # type: ignore[misc]  # click has one for a class; this class has several


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
    """The class of an error that the API answers with this status."""
    return _OF_STATUS.get(status, Exit.FAILED)
