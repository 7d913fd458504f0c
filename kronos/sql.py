"""Loads sql/queries/*.sql: each block under `-- name: x` becomes one Statement, typed by the row it returns.

`{Job}` in a block stands for the fields of kronos.model.Job, in their order; `{Job but pg_cron, execution}` for the
others.
"""

import re
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Generic, LiteralString, TypeVar, cast

from kronos import model

Row = TypeVar("Row")
# The verbs of statements that change nothing (tests/sql/test_statements.py).
_READS = ("get", "list", "find", "count", "read", "preview", "enter")
# What only people read. The driver remembers how it read a statement of up to 4,096 bytes (psycopg._queries), and reads
# a longer one again each time: 0.1 ms of a job's creation. No statement has a literal over several lines.
_LAYOUT = re.compile(r"^ +|^ *--.*\n", re.MULTILINE)
_COLUMNS = re.compile(r"\{(?P<row>[A-Z]\w+)(?: but (?P<others>\w+(?:, \w+)*))?\}")
_BLOCK = re.compile(r"^-- name: (?P<name>[a-z0-9_]+)\n(?P<text>.*?)(?=^-- name: |\Z)", re.M | re.S)


def root() -> Path:
    """The sql/ folder: inside the wheel, or at the checkout's top."""
    bundled = Path(__file__).parent / "_sql"
    return bundled if bundled.is_dir() else Path(__file__).parents[1] / "sql"


@dataclass(frozen=True, slots=True)
class Statement(Generic[Row]):
    """One SQL statement and the dataclass that each of its rows becomes."""

    name: str
    text: LiteralString
    row: type[Row]

    @property
    def is_read(self) -> bool:
        """Whether it changes nothing, so that it can be run again where its answer was lost."""
        return self.name.partition(".")[2].partition("_")[0] in _READS


@cache
def texts() -> dict[str, LiteralString]:
    """Every statement's text by "file.name"."""
    found: dict[str, LiteralString] = {}
    for path in sorted((root() / "queries").glob("*.sql")):
        for block in _BLOCK.finditer(path.read_text(encoding="utf-8")):
            # Our own files, read once at import: as trusted as a literal in this module.
            text = _COLUMNS.sub(_columns, block["text"])
            found[f"{path.stem}.{block['name']}"] = _LAYOUT.sub("", text).strip().removesuffix(";")
    return found


def _columns(named: re.Match[str]) -> str:
    """The columns of a row of kronos.model. Raises AttributeError, ValueError: the statement names a row or a field
    that is not there."""
    columns = [each.name for each in fields(getattr(model, named["row"]))]
    for other in filter(None, (named["others"] or "").split(", ")):
        columns.remove(other)
    return ", ".join('"group"' if each == "group" else each for each in columns)  # a word of SQL's own


statements: list[Statement[object]] = []


def statement(name: str, row: type[Row]) -> Statement[Row]:
    """The statement `name`, for a module-level constant; a missing one fails at import."""
    made = Statement(name, texts()[name], row)
    statements.append(cast(Statement[object], made))
    return made
