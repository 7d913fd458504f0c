"""Which API a command uses, with which key and in which workspace.

The first of these that is set selects the address: the option --url or --context, then KRONOS_URL, then KRONOS_CONTEXT
or the context that `kronos context use` chose, then the local `kronos up`. A context's workspace and key are only used
with its own address: a key is never sent to an address that it was not given for.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import click

from kronos.cli import contexts
from kronos.cli.client import Client
from kronos.cli.contexts import KeptContext
from kronos.cli.exits import Ended, Exit
from kronos.cli.inputs import text_of
from kronos.cli.local import none_here
from kronos.embedded import running
from kronos.embedded.running import Running
from kronos.records import dataclass

_NO_ADDRESS = (
    "no API is configured: pass --url, set KRONOS_URL, choose a context (kronos context use), or start one with "
    "`kronos up`; "
)
_NO_KEY = "no API key is configured: pass --key-file, set KRONOS_API_KEY, or save one in a context"
_NOT_THEIRS = (
    "KRONOS_API_KEY is not sent to the instance in KRONOS_HOME, which another user runs: name its address with --url "
    "or KRONOS_URL, or unset KRONOS_API_KEY"
)
_NO_WORKSPACE = "Missing option '--workspace' / '-w'. Or set KRONOS_WORKSPACE, or save one in a context."
_TWO_ADDRESSES = "--url and --context both name an API: pass only one of the two"
_MORE_THAN_AN_ADDRESS = (
    "the address of the API contains more than an address: write it like http://127.0.0.1:8080, and pass the key in a "
    "--key-file"
)
# Variables that only the command line reads. Any other KRONOS_* variable may be a setting, or unknown.
_OWN = {
    *("KRONOS_URL", "KRONOS_API_KEY", "KRONOS_WORKSPACE", "KRONOS_CONTEXT", "KRONOS_HOME"),
    *("KRONOS_PING_URL", "KRONOS_RUN_ID"),
}
Source = Literal["option", "environment", "context", "kronos up"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhereAsked:
    """The values of the common options."""

    url: str | None = None
    context: str | None = None
    key_file: Path | None = None
    workspace: str | None = None

    def __post_init__(self) -> None:
        """Raises UsageError if an option is empty, as with a shell variable that is not set. Falling back to the
        environment would use an API that the user did not mean."""
        for name in ("url", "context", "workspace"):
            if getattr(self, name) == "":
                raise click.UsageError(f"--{name} is empty: omit it, or pass a value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The API and the workspace of a command, and where each value comes from."""

    client: Client
    workspace: str | None
    url_from: Source
    key_from: Source
    workspace_from: Source | None

    def needed_workspace(self) -> str:
        """Return the workspace. Raises UsageError if none is given."""
        if not self.workspace:
            raise click.UsageError(_NO_WORKSPACE)
        return self.workspace


def find(asked: WhereAsked) -> Target:
    """Return the target that the options name, or else the environment, a context, or the local `kronos up`. Raises
    ClickException."""
    context = chosen(asked)
    url, url_from, here = _address(asked, context)
    key, key_from = _key(asked, context, here, is_named=asked.context is not None)
    workspace, workspace_from = workspace_of(asked, context)
    client = Client(url=_judged(url), key=key, context=None if context is None else context.name)
    return Target(
        client=client, workspace=workspace, url_from=url_from, key_from=key_from, workspace_from=workspace_from
    )


def chosen(asked: WhereAsked) -> KeptContext | None:
    """Return the context to use; None if the address comes from elsewhere. Raises ClickException."""
    if asked.context:
        if asked.url:
            raise click.UsageError(_TWO_ADDRESSES)
        return contexts.read(asked.context)
    if asked.url or os.environ.get("KRONOS_URL"):
        return None
    name = os.environ.get("KRONOS_CONTEXT") or contexts.current()
    return None if name is None else contexts.read(name)


def workspace_of(asked: WhereAsked, context: KeptContext | None) -> tuple[str | None, Source | None]:
    """Return the workspace and its source."""
    from_environment = os.environ.get("KRONOS_WORKSPACE")
    if asked.workspace:
        return asked.workspace, "option"
    if asked.context and context is not None and context.workspace:
        return context.workspace, "option"
    if from_environment:
        return from_environment, "environment"
    return (context.workspace, "context") if context is not None and context.workspace else (None, None)


def _address(asked: WhereAsked, context: KeptContext | None) -> tuple[str, Source, Running | None]:
    """Return the address, its source, and the `kronos up` that it belongs to."""
    if asked.url:
        return asked.url, "option", None
    if context is not None:
        return context.url, "option" if asked.context else "context", None
    if from_environment := os.environ.get("KRONOS_URL"):
        return from_environment, "environment", None
    here = running.here()  # it must be running: otherwise the key could go to another program on its port
    if here is None:
        raise Ended(_NO_ADDRESS + none_here(), Exit.USAGE)
    return here.url, "kronos up", here


def _key(asked: WhereAsked, context: KeptContext | None, here: Running | None, *, is_named: bool) -> tuple[str, Source]:
    """Return the key and its source. Raises Ended."""
    own = None if context is None else context.key
    from_environment = os.environ.get("KRONOS_API_KEY")
    key: str | None
    source: Source
    if asked.key_file is not None:
        key, source = key_in(asked.key_file), "option"
    elif is_named and own:
        key, source = own, "option"
    elif from_environment:
        if here is not None and not here.is_mine:
            raise Ended(_NOT_THEIRS, Exit.USAGE)
        key, source = from_environment, "environment"
    elif own:
        key, source = own, "context"
    else:
        key, source = (_key_of(here.admin_key_file, here.read_key) if here else None), "kronos up"
    if not key:
        raise Ended(_NO_KEY, Exit.USAGE)
    require_key(key)
    return key, source


def key_in(path: Path) -> str:
    """Return the key in a file, or on standard input for `-`. Raises Ended."""
    return _key_of(path, lambda: text_of(str(path)).strip())


def _key_of(path: Path, read: Callable[[], str]) -> str:
    try:
        key = read()
    except (OSError, ValueError) as error:
        raise Ended(f"cannot read a key from {path}: {error}", Exit.USAGE) from None
    if not key:
        raise Ended(f"cannot read a key from {path}: it is empty", Exit.USAGE)
    return key


def require_key(key: str) -> None:
    """Check that the text has the form of a key. Raises Ended, without showing it."""
    if not re.fullmatch(r"[\x21-\x7e]{1,256}", key, re.ASCII):
        raise Ended("the given key is not a key: a key is one word, such as kr_live_…", Exit.USAGE)


def _judged(url: str) -> str:
    if any(character in url for character in "@?#"):
        raise Ended(_MORE_THAN_AN_ADDRESS, Exit.USAGE)
    if not is_address(url):
        raise Ended(f"{url!r} is not an address of an API: write it like http://127.0.0.1:8080", Exit.USAGE)
    return url


def require_address(url: str) -> None:
    """Check that requests can be sent to a URL. Raises Ended."""
    _judged(url)


def is_address(url: str) -> bool:
    """Return whether requests can be sent to a URL."""
    if not re.fullmatch(r"[\x21-\x7e]+", url):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def warn_of_unknown() -> None:
    """Print a line for each KRONOS_* variable that is not a setting."""
    if any(name.startswith("KRONOS_") and name not in _OWN for name in os.environ):
        from kronos.cli import environment  # imported here: it loads the settings of all processes

        environment.warn_of_unknown()
