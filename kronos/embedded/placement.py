"""The location of the embedded cluster's files: in the home, or where PostgreSQL's own user can reach them."""

import hashlib
import os
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from kronos.embedded.errors import ClusterFailed
from kronos.embedded.home import Home
from kronos.embedded.processes import OsUser

SHARED_ROOT = Path("/var/lib/kronos/clusters")
# sun_path holds 108 bytes with the final NUL; PostgreSQL adds this name to the directory's.
_LONGEST_SOCKET_DIR = 107 - len("/.s.PGSQL.65535")
# A comma separates directories for PostgreSQL, and hosts for libpq; a backslash escapes.
_OF_LISTS = ",\\"


def place(home: Home, user: OsUser, note: Callable[[str], None]) -> Path:
    """Return the cluster's directory, created if missing and owned by `user`; the same one at every start of a home.

    If `user` cannot pass through the home (root's own directories have mode 0700), the files are below /var/lib/kronos
    and the home has a link to them.
    """
    if home.postgres.is_dir():
        return home.postgres.resolve()
    if home.postgres.is_symlink():
        home.postgres.unlink()  # its target was removed by hand
    if _can_reach(home.path, user):
        home.postgres.mkdir(mode=0o700)
        user.own(home.postgres)
        return home.postgres.resolve()
    place = SHARED_ROOT / _digest(home.path)
    if place.exists():  # the home was deleted and recreated: a new home starts empty, and no data is deleted
        aside = place.with_name(f"{place.name}.{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}")
        place.rename(aside)
        note(f"an earlier home at {home.path} left its data behind; it is kept in {aside}")
    _make_passable(SHARED_ROOT)
    place.mkdir(mode=0o700)
    user.own(place)
    home.postgres.symlink_to(place)
    note(f"user {user.name}, who runs PostgreSQL, cannot enter {home.path}: its data is in {place}")
    return place


def earlier_place(home: Home) -> Path:
    """Return where a deleted home at this path would have left its data, and perhaps a running server."""
    return SHARED_ROOT / _digest(home.path)


def remove(home: Home) -> None:
    """Delete the cluster's files, also if the home only has a link to them."""
    if home.postgres.exists():
        shutil.rmtree(home.postgres.resolve())
    if home.postgres.is_symlink():
        home.postgres.unlink()


def socket_dir(place: Path, user: OsUser) -> Path:
    """Return a directory with mode 0700 for the cluster's socket, created if missing: in `place` if its path is short
    and plain enough.

    It must stay the same: before pg_cron 1.5 each entry keeps the directory with which it was registered.
    Raises ClusterFailed if another user created it.
    """
    chosen = place / "socket"
    if len(os.fsencode(chosen)) > _LONGEST_SOCKET_DIR or any(character in str(chosen) for character in _OF_LISTS):
        base = Path("/run") if os.access("/run", os.W_OK) else Path(tempfile.gettempdir())
        chosen = base / f"kronos-{_digest(place)}"
    if not chosen.exists():
        chosen.mkdir(mode=0o700)
        user.own(chosen)
    found = chosen.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != user.uid or stat.S_IMODE(found.st_mode) != 0o700:
        raise ClusterFailed(f"{chosen} is not a directory of user {user.name} with mode 0700: remove it")
    return chosen


def _make_passable(folder: Path) -> None:
    """Create the directory, and missing ones above it, so that everyone can pass through, whatever the umask is."""
    if not folder.exists():
        _make_passable(folder.parent)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o711)


def _can_reach(path: Path, user: OsUser) -> bool:
    """Return whether `user` can pass through `path`. The kernel decides, as that user: modes do not tell everything."""
    changed = user.popen_arguments()
    answer = subprocess.run(  # noqa: S603 - a constant command, the path is its argument
        ["/bin/sh", "-c", 'cd "$1"', "sh", path],
        cwd="/",
        stderr=subprocess.DEVNULL,
        check=False,
        user=changed.user,
        group=changed.group,
        extra_groups=changed.extra_groups,
    )
    return answer.returncode == 0


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
