"""The `kronos up` that runs in a home, as another process finds it."""

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path

from kronos.embedded.errors import HomeUnusable
from kronos.embedded.home import Home, default_home


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What is in run.json."""

    url: str
    admin_key_file: Path
    database_url: str
    pid: int


def find(home: Home) -> Running | None:
    """The instance that is ready in this home; None where none is.

    run.json alone is no evidence: after kill -9 it stays, and its port may be a stranger's. Its writer must hold the
    home's lock.
    """
    try:
        run = json.loads(home.run_json.read_text(encoding="utf-8"))
        found = Running(
            url=str(run["url"]),
            admin_key_file=Path(str(run["admin_key_file"])),
            database_url=str(run["database_url"]),
            pid=int(run["pid"]),
        )
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):  # whatever somebody wrote there
        return None
    return found if _holder(home) == found.pid else None


def here() -> Running | None:
    """The instance that is ready in the default home; None where none is, or this user has no home."""
    try:
        return find(Home(default_home()))
    except HomeUnusable:
        return None


def _holder(home: Home) -> int | None:
    """The process that holds the home's lock; None where nobody does, or it has not said yet who it is."""
    try:
        descriptor = os.open(home.lock, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # let go of at once, by the close below
    except BlockingIOError:
        try:
            return int(json.loads(os.pread(descriptor, 4096, 0))["pid"])
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return None
    finally:
        os.close(descriptor)
    return None
