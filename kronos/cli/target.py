"""Which API a command asks, with which key and in which workspace.

The first that names the address decides: the option --url or --context, then KRONOS_URL, then KRONOS_CONTEXT or the
context that `kronos context use` chose, then the `kronos up` that runs here. A context's workspace and key go with its
address and with no other: a key is sent to nobody whom it was not given for.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import click

from kronos.cli import contexts
from kronos.cli.client import Client
from kronos.cli.contexts import KeptContext
from kronos.cli.exits import Ended, Exit
from kronos.cli.inputs import text_of
from kronos.embedded import running
from kronos.embedded.running import Running

_NO_ADDRESS = (
    "no API is known: pass --url, set KRONOS_URL, choose a context (kronos context use), or start one with `kronos up`"
    "; of one with a --home DIR of its own DIR/run.json has the url, and DIR/admin.key the key"
)
_NO_KEY = "no key is known: pass --key-file, set KRONOS_API_KEY, or keep one in a context"
_NO_WORKSPACE = "Missing option '--workspace' / '-w'. Or set KRONOS_WORKSPACE, or keep one in a context."
_TWO_ADDRESSES = "--url and --context both say where the API is: leave one of them out"
_MORE_THAN_AN_ADDRESS = (
    "what was given as the address of an API holds more than that: write it like http://127.0.0.1:8080, and "
    "the key into a --key-file"
)
# What the environment says to the command line alone; of all else `kronos` says whether it means anything.
_OWN = {"KRONOS_URL", "KRONOS_API_KEY", "KRONOS_WORKSPACE", "KRONOS_CONTEXT", "KRONOS_PING_URL", "KRONOS_RUN_ID"}
Source = Literal["option", "environment", "context", "kronos up"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhereAsked:
    """What the common options say."""

    url: str | None = None
    context: str | None = None
    key_file: Path | None = None
    workspace: str | None = None

    def __post_init__(self) -> None:
        """Raises UsageError where an option is given and says nothing, as of a variable that is not set: what is asked
        then is not what the environment names."""
        for name in ("url", "context", "workspace"):
            if getattr(self, name) == "":
                raise click.UsageError(f"--{name} is empty: leave it out, or say which one is meant")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where requests go, what says so, and the workspace, where one is named."""

    client: Client
    workspace: str | None
    url_from: Source
    key_from: Source
    workspace_from: Source | None

    def needed_workspace(self) -> str:
        """The workspace. Raises UsageError where none is named."""
        if not self.workspace:
            raise click.UsageError(_NO_WORKSPACE)
        return self.workspace


def find(asked: WhereAsked) -> Target:
    """What the options name, else the environment, else a context, else the `kronos up` that runs here. Raises
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
    """The context that is used; None where the address is from elsewhere. Raises ClickException."""
    if asked.context:
        if asked.url:
            raise click.UsageError(_TWO_ADDRESSES)
        return contexts.read(asked.context)
    if asked.url or os.environ.get("KRONOS_URL"):
        return None
    name = os.environ.get("KRONOS_CONTEXT") or contexts.current()
    return None if name is None else contexts.read(name)


def workspace_of(asked: WhereAsked, context: KeptContext | None) -> tuple[str | None, Source | None]:
    """The workspace, and what says so."""
    from_environment = os.environ.get("KRONOS_WORKSPACE")
    if asked.workspace:
        return asked.workspace, "option"
    if asked.context and context is not None and context.workspace:
        return context.workspace, "option"
    if from_environment:
        return from_environment, "environment"
    return (context.workspace, "context") if context is not None and context.workspace else (None, None)


def _address(asked: WhereAsked, context: KeptContext | None) -> tuple[str, Source, Running | None]:
    """The address, what says so, and the `kronos up` that it is of."""
    if asked.url:
        return asked.url, "option", None
    if context is not None:
        return context.url, "option" if asked.context else "context", None
    if from_environment := os.environ.get("KRONOS_URL"):
        return from_environment, "environment", None
    here = running.here()  # it must run: only then is its port known to be its own, and gets its key
    if here is None:
        raise Ended(_NO_ADDRESS, Exit.USAGE)
    return here.url, "kronos up", here


def _key(asked: WhereAsked, context: KeptContext | None, here: Running | None, *, is_named: bool) -> tuple[str, Source]:
    """The key, and what says so. Raises Ended."""
    own = None if context is None else context.key
    from_environment = os.environ.get("KRONOS_API_KEY")
    key: str | None
    source: Source
    if asked.key_file is not None:
        key, source = key_in(asked.key_file), "option"
    elif is_named and own:
        key, source = own, "option"
    elif from_environment:
        key, source = from_environment, "environment"
    elif own:
        key, source = own, "context"
    else:
        key, source = (key_in(here.admin_key_file) if here else None), "kronos up"
    if not key:
        raise Ended(_NO_KEY, Exit.USAGE)
    require_key(key)
    return key, source


def key_in(path: Path) -> str:
    """The key in a file, or in standard input for `-`. Raises Ended."""
    try:
        key = text_of(str(path)).strip()
    except (OSError, ValueError) as error:
        raise Ended(f"no key can be read from {path}: {error}", Exit.USAGE) from None
    if not key:
        raise Ended(f"no key can be read from {path}: there is nothing in it", Exit.USAGE)
    return key


def require_key(key: str) -> None:
    """That it has the form of one. Raises Ended, which does not show it."""
    if not re.fullmatch(r"[\x21-\x7e]{1,256}", key, re.ASCII):
        raise Ended("what was given as a key is none: a key is one word, such as kr_live_…", Exit.USAGE)


def _judged(url: str) -> str:
    if any(character in url for character in "@?#"):
        raise Ended(_MORE_THAN_AN_ADDRESS, Exit.USAGE)
    if not is_address(url):
        raise Ended(f"{url!r} is no address of an API: write it like http://127.0.0.1:8080", Exit.USAGE)
    return url


def require_address(url: str) -> None:
    """That requests can be sent there. Raises Ended."""
    _judged(url)


def is_address(url: str) -> bool:
    """Whether requests can be sent there."""
    if not re.fullmatch(r"[\x21-\x7e]+", url):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def warn_of_unknown() -> None:
    """A line for each KRONOS_* variable that means nothing."""
    if any(name.startswith("KRONOS_") and name not in _OWN for name in os.environ):
        from kronos.cli import environment  # here: it loads the settings of all processes

        environment.warn_of_unknown()
