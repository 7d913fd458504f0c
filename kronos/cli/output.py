"""What a command prints: tables and fields for people, --json and --plain for programs. Only this module deals with
terminals and colors."""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click
import orjson

from kronos import unseen
from kronos.model import Json, JsonObject
from kronos.records import dataclass

if TYPE_CHECKING:  # rich takes longer to load than most commands run
    from rich.console import Console
    from rich.text import Text

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


def printable(text: str) -> str:
    """Return one line, with characters that are unsafe on a terminal escaped as in Python. The text's author is not its
    reader."""
    return unseen.EACH.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def console(*, err: bool = False) -> "Console":
    """Return a console for standard output or standard error. Colors only on a terminal, and not with NO_COLOR or
    TERM=dumb."""
    from rich.console import Console

    file = sys.stderr if err else sys.stdout
    is_bare = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM", "").lower() in ("dumb", "unknown")
    is_plain = is_bare or file is None or not file.isatty()
    return Console(file=file, highlight=False, soft_wrap=True, color_system=None if is_plain else "auto")


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One of three forms. --json prints the API's response."""

    as_json: bool = False
    as_plain: bool = False

    def show(self, document: JsonObject, fields: Sequence[str]) -> None:
        """Print one resource. --json prints all of it, --plain every field, the form for people only fields with a
        value."""
        if self.as_json:
            dump(document)
        elif self.as_plain:
            for field in fields:
                print(f"{field}\t{_plain(document.get(field))}")
        else:
            _print_fields({field: document[field] for field in fields if document.get(field) not in (None, {}, [])})
        _hand_over()

    def list(self, rows: Sequence[JsonObject], columns: Mapping[str, str], *, empty: str) -> None:
        """Print a table of rows. --json prints each row whole. `empty` says what to do if there are none.

        Columns are keyed by field; "a or b" shows the first of the two that has a value.
        """
        if self.as_json:
            dump(rows)
        elif self.as_plain:
            for row in rows:
                print("\t".join(_plain(_first(row, name.split(" or "))) for name in columns))
        elif rows:
            _print_table(rows, columns)
        else:
            click.echo(empty, err=True)
        _hand_over()

    def say(self, sentence: str, document: Json = None) -> None:
        """Report what was done: a sentence; with --json the response itself, with --plain its fields, if any."""
        if self.as_json:
            dump(document)
        elif self.as_plain and isinstance(document, dict):
            self.show(document, list(document))
        else:
            print(sentence)
        _hand_over()


def _hand_over() -> None:
    """Flush standard output. Python buffers it if it is not a terminal, so messages on standard error would come first
    where both go to one file."""
    if sys.stdout is not None:
        sys.stdout.flush()


def _is_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


def dump(document: object) -> None:
    """Print JSON, for --json."""
    click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z))


def _print_fields(shown: Mapping[str, Json]) -> None:
    width = max((len(field) for field in shown), default=0) + 2
    if not _is_terminal():
        for field, value in shown.items():
            print(f"{field:<{width}}{_plain(value)}")
        return
    from rich.text import Text

    to = console()
    for field, value in shown.items():
        to.print(Text(f"{field:<{width}}", style="dim") + _cell(value))


def _print_table(rows: Sequence[JsonObject], columns: Mapping[str, str]) -> None:
    if not _is_terminal():
        _print_text(rows, columns)
        return
    from kronos.cli.tables import laid_out

    to = console()
    cells = [[_cell(_first(row, name.split(" or "))) for name in columns] for row in rows]
    lines, left_out = laid_out(list(columns.values()), cells, to.width)
    for line in lines:
        to.print(line)
    if left_out:
        click.echo(f"not shown for lack of room: {', '.join(left_out)}; --plain and --json show everything", err=True)


def _print_text(rows: Sequence[JsonObject], columns: Mapping[str, str]) -> None:
    """Print a table without a terminal: whole values, and no blanks at the end of a line."""
    from rich.cells import cell_len

    lines = [list(columns.values())]
    lines += [[_plain(_first(row, name.split(" or "))) or "-" for name in columns] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = (cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True))
        print("  ".join(padded).rstrip())


def _first(row: JsonObject, names: Sequence[str]) -> Json:
    """Return the value of the first of these fields that has one."""
    return next((row[name] for name in names if row.get(name) is not None), None)


def _plain(value: Json) -> str:
    """Return one value on one line, without tabs: text unchanged, nothing for None, other values as JSON."""
    if value is None:
        return ""
    return printable(value if isinstance(value, str) else orjson.dumps(value).decode())


def _cell(value: Json) -> "Text":
    """Return one value: text unchanged, other values as JSON."""
    from rich.text import Text

    if value is None:
        return Text("-", style="dim")
    if isinstance(value, str):
        return Text(printable(value), style=_STYLES.get(value, ""))
    return Text(printable(orjson.dumps(value).decode()))
