"""What all commands over the API have in common: the options that say where it is and how an answer is shown."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, TypeGuard

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
from kronos.cli.inputs import require_utf8
from kronos.cli.names import give_names
from kronos.cli.output import Output
from kronos.model import Json, JsonObject

_PAGE = 200
_MOST_EMPTY = 1_000  # pages of a search one after the other: of ten million executions


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """One API as a command asks it, and how its answers are shown."""

    client: Client
    workspace: str | None
    as_json: bool = False
    as_plain: bool = False
    root: str = "workspaces"
    """What paths begin with."""
    is_instance: bool = False
    """It asks for what is the instance's, or all workspaces'."""

    @property
    def output(self) -> Output:
        """How answers are shown."""
        return Output(as_json=self.as_json, as_plain=self.as_plain)

    def of(self, workspace: str | None) -> "Api":
        """The same for a workspace, or for the instance."""
        return replace(self, workspace=workspace, is_instance=workspace is None)

    def copy(self, to: BinaryIO, *path: str, **query: str | None) -> None:
        """Writes an answer as it comes, however long it is. Raises ClickException."""
        self.client.copy(to, self._path(path), query=query)

    def pieces(self, *path: str, **query: str | None) -> Iterator[bytes]:
        """An answer as it comes. Raises ClickException."""
        return self.client.pieces(self._path(path), query=query)

    def listen(self, *path: str, after: str | None, **query: str | None) -> Iterator[Told]:
        """The events of a stream, until it ends. Raises LostError, ClickException."""
        return self.client.listen(self._path(path), query=query, after=after)

    def get(self, *path: str, fields: Collection[str] = (), **query: str | None) -> Json:
        """What is there, with these `fields`. Raises ClickException."""
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
        """Changes something, if it is still as `if_match` says; once for each idempotency key. Raises
        ClickException."""
        headers = given(**{"If-Match": if_match, "If-None-Match": if_none_match, "Idempotency-Key": key})
        return self.client.call(method, self._path(path), query=query, body=body, headers=headers, fields=fields)

    def rows(self, *path: str, limit: int | None = None, **query: str | None) -> list[Json]:
        """The first `limit` rows of a list, or all of them, over as many pages as they take, of which a search may have
        some that are empty. Raises ClickException."""
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
                raise self.client.foreign("is a list that does not go on")
        return rows

    def rows_of(self, document: JsonObject, field: str) -> list[JsonObject]:
        """The objects that `field` is a list of. Raises ClickException."""
        rows = document[field]
        if not _are_objects(rows):
            raise self.client.foreign(f"has in {field} no list of objects")
        return rows

    def show(self, document: Json, fields: Sequence[str]) -> None:
        """One resource, as Output.show. Raises ClickException."""
        if not isinstance(document, dict) or not document.keys() & set(fields):
            raise self.client.foreign(f"has none of {', '.join(fields)}")
        self.output.show(document, fields)

    def list(self, rows: Sequence[Json], columns: Mapping[str, str], *, empty: str) -> None:
        """A table of rows, as Output.list."""
        self.output.list(rows, columns, empty=empty)

    def say(self, sentence: str, document: Json = None) -> None:
        """What was done, as Output.say."""
        self.output.say(sentence, document)

    def _path(self, path: Sequence[str]) -> tuple[str, ...]:
        if self.is_instance:
            return ("v1", *path)
        return ("v1", self.root, *path) if self.workspace is None else ("v1", self.root, self.workspace, *path)


def command(
    group: click.Group | None, *, in_workspace: bool | None = True, name: str | None = None, help: str | None = None
) -> Callable[[Callable[..., None]], click.Command]:
    """Makes a command of `group`, or of `kronos` itself, out of a function whose first argument is the Api that the
    common options name. Its name and help are the function's, where none are given.

    With `in_workspace` None it is of a workspace where one is named, and else of the instance.
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
    """The API that the common options name. Raises ClickException."""
    require_one_form(as_json=as_json, as_plain=as_plain)
    target.warn_of_unknown()
    found = target.find(asked)
    api = Api(client=found.client, workspace=None, as_json=as_json, as_plain=as_plain)
    if in_workspace is None:
        return api.of(found.workspace)
    return replace(api, workspace=found.needed_workspace()) if in_workspace else api


def common_options(*, in_workspace: bool) -> list[click.Parameter]:
    """Options that each command over the API has."""
    where = CommonOption(["--workspace", "-w"], help="A slug or an id.  [KRONOS_WORKSPACE, or the context's]")
    return [
        *([where] if in_workspace else []),
        CommonOption(["--json", "as_json"], is_flag=True, help="The answer as the API gives it."),
        CommonOption(["--plain", "as_plain"], is_flag=True, help="A line a row, with tabs between, for grep and awk."),
        CommonOption(["--context"], metavar="NAME", help="A kept address with its key.  [KRONOS_CONTEXT]"),
        CommonOption(["--url"], help="Where the API is.  [KRONOS_URL, or the one that `kronos up` runs here]"),
        CommonOption(
            ["--key-file"],
            type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
            help="A file with an API key, or - for standard input.  [KRONOS_API_KEY]",
        ),
    ]


def shaped(function: Callable[..., None]) -> Callable[..., None]:
    """For a command that does not ask the API: the options --json and --plain, which it is given as `output`."""

    def run(*, as_json: bool, as_plain: bool, **own: Json) -> None:
        require_one_form(as_json=as_json, as_plain=as_plain)
        function(output=Output(as_json=as_json, as_plain=as_plain), **own)

    run.__doc__, run.__name__ = function.__doc__, function.__name__
    run.__click_params__ = [  # type: ignore[attr-defined]
        click.Option(["--plain", "as_plain"], is_flag=True, help="A line a row, with tabs between, for grep and awk."),
        click.Option(["--json", "as_json"], is_flag=True, help="As JSON."),
        *getattr(function, "__click_params__", []),
    ]
    return run


def require_one_form(*, as_json: bool, as_plain: bool) -> None:
    """That one form is asked for. Raises UsageError."""
    if as_json and as_plain:
        raise click.UsageError("--json and --plain are two forms: leave one of them out")


def _are_objects(rows: Json) -> TypeGuard[list[JsonObject]]:
    return isinstance(rows, list) and all(isinstance(row, dict) for row in rows)
