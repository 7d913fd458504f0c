"""What a process sets for all of its logging, undone at the end of a block."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_SWITCHES = ("_srcfile", "logThreads", "logProcesses", "logMultiprocessing")


@contextmanager
def own_logging() -> Iterator[None]:
    """Give a block the handlers, levels and switches of logging as if they were its own.

    `kronos.logs.configure` and the package mcp set them for the whole process, here the one that runs the tests.
    """
    root = logging.root
    handlers, level = root.handlers[:], root.level
    switches = {name: getattr(logging, name) for name in _SWITCHES}
    levels = {each.name: each.level for each in _loggers()}
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        for name, value in switches.items():
            setattr(logging, name, value)
        for each in _loggers():
            each.setLevel(levels.get(each.name, logging.NOTSET))


def _loggers() -> list[logging.Logger]:
    return [each for each in logging.root.manager.loggerDict.values() if isinstance(each, logging.Logger)]
