"""Names of resources for shell completion, from the API that the typed options name.

Completion asks the user nothing, prints nothing if the API does not respond, and does not wait for a key on standard
input: a shell that hangs at a tab is worse than one without names.
"""

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final

import click
from click.shell_completion import CompletionItem

from kronos.cli import contexts, target
from kronos.model import Json, JsonObject
from kronos.records import dataclass

SECONDS: Final = 1.5
"""Timeout without a byte of the response."""
MOST_SECONDS: Final = 3.0
"""Timeout in total, even while bytes arrive."""
_MOST: Final = 200
# Names are written by other people. A name is not completed if a shell could expand or run something in it, or if a
# command would take it for an option.
_HARMLESS = re.compile(r"(?!-)[\w.:@+=/-]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedKind:
    """A kind of resource: the list that contains it, the fields with its name, and a field to show beside it."""

    path: tuple[str, ...]
    fields: tuple[str, ...]
    more: str | None = None
    is_searched: bool = False
    """The list accepts `q`, the text typed so far."""
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
# What the argument NAME, SLUG or KEY means in each group's commands.
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
    """The name of an existing resource."""

    name = "text"

    def __init__(self, kind: NamedKind) -> None:
        """`kind` is the kind of resource."""
        self.kind = kind

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text unchanged: the API decides whether the resource exists."""
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the names that begin with the typed text."""
        found: SimpleQueue[list[CompletionItem]] = SimpleQueue()

        def find() -> None:
            # Whatever fails, be it the settings, the API or its response: completion returns nothing and prints
            # nothing.
            with contextlib.suppress(Exception):
                found.put(list(_found(self.kind, ctx, incomplete)))
                return
            found.put([])

        # In a thread, so that a slow name lookup or an endless response is not waited for.
        Thread(target=find, daemon=True).start()
        with contextlib.suppress(Empty):
            return found.get(timeout=MOST_SECONDS)
        return []


def give_names(group: click.Group | None, command: click.Command) -> None:
    """Let a command's parameters complete the names that they take."""
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
    """Return one page of the list from the target API. Raises whatever goes wrong."""
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
