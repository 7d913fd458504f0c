"""A log line: one event, under a stable name (docs/logs.md lists all of them).

The message is for people and may change. Programs that read the log use the event and its fields: `request_id`,
`job_id`, `execution_id`, `workspace`, `worker_id`, and numbers. None of them is ever a secret, a body or a header's
value.
"""

import logging
from contextvars import ContextVar
from types import MappingProxyType
from typing import TypeAlias

Known: TypeAlias = str | int | float | None
_NOTHING: dict[str, Known] = {}
_ABOUT: ContextVar[dict[str, Known]] = ContextVar("kronos.about", default=_NOTHING)


class Log:
    """A logger whose lines are events. The `known` fields are written next to the message, not into it."""

    __slots__ = ("_logger",)

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def is_told(self, level: int) -> bool:
        """Return whether lines of this level are written."""
        return self._logger.isEnabledFor(level)

    def debug(self, event: str, message: str, *args: object, **known: Known) -> None:
        """For debugging: successes, and failures that are retried automatically."""
        self._write(logging.DEBUG, event, message, args, known)

    def info(self, event: str, message: str, *args: object, **known: Known) -> None:
        """For the record: no action is needed."""
        self._write(logging.INFO, event, message, args, known)

    def warning(self, event: str, message: str, *args: object, **known: Known) -> None:
        """For an operator to look at, though not immediately: something is missing, slow, or was given up."""
        self._write(logging.WARNING, event, message, args, known)

    def error(
        self, event: str, message: str, *args: object, traced: BaseException | None = None, **known: Known
    ) -> None:
        """For an operator to act on: a fault of Kronos, or of something it depends on. `traced`: add its traceback."""
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
    """Add these fields to the log lines of this task, and of the tasks that it starts."""
    _ABOUT.set({**_ABOUT.get(), **known})


def begin(**known: Known) -> None:
    """Replace the log fields of this task: it now works on something else."""
    _ABOUT.set(known)


def known_here() -> MappingProxyType[str, Known]:
    """Return the log fields of this task."""
    return MappingProxyType(_ABOUT.get())
