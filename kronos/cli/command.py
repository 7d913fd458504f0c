"""What all commands over the API have in common: where the API is, which workspace, and how an answer is shown."""

import re
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final, TypeGuard

import click
import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kronos import errors
from kronos.cli.client import Client, Told, connect, printable
from kronos.model import Json, JsonObject

_STYLES = {
    "ACTIVE": "green",
    "SUCCESS": "green",
    "RUNNING": "cyan",
    "PAUSED": "yellow",
    "SUSPENDED": "yellow",
    "RETRYING": "yellow",
    "FAILED": "red",
    "MISSED": "red",
    "EXPIRED": "red",
}
_PAGE = 200
NULL: Final = object()
"""The JSON null that was written; None is what was not given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """One API as a command asks it, and how its answers are shown."""

    client: Client
    workspace: str | None
    as_json: bool
    root: str = "workspaces"
    """What paths begin with."""
    is_instance: bool = False
    """It asks for what is the instance's, or all workspaces'."""

    def of(self, workspace: str | None) -> "Api":
        """The same for a workspace, or for the instance."""
        return replace(self, workspace=workspace, is_instance=workspace is None)

    def copy(self, to: BinaryIO, *path: str, **query: str | None) -> None:
        """Writes an answer as it comes, however long it is. Raises ClickException."""
        self.client.copy(to, self._path(path), query=query)

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
        """The first `limit` rows of a list, or all of them, over as many pages as they take. Raises ClickException."""
        rows: list[Json] = []
        cursor: str | None = None
        while limit is None or len(rows) < limit:
            size = None if limit is None else str(min(_PAGE, limit - len(rows)))
            page = self.get(*path, fields=("data",), limit=size, cursor=cursor, **query)
            rows += self.rows_of(page, "data")
            before, cursor = cursor, page.get("next_cursor")
            if cursor is None:
                break
            if not isinstance(cursor, str) or cursor == before or not page["data"]:
                raise self.client.foreign("is a list that does not go on")
        return rows

    def rows_of(self, document: JsonObject, field: str) -> list[JsonObject]:
        """The objects that `field` is a list of. Raises ClickException."""
        rows = document[field]
        if not _are_objects(rows):
            raise self.client.foreign(f"has in {field} no list of objects")
        return rows

    def show(self, document: Json, fields: Sequence[str]) -> None:
        """One resource: with --json all of it, else the fields that have a value, a line each. Raises
        ClickException."""
        if not isinstance(document, dict) or not document.keys() & set(fields):
            raise self.client.foreign(f"has none of {', '.join(fields)}")
        if self.as_json:
            click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2))
            return
        shown = {field: document[field] for field in fields if document.get(field) not in (None, {}, [])}
        width = max((len(field) for field in shown), default=0) + 2
        console = _console()
        for field, value in shown.items():
            console.print(Text(f"{field:<{width}}", style="dim") + _cell(value))

    def list(self, rows: Sequence[Json], columns: Mapping[str, str], *, empty: str) -> None:
        """A table of rows: with --json all of each. `empty` says what to do where there are none.

        Columns by their fields; of "a or b" the first that has a value is shown.
        """
        if self.as_json:
            click.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2))
            return
        if not rows:
            click.echo(empty, err=True)
            return
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for title in columns.values():
            table.add_column(title, no_wrap=True)
        for row in rows:
            table.add_row(*(_cell(_first(row, name.split(" or "))) for name in columns))
        _console().print(table)

    def say(self, sentence: str, document: Json = None) -> None:
        """What was done, in a sentence; with --json the answer itself."""
        click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2) if self.as_json else sentence)

    def _path(self, path: Sequence[str]) -> tuple[str, ...]:
        if self.is_instance:
            return ("v1", *path)
        return ("v1", self.root, *path) if self.workspace is None else ("v1", self.root, self.workspace, *path)


def command(
    group: click.Group | None, *, in_workspace: bool = True, name: str | None = None, help: str | None = None
) -> Callable[[Callable[..., None]], click.Command]:
    """Makes a command of `group`, or of `kronos` itself, out of a function whose first argument is the Api that the
    common options name. Its name and help are the function's, where none are given."""

    def decorate(function: Callable[..., None]) -> click.Command:
        def run(
            *, url: str | None, key_file: Path | None, as_json: bool, workspace: str | None = None, **own: Json
        ) -> None:
            _require_utf8(url, workspace, *own.values())
            function(Api(client=connect(url, key_file), workspace=workspace, as_json=as_json), **own)

        run.__doc__ = help or function.__doc__
        run.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]
        made = click.command(name=name or function.__name__.strip("_").replace("_", "-"))(run)
        made.params += _common(in_workspace)
        if group is not None:
            group.add_command(made)
        return made

    return decorate


