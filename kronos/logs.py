"""Logging: one line an event, for people or, as JSON, for collectors. No secret, body or header's value is ever
logged."""

import logging
import sys
from datetime import UTC, datetime

import orjson

from kronos.config import Settings
from kronos.redaction import redacted


class _JsonLines(logging.Formatter):
    """One JSON object a line: at, level, logger, message, and the trace of an exception."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return redacted(orjson.dumps(line, option=orjson.OPT_UTC_Z).decode())


class _TextLines(logging.Formatter):
    """A line for people. The second is written out once for all of its lines."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s.%(msecs)03d %(levelname)-7s %(name)s: %(message)s", datefmt="%Y-%m-%d %H:%M:%S")
        self._second = (0, "")

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line, and its trace below."""
        return redacted(super().format(record))

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """The record's second."""
        if self._second[0] != int(record.created):
            self._second = int(record.created), super().formatTime(record, datefmt)
        return self._second[1]


def configure(settings: Settings) -> None:
    """Send this process's log lines to standard error, in the format and from the level that the settings say."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines() if settings.log_format == "json" else _TextLines())
    # No line says which thread, process or source wrote it: to find that out is a third of a line's time (logging's
    # HOWTO, "Optimization").
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    # Its lines hold addresses and, at DEBUG, what is sent: a password among it. Deliveries say what went wrong.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL + 1)
    # The pool logs each attempt and each dead connection; kronos.database logs once, and why. What the driver
    # warns of, an error that it ignored after another, is raised as that other one: each write that is refused with 412
    # would be a line with server and user.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
