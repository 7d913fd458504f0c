"""The directory of one `kronos up`: its files and their owners, and the lock that lets only one run in it."""

import fcntl
import json
import os
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from kronos.embedded.errors import HomeInUse, HomeUnusable, explained
from kronos.records import dataclass

# PostgreSQL's paths are limited to 1,023 bytes, and it appends its own names to ours.
_LONGEST_PATH_BYTES = 900
# For a `kronos up` that requests the lock at the same moment as a process that only checks it (running.py).
_LOCK_TRIES = 10
_LOCK_PAUSE_SECONDS = 0.05


def default_home() -> Path:
    """Return $KRONOS_HOME, otherwise $XDG_DATA_HOME/kronos, by default ~/.local/share/kronos.

    Raises HomeUnusable without a home directory.
    """
    if named := os.environ.get("KRONOS_HOME", ""):
        return absolute(named)
    base = os.environ.get("XDG_DATA_HOME", "")
    try:
        return (Path(base) if base.startswith("/") else Path.home() / ".local" / "share") / "kronos"
    except RuntimeError as error:
        raise HomeUnusable("this user has no home directory: name a directory for the data with --home DIR") from error


def absolute(named: str | Path) -> Path:
    """Return the path of a home from the root. Raises HomeUnusable if it is relative to a folder that was deleted."""
    try:
        return Path(named).absolute()
    except OSError as error:
        raise HomeUnusable(
            f"the home {named} is relative to the current folder, which cannot be found: {explained(error)}"
        ) from error


@dataclass(frozen=True, slots=True)
class Home:
    """Paths of one home. Others may read only `log`: all other files have mode 0600."""

    path: Path

    @property
    def run_json(self) -> Path:
        """How to reach this instance; exists while it is ready."""
        return self.path / "run.json"

    @property
    def lock(self) -> Path:
        """Held by the `kronos up` that runs here; contains its process ID and URL."""
        return self.path / "lock"

    @property
    def admin_key_file(self) -> Path:
        """The key of the instance's administrator, created at the first start."""
        return self.path / "admin.key"

    @property
    def encryption_key_file(self) -> Path:
        """The keys that secrets are encrypted with, created at the first start unless the environment names others."""
        return self.path / "encryption.key"

    @property
    def cluster_json(self) -> Path:
        """Port of the embedded cluster, and the passwords of its superuser and of the logins of API and workers."""
        return self.path / "cluster.json"

    @property
    def postgres(self) -> Path:
        """The embedded cluster, or a link to it if PostgreSQL's user cannot enter the home."""
        return self.path / "postgres"

    @property
    def log(self) -> Path:
        """The logs of PostgreSQL, the API and the workers, a file each."""
        return self.path / "log"

    def require_usable(self) -> None:
        """Check the path without creating anything. Raises HomeUnusable if PostgreSQL, JSON or the system cannot work
        with it."""
        name = os.fsencode(self.path)
        shown = name.decode(errors="backslashreplace").encode("unicode_escape").decode()
        if any(byte < 0x20 or byte == 0x7F for byte in name):
            raise HomeUnusable(f"the home {shown} has a control character in its name: choose another --home")
        if not _is_utf8(name):
            raise HomeUnusable(f"the name of the home {shown} is not UTF-8: choose another --home")
        if len(name) > _LONGEST_PATH_BYTES:
            raise HomeUnusable(
                f"the path of the home has {len(name)} bytes, but PostgreSQL can use only {_LONGEST_PATH_BYTES}: "
                "choose another --home"
            )
        if self.path.exists() and not (self.path.is_dir() and os.access(self.path, os.R_OK | os.W_OK | os.X_OK)):
            raise HomeUnusable(
                f"the home {self.path} is not a directory that this user may write to: choose another --home"
            )

    def create(self) -> None:
        """Create the directory. PostgreSQL's own user passes through a home of root, hence its mode 0711. Raises
        HomeUnusable."""
        try:
            if not self.path.exists():
                self.path.mkdir(parents=True, exist_ok=True)
                self.path.chmod(0o711 if os.geteuid() == 0 else 0o700)
        except OSError as error:
            raise HomeUnusable(f"the home {self.path} cannot be created: {explained(error)}") from error


def write_private(path: Path, content: str) -> None:
    """Write the file completely or not at all, readable only by its owner."""
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".new", dir=path.parent)  # with mode 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)  # leave no half-written key on a full disk
        raise


class HomeLock:
    """Held by the only `kronos up` of a home; the kernel releases it when that process ends, for whatever reason."""

    def __init__(self, home: Home, url: str) -> None:
        """`url` is shown to a second `up`, also while the first is still starting."""
        self._home = home
        self._url = url
        self._descriptor = -1

    def __enter__(self) -> Self:
        """Take the lock. Raises HomeInUse."""
        descriptor = os.open(self._home.lock, os.O_RDWR | os.O_CREAT, 0o600)
        if not _is_taken(descriptor):
            holder = os.pread(descriptor, 4096, 0).decode(errors="replace")
            os.close(descriptor)
            raise HomeInUse(_refusal(self._home.path, holder))
        self._descriptor = descriptor
        self.tell(self._url)
        return self

    def tell(self, url: str) -> None:
        """Replace the URL that is shown to a second `up`."""
        content = json.dumps({"pid": os.getpid(), "url": url}).encode()
        os.pwrite(self._descriptor, content, 0)
        os.ftruncate(self._descriptor, len(content))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release the lock."""
        os.close(self._descriptor)


def _is_taken(descriptor: int) -> bool:
    """Return whether this process got the lock. Retries briefly, because a process that checks whether the lock is free
    holds it meanwhile."""
    for left in reversed(range(_LOCK_TRIES)):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if left:
                time.sleep(_LOCK_PAUSE_SECONDS)  # nothing signals that the lock was released
            continue
        return True
    return False


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def _refusal(home: Path, holder: str) -> str:
    try:
        holder_says = json.loads(holder)
        return (
            f"kronos up is already running in {home}: process {holder_says['pid']}, {holder_says['url']}. Stop it, or "
            "use another --home."
        )
    except (ValueError, KeyError, TypeError):
        # It holds the lock but has not written its process ID yet: the moment between two system calls.
        return f"kronos up is just starting in {home}. Stop it first, or use another --home."
