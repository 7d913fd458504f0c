"""The directory of one `kronos up`: what lies where, who owns it, and that only one runs in it."""

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from kronos.embedded.errors import HomeInUse


def default_home() -> Path:
    """$XDG_DATA_HOME/kronos, by default ~/.local/share/kronos."""
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "share") / "kronos"


@dataclass(frozen=True, slots=True)
class Home:
    """Paths of one home. Nothing in it but `log` is for others to read: its files have mode 0600."""

    path: Path

    @property
    def run_json(self) -> Path:
        """Where this instance can be reached; there while it is ready."""
        return self.path / "run.json"

    @property
    def admin_key_file(self) -> Path:
        """The key of the instance's administrator, made at the first start."""
        return self.path / "admin.key"

    @property
    def cluster_json(self) -> Path:
        """Port of the embedded cluster, and the passwords of its superuser, of the API's login and of the workers'."""
        return self.path / "cluster.json"

    @property
    def postgres(self) -> Path:
        """The embedded cluster, or a link to it where PostgreSQL's user cannot come here."""
        return self.path / "postgres"

    @property
    def log(self) -> Path:
        """What PostgreSQL, the API and the workers say, a file each."""
        return self.path / "log"

    def create(self) -> None:
        """Makes the directories. PostgreSQL's own user passes through a home of root, hence its 0711."""
        if not self.path.exists():
            self.path.mkdir(parents=True, exist_ok=True)
            self.path.chmod(0o711 if os.geteuid() == 0 else 0o700)
        self.log.mkdir(mode=0o700, exist_ok=True)


def write_private(path: Path, content: str) -> None:
    """Writes the file whole or not at all, readable by its owner only."""
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


class HomeLock:
    """Held by the one `kronos up` of a home; the kernel frees it when that process ends, however it ends."""

    def __init__(self, home: Home, url: str) -> None:
        """`url` is what a second `up` is told, also while the first is still starting."""
        self._home = home
        self._url = url
        self._descriptor = -1

    def __enter__(self) -> Self:
        """Takes the lock. Raises HomeInUse."""
        descriptor = os.open(self._home.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 4096, 0).decode(errors="replace")
            os.close(descriptor)
            raise HomeInUse(_refusal(self._home.path, holder)) from error
        self._descriptor = descriptor
        self.tell(self._url)
        return self

    def tell(self, url: str) -> None:
        """Replaces the address that a second `up` is told."""
        content = json.dumps({"pid": os.getpid(), "url": url}).encode()
        os.pwrite(self._descriptor, content, 0)
        os.ftruncate(self._descriptor, len(content))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Frees the lock."""
        os.close(self._descriptor)


def _refusal(home: Path, holder: str) -> str:
    try:
        told = json.loads(holder)
        return f"kronos up already runs in {home}: process {told['pid']}, {told['url']}. Stop it, or use another --home."
    except (ValueError, KeyError, TypeError):
        # It holds the lock and has not yet written who it is: the instant between two system calls.
        return f"kronos up is just starting in {home}. Stop it first, or use another --home."
