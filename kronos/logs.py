"""Logging: one line an event, for people or, as JSON, for collectors. No secret, body or header's value is ever
logged. What a line is, and what it says besides its words: kronos/lines.py, docs/logs.md."""

import logging
import sys
from datetime import UTC, datetime

import orjson

from kronos.config import Settings
from kronos.lines import known_here
from kronos.redaction import redacted
from kronos.traces.switch import SWITCH

OF_A_LIBRARY = "library"
"""The event of a line that is not ours."""


class _JsonLines(logging.Formatter):
    """One JSON object a line: at, level, logger, event, message; what is known of it, the request, the trace; and the
    traceback of an error."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname,
            "logger": record.name,
            "event": getattr(record, "event", OF_A_LIBRARY),
            "message": record.getMessage(),
            **known_here(),
            **getattr(record, "known", {}),
        }
        if (span := SWITCH.current()) is not None:
            line.setdefault("trace_id", f"{span.trace_id:032x}")
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return redacted(orjson.dumps(line, option=orjson.OPT_UTC_Z).decode())


class _TextLines(logging.Formatter):
    """A line for people. The second is written out once for all of its lines."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s.%(msecs)03d %(levelname)-7s %(name)s: %(message)s", datefmt="%Y-%m-%d %H:%M:%S")
        self._second = (0, "")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The record's line, which names its request, where it has one."""
        said = super().formatMessage(record)
        request = known_here().get("request_id")
        return said if request is None or str(request) in record.message else f"{said} (request {request})"

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
    # What it says of its start and its end we say ourselves, and requests are lines of ours (kronos/api/middleware.py).
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # Its lines hold addresses and, at DEBUG, what is sent: a password among it. Deliveries say what went wrong.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL + 1)
    # The pool logs each attempt and each dead connection; kronos.database logs once, and why. What the driver
    # warns of, an error that it ignored after another, is raised as that other one: each write that is refused with 412
    # would be a line with server and user.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
