"""Contexts: the APIs that a user has saved. Each has a name, an address, a workspace and a key, and is a file that only
its owner can read."""

import json
import os
import re
import shlex
import stat
from dataclasses import field
from pathlib import Path

from kronos.cli.exits import Ended, Exit
from kronos.embedded.home import write_private
from kronos.records import dataclass
from kronos.redaction import redacted

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_SUFFIX = ".json"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_MAX_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptContext:
    """One saved API."""

    name: str
    url: str
    workspace: str | None = None
    key: str | None = field(default=None, repr=False)

    @property
    def key_shown(self) -> str | None:
        """The part of the key that may be shown: the public id, by which `kronos key ls` lists it."""
        return None if self.key is None else shown_of(self.key)


def shown_of(key: str) -> str:
    """Return the part of a key that may be shown."""
    return shown if (shown := redacted(key)) != key else "***"


def folder() -> Path:
    """Return $XDG_CONFIG_HOME/kronos, by default ~/.config/kronos. Raises Ended for a user without a home directory."""
    try:
        return _folder()
    except RuntimeError:
        raise Ended("this user has no home directory for contexts: set XDG_CONFIG_HOME", Exit.USAGE) from None


def _folder() -> Path:
    """Like folder. Raises RuntimeError for a user without a home directory."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".config") / "kronos"


def path_of(name: str) -> Path:
    """Return the file of the context with this name. Raises Ended if the name is invalid."""
    if not _NAME.fullmatch(name):
        raise Ended(f"{name!r} is not a valid context name: use letters, digits, dots, - and _", Exit.USAGE)
    return folder() / "contexts" / f"{name}{_SUFFIX}"


def names() -> list[str]:
    """Return the names of all contexts."""
    try:
        found = [each.name for each in os.scandir(folder() / "contexts")]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise Ended(f"{folder() / 'contexts'} cannot be read: {error.strerror}", Exit.USAGE) from None
    return sorted(each.removesuffix(_SUFFIX) for each in found if each.endswith(_SUFFIX) and each[:1] != ".")


def current() -> str | None:
    """Return the context that `kronos context use` chose. A user without a home directory has none."""
    try:
        text = _private(_folder() / "context").strip()
    except (FileNotFoundError, NotADirectoryError, RuntimeError):
        return None
    return text or None


def use(name: str | None) -> None:
    """Make this the current context; None: no context."""
    if name is None:
        (folder() / "context").unlink(missing_ok=True)
    else:
        read(name)
        _write(folder() / "context", f"{name}\n")


def read(name: str) -> KeptContext:
    """Return the context with this name. Raises Ended."""
    path = path_of(name)
    try:
        found = json.loads(_private(path))
    except FileNotFoundError:
        there = ", ".join(names())
        hint = f"contexts: {there}" if there else "add it: kronos context add NAME --url URL"
        raise Ended(f"context {name!r} does not exist; {hint}", Exit.NOT_FOUND) from None
    except (ValueError, RecursionError):
        found = None
    fields = ("url", "workspace", "key")
    if not isinstance(found, dict) or not all(isinstance(found.get(each), str | None) for each in fields):
        raise Ended(f"{path} is not a file that `kronos context add` wrote: add the context again", Exit.USAGE)
    if not found.get("url"):
        raise Ended(f"{path} has no url: add the context again", Exit.USAGE)
    return KeptContext(name=name, url=found["url"], workspace=found.get("workspace"), key=found.get("key"))


def write(context: KeptContext) -> Path:
    """Save a context; one with the same name is replaced."""
    path = path_of(context.name)
    fields = {"url": context.url, "workspace": context.workspace, "key": context.key}
    _write(path, json.dumps({name: value for name, value in fields.items() if value is not None}, indent=2) + "\n")
    return path


def remove(name: str) -> None:
    """Delete a context, with its key. Raises Ended if it does not exist."""
    path = path_of(name)
    try:
        path.unlink()
    except FileNotFoundError:
        read(name)  # raises, and lists the contexts
    except OSError as error:
        raise Ended(f"{path} cannot be removed: {error.strerror}") from None
    if current() == name:
        use(None)


def _write(path: Path, content: str) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(path, content)
    except OSError as error:
        raise Ended(f"{path} cannot be written: {error.strerror}") from None


def _private(path: Path) -> str:
    """Return the content of a file that only its owner can read. Raises FileNotFoundError, Ended."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        raise Ended(f"{path} cannot be read: {error.strerror}", Exit.USAGE) from None
    try:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            raise Ended(f"{path} is not a regular file: remove it", Exit.USAGE)
        if state.st_uid not in (os.geteuid(), 0) and os.geteuid() != 0:
            raise Ended(f"{path} belongs to another user: its content is not trusted", Exit.USAGE)
        if state.st_mode & _OTHERS:
            mode = stat.S_IMODE(state.st_mode)
            raise Ended(
                f"{path} has mode {mode:04o}: other users can read or change it, and it may contain a key. "
                f"Run: chmod 600 {shlex.quote(str(path))}",
                Exit.USAGE,
            )
        return os.read(descriptor, _MAX_BYTES).decode("utf-8", "replace")
    finally:
        os.close(descriptor)
