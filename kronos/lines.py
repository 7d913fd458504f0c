"""A line of the log: one thing that happened, under a name that stays (docs/logs.md lists all of them).

The words are for people and may change; a program that reads the log goes by the event and by what is known of it:
`request_id`, `job_id`, `execution_id`, `workspace`, `worker_id`, and figures. None of it is ever a secret, a body or a
header's value.
"""

import logging
from contextvars import ContextVar
from types import MappingProxyType
from typing import TypeAlias

Known: TypeAlias = str | int | float | None
_NOTHING: dict[str, Known] = {}
_ABOUT: ContextVar[dict[str, Known]] = ContextVar("kronos.about", default=_NOTHING)


class Log:
    """A logger whose lines are events. `known` is written beside the words, not into them."""

    __slots__ = ("_logger",)

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def is_told(self, level: int) -> bool:
        """Whether lines of this level are written."""
        return self._logger.isEnabledFor(level)

    def debug(self, event: str, message: str, *args: object, **known: Known) -> None:
        """For who looks for a fault: what goes right, or is tried again by itself."""
        self._write(logging.DEBUG, event, message, args, known)

    def info(self, event: str, message: str, *args: object, **known: Known) -> None:
        """For the record: nothing has to be done."""
        self._write(logging.INFO, event, message, args, known)

    def warning(self, event: str, message: str, *args: object, **known: Known) -> None:
        """Somebody should look, not at once: something is missing, slow, or was given up."""
        self._write(logging.WARNING, event, message, args, known)

    def error(
        self, event: str, message: str, *args: object, traced: BaseException | None = None, **known: Known
    ) -> None:
        """Somebody has to look: a fault of Kronos, or what it cannot do without. `traced`: with its traceback."""
        self._write(logging.ERROR, event, message, args, known, traced)

    def _write(
        self,
        level: int,
        event: str,
        message: str,
        args: tuple[object, ...],
        known: dict[str, Known],
        traced: BaseException | None = None,
    ) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, message, *args, exc_info=traced, extra={"event": event, "known": known})


def about(**known: Known) -> None:
    """From now on the lines of this task, and of those that it begins, say this besides."""
    _ABOUT.set({**_ABOUT.get(), **known})


def begin(**known: Known) -> None:
    """The same, and what was said before of this task is of another matter."""
    _ABOUT.set(known)


def known_here() -> MappingProxyType[str, Known]:
    """What `about` has said in this task."""
    return MappingProxyType(_ABOUT.get())
