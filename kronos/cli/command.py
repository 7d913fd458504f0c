"""What all commands that use the API share: the options for its address and for the form of the output."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeGuard

import click

from kronos.cli import target
from kronos.cli.client import Client, Told
from kronos.cli.helping import Command, CommonOption
from kronos.cli.helping import group as group
from kronos.cli.inputs import NULL as NULL
from kronos.cli.inputs import FileText as FileText
from kronos.cli.inputs import IdempotencyKey as IdempotencyKey
from kronos.cli.inputs import JsonText as JsonText
from kronos.cli.inputs import given as given
from kronos.cli.inputs import options as options
from kronos.cli.inputs import require_utf8
from kronos.cli.names import give_names
from kronos.cli.output import Output
from kronos.counting import counted
from kronos.model import Json, JsonObject
from kronos.records import dataclass

_PAGE = 200
NAMED = {"job": "jobs", "endpoint": "endpoints", "heartbeat": "heartbeats", "rule": "alert-rules"}
"""Filters whose value is the name or id of a resource, and the path that it is found under."""
_MOST_EMPTY = 1_000  # consecutive empty pages of a search: enough to scan ten million executions


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """The API as a command calls it, and the form in which its responses are printed."""

    client: Client
    workspace: str | None
    as_json: bool = False
    as_plain: bool = False
    root: str = "workspaces"
    """The first part of paths."""
    is_instance: bool = False
    """The command reads what belongs to the instance, or to all workspaces."""

    @property
    def output(self) -> Output:
        """How responses are printed."""
        return Output(as_json=self.as_json, as_plain=self.as_plain)

    def of(self, workspace: str | None) -> "Api":
        """Return the same API for another workspace, or for the instance."""
        return replace(self, workspace=workspace, is_instance=workspace is None)

    def pieces(self, *path: str, **query: str | None) -> Iterator[bytes]:
        """Yield a response as it arrives. Raises ClickException."""
        return self.client.pieces(self._path(path), query=query)

    def listen(self, *path: str, after: str | None, **query: str | None) -> Iterator[Told]:
        """Yield the events of a stream, until it ends. Raises LostError, ClickException."""
        return self.client.listen(self._path(path), query=query, after=after)

    def get(self, *path: str, fields: Collection[str] = (), **query: str | None) -> Json:
        """Return a resource, which must have these `fields`. Raises ClickException."""
        return self.client.call("GET", self._path(path), query=query, fields=fields)

    def send(
        self,
        method: str,
        *path: str,
        body: Json = None,
        if_match: str | None = None,
        if_none_match: str | None = None,
        key: str | None = None,
        query: Mapping[str, str | None] | None = None,
        fields: Collection[str] = (),
    ) -> Json:
        """Send a change. `if_match` makes it conditional; with an idempotency `key` it is made only once. Raises
        ClickException."""
        headers = given(**{"If-Match": if_match, "If-None-Match": if_none_match, "Idempotency-Key": key})
        return self.client.call(method, self._path(path), query=query, body=body, headers=headers, fields=fields)

    def rows(
        self, *path: str, limit: int | None = None, for_more: str | None = None, **query: str | None
    ) -> list[Json]:
        """Return the first `limit` rows of a list, or all of them, from as many pages as needed. Pages of a search may
        be empty. Raises ClickException, also if there is no row and the query names something that does not exist.

        If there are more rows, the command ends with a line on standard error that says so, and how to see them.
        """
        rows: list[Json] = []
        cursor: str | None = None
        empty = 0
        while limit is None or len(rows) < limit:
            size = None if limit is None else str(min(_PAGE, limit - len(rows)))
            page = self.get(*path, fields=("data",), limit=size, cursor=cursor, **query)
            rows += self.rows_of(page, "data")
            before, cursor = cursor, page.get("next_cursor")
            if cursor is None:
                break
            empty = 0 if page["data"] else empty + 1
            if not isinstance(cursor, str) or cursor == before or empty > _MOST_EMPTY:
                raise self.client.foreign("is a list whose pages do not advance")
        else:
            if cursor is not None:
                _say_at_end(f"limited to {counted(limit, 'row')}: {for_more or 'pass a higher --limit to see more'}")
        if not rows:
            self.require_named(query)
        return rows

    def require_named(self, filters: Mapping[str, Json]) -> None:
        """Raise ClickException if a filter names something that does not exist: an empty list would say that it has
        nothing."""
        for name, resources in NAMED.items():
            if (value := filters.get(name)) is not None:  # '' too: a script's variable that is not set
                self.get(resources, str(value))

    def rows_of(self, document: JsonObject, field: str) -> list[JsonObject]:
        """Return the list of objects in `field`. Raises ClickException."""
        rows = document[field]
        if not _are_objects(rows):
            raise self.client.foreign(f"has no list of objects in {field}")
        return rows

    def show(self, document: Json, fields: Sequence[str]) -> None:
        """Print one resource, as Output.show does. Raises ClickException."""
        if not isinstance(document, dict) or not document.keys() & set(fields):
            raise self.client.foreign(f"has none of {', '.join(fields)}")
        self.output.show(document, fields)

    def list(self, rows: Sequence[Json], columns: Mapping[str, str], *, empty: str) -> None:
        """Print a table of rows, as Output.list does."""
        self.output.list(rows, columns, empty=empty)

    def say(self, sentence: str, document: Json = None) -> None:
        """Report what was done, as Output.say does."""
        self.output.say(sentence, document)

    def _path(self, path: Sequence[str]) -> tuple[str, ...]:
        if self.is_instance:
            return ("v1", *path)
        return ("v1", self.root, *path) if self.workspace is None else ("v1", self.root, self.workspace, *path)


def command(
    group: click.Group | None, *, in_workspace: bool | None = True, name: str | None = None, help: str | None = None
) -> Callable[[Callable[..., None]], click.Command]:
    """Turn a function whose first argument is an Api into a command of `group`, or of `kronos` itself.

    The common options give the Api. Name and help default to the function's. With `in_workspace` None the command uses
    the workspace if one is given, and the instance otherwise.
    """

    def decorate(function: Callable[..., None]) -> click.Command:
        def run(
            *,
            url: str | None,
            context: str | None,
            key_file: Path | None,
            as_json: bool,
            as_plain: bool,
            workspace: str | None = None,
            **own: Json,
        ) -> None:
            require_utf8(url, workspace, *own.values())
            asked = target.WhereAsked(url=url, context=context, key_file=key_file, workspace=workspace)
            function(open_api(asked, in_workspace=in_workspace, as_json=as_json, as_plain=as_plain), **own)

        run.__doc__ = help or function.__doc__
        run.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]
        made = click.command(cls=Command, name=name or function.__name__.strip("_").replace("_", "-"))(run)
        made.params += common_options(in_workspace=in_workspace is not False)
        give_names(group, made)
        if group is not None:
            group.add_command(made)
        return made

    return decorate


def open_api(asked: target.WhereAsked, *, in_workspace: bool | None, as_json: bool, as_plain: bool) -> Api:
    """Return the API that the common options name. Raises ClickException."""
    require_one_form(as_json=as_json, as_plain=as_plain)
    target.warn_of_unknown()
    found = target.find(asked)
    api = Api(client=found.client, workspace=None, as_json=as_json, as_plain=as_plain)
    if in_workspace is None:
        return api.of(found.workspace)
    return replace(api, workspace=found.needed_workspace()) if in_workspace else api


def common_options(*, in_workspace: bool) -> list[click.Parameter]:
    """Return the options of every command that uses the API."""
    where = CommonOption(["--workspace", "-w"], help="Workspace, by slug or id.  [KRONOS_WORKSPACE, or the context's]")
    return [
        *([where] if in_workspace else []),
        CommonOption(["--json", "as_json"], is_flag=True, help="Print the API's response as JSON."),
        CommonOption(["--plain", "as_plain"], is_flag=True, help="One row per line, tab-separated, for grep and awk."),
        CommonOption(["--context"], metavar="NAME", help="A saved API address with its key.  [KRONOS_CONTEXT]"),
        CommonOption(["--url"], help="Address of the API.  [KRONOS_URL, or the local `kronos up`]"),
        CommonOption(
            ["--key-file"],
            type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
            help="File with the API key, or - for standard input.  [KRONOS_API_KEY]",
        ),
    ]


def shaped(function: Callable[..., None]) -> Callable[..., None]:
    """Add --json and --plain to a command that does not call the API. It receives them as `output`."""

    def run(*, as_json: bool, as_plain: bool, **own: Json) -> None:
        require_one_form(as_json=as_json, as_plain=as_plain)
        function(output=Output(as_json=as_json, as_plain=as_plain), **own)

    run.__doc__, run.__name__ = function.__doc__, function.__name__
    run.__click_params__ = [  # type: ignore[attr-defined]
        click.Option(["--plain", "as_plain"], is_flag=True, help="One row per line, tab-separated, for grep and awk."),
        click.Option(["--json", "as_json"], is_flag=True, help="Print JSON."),
        *getattr(function, "__click_params__", []),
    ]
    return run


def require_one_form(*, as_json: bool, as_plain: bool) -> None:
    """Raises UsageError if two output forms are requested."""
    if as_json and as_plain:
        raise click.UsageError("--json and --plain cannot be combined")


def _say_at_end(sentence: str) -> None:
    """Write a line to standard error after everything that the command writes, where people see it below a table."""
    click.get_current_context().call_on_close(partial(click.echo, sentence, err=True))


def _are_objects(rows: Json) -> TypeGuard[list[JsonObject]]:
    return isinstance(rows, list) and all(isinstance(row, dict) for row in rows)
