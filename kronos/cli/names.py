"""Names of things, as a shell completes them: asked of the API that the typed options name.

Nothing is asked of the person, nothing is said where the API does not answer, and no key is waited for: a shell that
hangs at a tab is worse than one that knows no names.
"""

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final

import click
from click.shell_completion import CompletionItem

from kronos.cli import contexts, target
from kronos.model import Json, JsonObject

SECONDS: Final = 1.5
"""Without a byte of an answer."""
MOST_SECONDS: Final = 3.0
"""In all: whatever comes in between."""
_MOST: Final = 200
# A name is another person's text: one in which a shell would find something to expand or to run is not completed, nor
# one that a command would take for an option.
_HARMLESS = re.compile(r"(?!-)[\w.:@+=/-]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedKind:
    """What can be named: the list that has it, the fields that name one, and the one that says more."""

    path: tuple[str, ...]
    fields: tuple[str, ...]
    more: str | None = None
    is_searched: bool = False
    """The list takes `q`: what is typed already."""
    in_workspace: bool = True


_JOBS = NamedKind(path=("jobs",), fields=("name", "job_id"), more="description", is_searched=True)
_ENDPOINTS = NamedKind(path=("endpoints",), fields=("name",), more="title")
_CONFIGS = NamedKind(path=("configs",), fields=("name",))
_CALENDARS = NamedKind(path=("calendars",), fields=("name",))
_SPECS = NamedKind(path=("payload-specs",), fields=("name",))
_SECRETS = NamedKind(path=("secrets",), fields=("name",))
_KEYS = NamedKind(path=("keys",), fields=("public_id",), more="name")
_EXECUTIONS = NamedKind(path=("executions",), fields=("execution_id",), more="status")
_OPERATIONS = NamedKind(path=("operations",), fields=("operation_id",), more="status")
_RULES = NamedKind(path=("alert-rules",), fields=("name",), more="severity")
_INCIDENTS = NamedKind(path=("incidents",), fields=("incident_id",), more="detail")
_WORKSPACES = NamedKind(path=("workspaces",), fields=("slug",), more="name", in_workspace=False)
_ORGANIZATIONS = NamedKind(path=("organizations",), fields=("slug",), more="name", in_workspace=False)
CONTEXTS: Final = NamedKind(path=(), fields=("name",), in_workspace=False)

_BY_PARAMETER = {
    "job": _JOBS,
    "endpoint": _ENDPOINTS,
    "config": _CONFIGS,
    "calendars": _CALENDARS,
    "payload_spec": _SPECS,
    "signing_secrets": _SECRETS,
    "execution_id": _EXECUTIONS,
    "operation_id": _OPERATIONS,
    "incident_id": _INCIDENTS,
    "rule": _RULES,
    "caused_by": _EXECUTIONS,
    "workspace": _WORKSPACES,
    "organization": _ORGANIZATIONS,
    "context": CONTEXTS,
}
# What the argument NAME, SLUG or KEY of a group's commands names.
_BY_GROUP = {
    "endpoint": _ENDPOINTS,
    "alert-rule": _RULES,
    "config": _CONFIGS,
    "calendar": _CALENDARS,
    "payload-spec": _SPECS,
    "secret": _SECRETS,
    "key": _KEYS,
    "workspace": _WORKSPACES,
    "organization": _ORGANIZATIONS,
    "context": CONTEXTS,
}
_NAMING = ("name", "slug", "which")
_MAKING = ("create", "create-many", "add")


class ExistingName(click.ParamType[str]):
    """The name of something that is there."""

    name = "text"

    def __init__(self, kind: NamedKind) -> None:
        """Of what."""
        self.kind = kind

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """As it was typed: whether there is one, the API says."""
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The names that begin so."""
        found: SimpleQueue[list[CompletionItem]] = SimpleQueue()

        def find() -> None:
            # Whatever is wrong, with the settings, the API or what it answers: a tab completes nothing, and says
            # nothing.
            with contextlib.suppress(Exception):
                found.put(list(_found(self.kind, ctx, incomplete)))
                return
            found.put([])

        # In a thread: neither a name that does not resolve nor an answer without end is waited for.
        Thread(target=find, daemon=True).start()
        with contextlib.suppress(Empty):
            return found.get(timeout=MOST_SECONDS)
        return []


def give_names(group: click.Group | None, command: click.Command) -> None:
    """Has a command's parameters complete the names that they take."""
    of_group = _BY_GROUP.get(group.name or "") if group is not None and command.name not in _MAKING else None
    for parameter in command.params:
        kind = _BY_PARAMETER.get(parameter.name or "")
        if isinstance(parameter, click.Argument) and parameter.name in _NAMING:
            kind = of_group
        if kind is not None and isinstance(parameter.type, click.types.StringParamType):
            parameter.type = ExistingName(kind)


def _found(kind: NamedKind, ctx: click.Context, incomplete: str) -> Iterator[CompletionItem]:
    if kind is CONTEXTS:
        yield from (CompletionItem(name) for name in contexts.names() if name.startswith(incomplete))
        return
    for row in _asked(kind, ctx.params, incomplete):
        name = next((row[field] for field in kind.fields if isinstance(row.get(field), str)), None)
        more = row.get(kind.more) if kind.more is not None else None
        if isinstance(name, str) and name.startswith(incomplete) and _HARMLESS.fullmatch(name):
            yield CompletionItem(name, help=more if isinstance(more, str) and more.isprintable() else None)


def _asked(kind: NamedKind, typed: dict[str, Json], incomplete: str) -> Sequence[JsonObject]:
    """One page of the list, from the API that is named. Raises whatever is wrong."""
    key_file = typed.get("key_file")
    if str(key_file) == "-":
        return []
    found = target.find(
        target.WhereAsked(
            url=typed.get("url"),
            context=typed.get("context"),
            key_file=Path(str(key_file)) if key_file else None,
            workspace=typed.get("workspace"),
        )
    )
    path = ("v1", *kind.path)
    if kind.in_workspace:
        path = ("v1", "workspaces", found.needed_workspace(), *kind.path)
    query = {"limit": str(_MOST), "q": incomplete if kind.is_searched and incomplete else None}
    page = replace(found.client, timeout_seconds=SECONDS).call("GET", path, query=query, fields=("data",))
    return [row for row in page["data"] if isinstance(row, dict)]
