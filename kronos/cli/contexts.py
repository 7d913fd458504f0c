"""Contexts: the APIs that somebody uses, each with its address, a workspace and a key, under a name in a file of its
own that nobody else can read."""

import json
import os
import re
import shlex
import stat
from dataclasses import dataclass, field
from pathlib import Path

from kronos.cli.exits import Ended, Exit
from kronos.embedded.home import write_private
from kronos.redaction import redacted

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_SUFFIX = ".json"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_MAX_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptContext:
    """One API, as one person uses it."""

    name: str
    url: str
    workspace: str | None = None
    key: str | None = field(default=None, repr=False)

    @property
    def key_shown(self) -> str | None:
        """What may be seen of its key: the public id, by which `kronos key ls` names it."""
        return None if self.key is None else shown_of(self.key)


def shown_of(key: str) -> str:
    """What may be seen of a key."""
    return shown if (shown := redacted(key)) != key else "***"


def folder() -> Path:
    """$XDG_CONFIG_HOME/kronos, by default ~/.config/kronos. Raises Ended for a user without a home."""
    try:
        return _folder()
    except RuntimeError:
        raise Ended(
            "this user has no home directory, in which contexts are kept: set XDG_CONFIG_HOME", Exit.USAGE
        ) from None


def _folder() -> Path:
    """As folder. Raises RuntimeError for a user without a home."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".config") / "kronos"


def path_of(name: str) -> Path:
    """Where a context of this name is kept. Raises Ended where none can have it."""
    if not _NAME.fullmatch(name):
        raise Ended(f"{name!r} is no name of a context: it is of letters, digits, dots, - and _", Exit.USAGE)
    return folder() / "contexts" / f"{name}{_SUFFIX}"


def names() -> list[str]:
    """The contexts that there are, by name."""
    try:
        found = [each.name for each in os.scandir(folder() / "contexts")]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise Ended(f"{folder() / 'contexts'} cannot be read: {error.strerror}", Exit.USAGE) from None
    return sorted(each.removesuffix(_SUFFIX) for each in found if each.endswith(_SUFFIX) and each[:1] != ".")


def current() -> str | None:
    """The one that `kronos context use` chose; none of a user without a home."""
    try:
        text = _private(_folder() / "context").strip()
    except (FileNotFoundError, NotADirectoryError, RuntimeError):
        return None
    return text or None


def use(name: str | None) -> None:
    """Makes it the present one; None: no one is."""
    if name is None:
        (folder() / "context").unlink(missing_ok=True)
    else:
        read(name)
        _write(folder() / "context", f"{name}\n")


def read(name: str) -> KeptContext:
    """The context of this name. Raises Ended."""
    path = path_of(name)
    try:
        found = json.loads(_private(path))
    except FileNotFoundError:
        there = ", ".join(names())
        hint = f"there are: {there}" if there else "add it: kronos context add NAME --url URL"
        raise Ended(f"there is no context {name!r}; {hint}", Exit.NOT_FOUND) from None
    except (ValueError, RecursionError):
        found = None
    fields = ("url", "workspace", "key")
    if not isinstance(found, dict) or not all(isinstance(found.get(each), str | None) for each in fields):
        raise Ended(f"{path} is not what `kronos context add` wrote there: add the context again", Exit.USAGE)
    if not found.get("url"):
        raise Ended(f"{path} names no url: add the context again", Exit.USAGE)
    return KeptContext(name=name, url=found["url"], workspace=found.get("workspace"), key=found.get("key"))


def write(context: KeptContext) -> Path:
    """Keeps it, in place of one of its name."""
    path = path_of(context.name)
    fields = {"url": context.url, "workspace": context.workspace, "key": context.key}
    _write(path, json.dumps({name: value for name, value in fields.items() if value is not None}, indent=2) + "\n")
    return path


def remove(name: str) -> None:
    """Forgets it, and its key. Raises Ended where there is none."""
    path = path_of(name)
    try:
        path.unlink()
    except FileNotFoundError:
        read(name)  # which says what there is
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
    """What is in a file that its owner alone can read. Raises FileNotFoundError, Ended."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        raise Ended(f"{path} cannot be read: {error.strerror}", Exit.USAGE) from None
    try:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            raise Ended(f"{path} is no file: remove it", Exit.USAGE)
        if state.st_uid not in (os.geteuid(), 0) and os.geteuid() != 0:
            raise Ended(f"{path} is somebody else's: its contents are not trusted", Exit.USAGE)
        if state.st_mode & _OTHERS:
            mode = stat.S_IMODE(state.st_mode)
            raise Ended(
                f"{path} has mode {mode:04o}: others can read or change it, and it may hold a key. "
                f"Run: chmod 600 {shlex.quote(str(path))}",
                Exit.USAGE,
            )
        return os.read(descriptor, _MAX_BYTES).decode("utf-8", "replace")
    finally:
        os.close(descriptor)
