"""Find the `kronos up` that is running in a home, from another process."""

import fcntl
import json
import os
import re
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
    owner: int
    """The user who wrote it."""

    @property
    def is_mine(self) -> bool:
        """Whether this user wrote it."""
        return self.owner == os.geteuid()

    def read_key(self) -> str:
        """Return the administrator's key. The key in another user's home must be that user's when it is read: the file
        could be exchanged after `find` has looked at it. Raises OSError, ValueError."""
        with open(os.open(self.admin_key_file, os.O_RDONLY | os.O_NONBLOCK), encoding="utf-8") as file:
            opened = os.fstat(file.fileno())
            if not self.is_mine and not (opened.st_uid == self.owner and stat.S_ISREG(opened.st_mode)):
                raise PermissionError("it is not a file of the user whose home it is in")
            return file.read().strip()


# What `kronos up` writes. Without a password, libpq looks for one among this user's own, for the host that the URL
# names; its parameters name certificates, keys and password files.
_ITS_OWN_SERVER = re.compile(r"postgresql://[a-z_]+:[A-Za-z0-9_.~%-]+@127\.0\.0\.1:[0-9]{1,5}/[a-z_]+", re.ASCII)


def find(home: Home) -> Running | None:
    """Return the instance that is ready in this home; None if there is none.

    run.json alone proves nothing: it survives kill -9, and another program may have taken its port. Its writer must
    hold the home's lock. If another user wrote it, the key must be theirs, and the database a server on this machine
    with its password: one user must not name both an address and the file with somebody else's key or password to send
    there.
    """
    try:
        with home.run_json.open(encoding="utf-8") as file:
            owner, run = os.fstat(file.fileno()).st_uid, json.load(file)
        found = Running(
            url=str(run["url"]),
            admin_key_file=Path(str(run["admin_key_file"])),
            database_url=str(run["database_url"]),
            pid=int(run["pid"]),
            owner=owner,
        )
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):  # whatever the file contains
        return None
    is_its_own = _ITS_OWN_SERVER.fullmatch(found.database_url) is not None and _has_own_key(home, found)
    if not found.is_mine and not is_its_own:
        return None
    return found if _holder(home) == found.pid else None


def _has_own_key(home: Home, found: Running) -> bool:
    """Return whether the key is the home's own file, and belongs to the user who wrote run.json."""
    try:
        own = home.admin_key_file.lstat()
        return (
            own.st_uid == found.owner
            and stat.S_ISREG(own.st_mode)
            and found.admin_key_file.samefile(home.admin_key_file)
        )
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
