"""Find the `kronos up` that is running in a home, from another process."""

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path

from kronos.embedded.errors import HomeUnusable
from kronos.embedded.home import Home, default_home


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """The contents of run.json."""

    url: str
    admin_key_file: Path
    database_url: str
    pid: int


def find(home: Home) -> Running | None:
    """Return the instance that is ready in this home; None if there is none.

    run.json alone proves nothing: it survives kill -9, and another program may have taken its port. Its writer must
    hold the home's lock.
    """
    try:
        run = json.loads(home.run_json.read_text(encoding="utf-8"))
        found = Running(
            url=str(run["url"]),
            admin_key_file=Path(str(run["admin_key_file"])),
            database_url=str(run["database_url"]),
            pid=int(run["pid"]),
        )
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):  # whatever the file contains
        return None
    return found if _holder(home) == found.pid else None


def here() -> Running | None:
    """Return the instance that is ready in the default home; None if there is none, or this user has no home."""
    try:
        return find(Home(default_home()))
    except HomeUnusable:
        return None


def _holder(home: Home) -> int | None:
    """Return the process that holds the home's lock; None if none does, or if it has not written its ID yet."""
    try:
        descriptor = os.open(home.lock, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # released immediately, by the close below
    except BlockingIOError:
        try:
            return int(json.loads(os.pread(descriptor, 4096, 0))["pid"])
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return None
    finally:
        os.close(descriptor)
    return None