def _common(in_workspace: bool) -> list[click.Parameter]:
    """Options that each command has."""
    where = click.Option(
        ["--workspace", "-w"], required=True, envvar="KRONOS_WORKSPACE", help="A slug or an id.  [KRONOS_WORKSPACE]"
    )
    return [
        *([where] if in_workspace else []),
        click.Option(["--json", "as_json"], is_flag=True, help="The answer as the API gives it."),
        click.Option(["--url"], help="Where the API is.  [KRONOS_URL, or the one that `kronos up` runs here]"),
        click.Option(
            ["--key-file"],
            type=click.Path(dir_okay=False, path_type=Path),
            help="A file with an API key.  [KRONOS_API_KEY]",
        ),
    ]


class JsonText(click.ParamType[Json]):
    """JSON on the command line; `@FILE` reads it from a file and `-` from standard input."""

    name = "json"

    def convert(self, value: Json, param: click.Parameter | None, ctx: click.Context | None) -> Json:
        """The value. Fails in a sentence where it is no JSON."""
        if not isinstance(value, str):
            return value
        from kronos.api.body import strict  # here, so that the commands without it do not load the API

        try:
            found = strict(_written(value))
        except errors.InvalidRequest as error:
            self.fail(f"{error.detail}. {' '.join(fault.hint for fault in error.faults if fault.hint)}", param, ctx)
        except RecursionError:
            self.fail("it is nested too deep: flatten it", param, ctx)
        except (OSError, ValueError) as error:
            self.fail(
                f'no JSON ({error}): write it like \'{{"team": "sales"}}\', or @FILE, or - for standard input',
                param,
                ctx,
            )
        return NULL if found is None else found


def _written(text: str) -> str:
    """What stands in the argument, in the file that it names, or in standard input. Raises OSError, ValueError."""
    if text == "-":
        if sys.stdin is None:
            raise ValueError("standard input is closed")
        return sys.stdin.read()
    if text[:1] == "@":
        return Path(text[1:]).read_text(encoding="utf-8")
    text.encode()  # bytes that are no UTF-8 came as halves of surrogate pairs
    return text


class IdempotencyKey(click.ParamType[str]):
    """A key for the header Idempotency-Key, in the quoted form, in which it may hold blanks."""

    name = "key"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The header's value. Fails in a sentence where no header can have it."""
        if not re.fullmatch(r"[\x20-\x7e]*", value):
            self.fail("an idempotency key is of visible ASCII characters and blanks", param, ctx)
        return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


def given(**fields: Json) -> Json:
    """The fields that were given."""
    return {name: None if value is NULL else value for name, value in fields.items() if value is not None}


def _are_objects(rows: Json) -> TypeGuard[list[JsonObject]]:
    return isinstance(rows, list) and all(isinstance(row, dict) for row in rows)


def _require_utf8(*values: Json) -> None:
    """That what was typed can be sent. Raises UsageError."""
    for value in values:
        for text in value if isinstance(value, tuple) else (value,):
            if isinstance(text, str) and not text.isascii():
                try:
                    text.encode()
                except UnicodeEncodeError:
                    shown = text.encode(errors="backslashreplace").decode()
                    raise click.UsageError(f"{shown!r} is not UTF-8, as which everything is sent") from None


def _console() -> Console:
    """As wide as its lines need where it is no terminal: a script reads whole values."""
    console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
    return console if console.is_terminal else Console(file=sys.stdout, highlight=False, soft_wrap=True, width=1000)


def _first(row: JsonObject, names: Sequence[str]) -> Json:
    """The value of the first of these fields that has one."""
    return next((row[name] for name in names if row.get(name) is not None), None)


def _cell(value: Json) -> Text:
    """One value: text as it is, times without their fraction of a second, the rest as JSON."""
    if value is None:
        return Text("-", style="dim")
    if isinstance(value, str):
        return Text(printable(value), style=_STYLES.get(value, ""))
    return Text(printable(orjson.dumps(value).decode()))
