"""Processes of an earlier release, as they run during an upgrade."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conftest import await_condition


@contextmanager
def running(previous: Path, database_url: str, command: str, ready: str, lines: list[str]) -> Iterator[re.Match[str]]:
    """A process of the previous release; the first match of `ready` in its log."""
    environment = os.environ | {
        "KRONOS_DATABASE_URL": database_url,
        "KRONOS_PORT": "0",
        "KRONOS_EGRESS_ALLOW": "127.0.0.0/8",
    }
    child = subprocess.Popen(
        [sys.executable, "-m", "kronos", command], cwd=previous, env=environment, stderr=subprocess.PIPE, text=True
    )
    assert child.stderr is not None
    reader = threading.Thread(target=lambda stream: lines.extend(stream), args=[child.stderr])
    reader.start()
    try:
        yield await_found(lines, ready)
    finally:
        child.terminate()
        child.wait(60)
        reader.join()
        child.stderr.close()


def await_found(lines: list[str], pattern: str) -> re.Match[str]:
    found: list[re.Match[str]] = []

    def look() -> bool:
        found.extend(match for line in list(lines) if (match := re.search(pattern, line)))
        return bool(found)

    await_condition(look, f"{pattern} in {''.join(lines)}")
    return found[0]
