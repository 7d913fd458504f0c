"""Find the `kronos up` that is running in a home, from another process."""

import fcntl
import json
import os
import stat
from pathlib import Path

from kronos.embedded.errors import HomeUnusable
from kronos.embedded.home import Home, default_home
from kronos.records import dataclass


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
    hold the home's lock. If another user wrote it, the key must be theirs: one user must not name both an address and
    the file with somebody else's key to send there.
    """
    try:
        with home.run_json.open(encoding="utf-8") as file:
            owner, run = os.fstat(file.fileno()).st_uid, json.load(file)
        found = Running(
            url=str(run["url"]),
            admin_key_file=Path(str(run["admin_key_file"])),
            database_url=str(run["database_url"]),
            pid=int(run["pid"]),
        )
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):  # whatever the file contains
        return None
    if owner != os.geteuid() and not _has_own_key(home, found, owner):
        return None
    return found if _holder(home) == found.pid else None


def _has_own_key(home: Home, found: Running, owner: int) -> bool:
    """Return whether the key is the home's own file, and belongs to the user who wrote run.json."""
    try:
        own = home.admin_key_file.lstat()
        return own.st_uid == owner and stat.S_ISREG(own.st_mode) and found.admin_key_file.samefile(home.admin_key_file)
    except OSError:
        return False


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
