"""Where the embedded cluster's files lie: in the home, or where PostgreSQL's own user can reach them."""

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
# A comma parts directories for PostgreSQL, and hosts for libpq; a backslash escapes.
_OF_LISTS = ",\\"


def place(home: Home, user: OsUser, note: Callable[[str], None]) -> Path:
    """The cluster's directory, made if missing and owned by `user`; the same one at every start of a home.

    Where `user` cannot pass through the home (root's own directories have mode 0700), the files lie below
    /var/lib/kronos and the home holds a link to them.
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
    if place.exists():  # the home was deleted and made again: a new home begins empty, and nothing is thrown away
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
    """Where a deleted home at this path would have left its data, and perhaps a server."""
    return SHARED_ROOT / _digest(home.path)


def remove(home: Home) -> None:
    """Deletes the cluster's files, also where only a link to them lies in the home."""
    if home.postgres.exists():
        shutil.rmtree(home.postgres.resolve())
    if home.postgres.is_symlink():
        home.postgres.unlink()


def socket_dir(place: Path, user: OsUser) -> Path:
    """A directory of mode 0700 for the cluster's socket, made if missing: in `place` where its path is short and plain
    enough.

    It must stay the same: before pg_cron 1.5 each entry holds the directory it was registered with.
    Raises ClusterFailed where another user made it.
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
    """Makes the folder, and those above it that are missing, for everybody to pass through, whatever the umask is."""
    if not folder.exists():
        _make_passable(folder.parent)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o711)


def _can_reach(path: Path, user: OsUser) -> bool:
    """Whether `user` can pass through `path`: asked of the kernel, as that user, because modes are not all there is."""
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
