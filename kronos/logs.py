"""Logging: one line per event, as text for people or as JSON for collectors. No secret, body or header's value is ever
logged. For lines and their fields see kronos/lines.py and docs/logs.md."""

import logging
import sys
from datetime import UTC, datetime

import orjson

from kronos.config import Settings
from kronos.lines import known_here
from kronos.redaction import redacted
from kronos.traces.switch import SWITCH

OF_A_LIBRARY = "library"
"""The event of a line that a library logs."""


class JsonLines(logging.Formatter):
    """One JSON object per line: at, level, logger, event, message; the event's fields, the request, the trace; and an
    error's traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON."""
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
        return redacted(_encoded(line))


class _TextLines(logging.Formatter):
    """A line for people. The timestamp's second is formatted once for all of its lines."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s.%(msecs)03d %(levelname)-7s %(name)s: %(message)s", datefmt="%Y-%m-%d %H:%M:%S")
        self._second = (0, "")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the record's line, with its request if it has one."""
        said = super().formatMessage(record)
        request = known_here().get("request_id")
        return said if request is None or str(request) in record.message else f"{said} (request {request})"

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a line, with its traceback below."""
        return redacted(super().format(record))

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """Return the record's second."""
        if self._second[0] != int(record.created):
            self._second = int(record.created), super().formatTime(record, datefmt)
        return self._second[1]


def _encoded(line: dict[str, object]) -> str:
    """Return the line as JSON. A name of a file or variable may not be UTF-8: it must not cost the line."""
    try:
        return orjson.dumps(line, option=orjson.OPT_UTC_Z).decode()
    except TypeError:
        plain = {
            name: value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value
            for name, value in line.items()
        }
        return orjson.dumps(plain, option=orjson.OPT_UTC_Z).decode()


def configure(settings: Settings) -> None:
    """Send this process's log lines to standard error, in the format and from the level of the settings."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if settings.log_format == "json" else _TextLines())
    # No line names its thread, process or source: finding these takes a third of a line's time (logging's HOWTO,
    # "Optimization").
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    # Kronos logs its start and end itself, and its requests (kronos/api/middleware.py).
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # Its lines contain addresses and, at DEBUG, sent data, including a password. Deliveries report their own errors.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL + 1)
    # The pool logs every attempt and every dead connection; kronos.database logs one line, with the reason. The driver
    # warns of an error that it ignored after another one, which is raised anyway: every write rejected with 412 would
    # add a line with server and user.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
