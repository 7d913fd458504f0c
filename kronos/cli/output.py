"""What a command prints: tables and fields for people, --json and --plain for programs. The one place that knows of
terminals and colours."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
import orjson

from kronos import unseen
from kronos.model import Json, JsonObject

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
    """One line, in which what is not for terminals stands as Python writes it: the one who made it is not the one who
    reads it."""
    return unseen.EACH.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def console(*, err: bool = False) -> "Console":
    """Standard output, or standard error. Colours on a terminal alone, and not with NO_COLOR or TERM=dumb."""
    from rich.console import Console

    file = sys.stderr if err else sys.stdout
    is_bare = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM", "").lower() in ("dumb", "unknown")
    is_plain = is_bare or file is None or not file.isatty()
    return Console(file=file, highlight=False, soft_wrap=True, color_system=None if is_plain else "auto")


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One of three forms. What --json prints is what the API answered."""

    as_json: bool = False
    as_plain: bool = False

    def show(self, document: JsonObject, fields: Sequence[str]) -> None:
        """One resource: with --json all of it, else a line for each field that has a value; with --plain for all."""
        if self.as_json:
            dump(document)
        elif self.as_plain:
            for field in fields:
                print(f"{field}\t{_plain(document.get(field))}")
        else:
            _print_fields({field: document[field] for field in fields if document.get(field) not in (None, {}, [])})
        _hand_over()

    def list(self, rows: Sequence[JsonObject], columns: Mapping[str, str], *, empty: str) -> None:
        """A table of rows: with --json all of each. `empty` says what to do where there are none.

        Columns by their fields; of "a or b" the first that has a value is shown.
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
        """What was done, in a sentence; with --json the answer itself, with --plain its fields where it has some."""
        if self.as_json:
            dump(document)
        elif self.as_plain and isinstance(document, dict):
            self.show(document, list(document))
        else:
            print(sentence)
        _hand_over()


def _hand_over() -> None:
    """Python keeps lines back from what is no terminal: what a command says on standard error after them would come
    before them where both lead to one file."""
    if sys.stdout is not None:
        sys.stdout.flush()


def _is_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


def dump(document: object) -> None:
    """JSON, for --json."""
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
        click.echo(f"no room here for {', '.join(left_out)}: --plain and --json have all", err=True)


def _print_text(rows: Sequence[JsonObject], columns: Mapping[str, str]) -> None:
    """A table where there is no terminal: whole values, and no blank at the end of a line."""
    from rich.cells import cell_len

    lines = [list(columns.values())]
    lines += [[_plain(_first(row, name.split(" or "))) or "-" for name in columns] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = (cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True))
        print("  ".join(padded).rstrip())


def _first(row: JsonObject, names: Sequence[str]) -> Json:
    """The value of the first of these fields that has one."""
    return next((row[name] for name in names if row.get(name) is not None), None)


def _plain(value: Json) -> str:
    """One value on one line, without a tab: text as it is, nothing where there is none, the rest as JSON."""
    if value is None:
        return ""
    return printable(value if isinstance(value, str) else orjson.dumps(value).decode())


def _cell(value: Json) -> "Text":
    """One value: text as it is, the rest as JSON."""
    from rich.text import Text

    if value is None:
        return Text("-", style="dim")
    if isinstance(value, str):
        return Text(printable(value), style=_STYLES.get(value, ""))
    return Text(printable(orjson.dumps(value).decode()))
