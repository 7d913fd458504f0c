"""The log lines of a test, as a log collector receives them."""

import json
from typing import Any

import pytest

from kronos.logs import JsonLines

_LINES = JsonLines()


def all_told(caplog: pytest.LogCaptureFixture, event: str) -> list[dict[str, Any]]:
    """The lines with this event."""
    return [json.loads(_LINES.format(each)) for each in caplog.records if vars(each).get("event") == event]


def told(caplog: pytest.LogCaptureFixture, event: str) -> dict[str, Any]:
    """The only line with this event."""
    (line,) = all_told(caplog, event)
    return line


def written(log: str, event: str) -> list[dict[str, Any]]:
    """The lines with this event of a process that logs JSON."""
    lines = (json.loads(each) for each in log.splitlines() if each.startswith("{"))
    return [each for each in lines if each["event"] == event]
