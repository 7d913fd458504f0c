"""Loads sql/queries/*.sql: each block under `-- name: x` becomes one Statement, typed by the row it returns.

In a block `{Job}` stands for the fields of kronos.model.Job, in their order:

    {Job but pg_cron, execution}            the others
    {Job of job}                            job.job_id, job.name, …
    {Job of job with fresh.at as run_at}    this column so, the others of job
    {JobTerms as record}                    name text, …: with their types, for jsonb_to_recordset
    {JobTerms changed of old}               a parameter where %(changed)s has its name, else that of old

So a new field of a row is written where the row is, and not in each statement.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Generic, Literal, LiteralString, TypeVar, cast, get_args, get_origin, get_type_hints

from kronos import model

Row = TypeVar("Row")
# The verbs of statements that change nothing (tests/sql/test_statements.py).
_READS = ("get", "list", "find", "count", "read", "preview", "enter")
# What only people read. The driver remembers how it read a statement of up to 4,096 bytes (psycopg._queries), and reads
# a longer one again each time: 0.1 ms of a job's creation. No statement has a literal over several lines; and a list
# that is written here has no blanks.
_LAYOUT = re.compile(r"^ +|^ *--.*\n", re.MULTILINE)
_COLUMNS = re.compile(
    r"\{(?P<row>[A-Z]\w+)(?:\s+but (?P<others>\w+(?:,\s+\w+)*))?(?:\s+(?P<how>as record|changed))?"
    r"(?:\s+of (?P<of>\w+))?(?:\s+with\s+(?P<given>[^{}]+))?\}"
)
_AS = re.compile(r"(?P<value>.+)\sas\s+(?P<name>\w+)", re.S)
_TYPES = {str: "text", int: "integer", datetime: "timestamptz", dict: "jsonb", list: "text[]"}
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
    row = getattr(model, named["row"])
    columns = [each.name for each in fields(row)]
    for other in filter(None, re.split(r",\s+", named["others"] or "")):
        columns.remove(other)
    of = f"{named['of']}." if named["of"] else ""
    if named["how"] is None:
        given = dict(_given(named["given"] or ""))
        if unknown := given.keys() - columns:
            raise ValueError(f"{named['row']} has no {', '.join(sorted(unknown))}")
        return ",".join(f"{given[name]} as {name}" if name in given else f"{of}{_quoted(name)}" for name in columns)
    types = {name: _TYPES[_plain(hint)] for name, hint in get_type_hints(row).items() if name in columns}
    if named["how"] == "as record":
        return ",".join(f"{name} {types[name]}" for name in columns)
    return ",".join(
        f"case when '{name}' = any (%(changed)s::text[]) then %({name})s::{types[name]} else {of}{name} end"
        for name in columns
    )


def _quoted(name: str) -> str:
    """A column's name where it is a word of SQL's own, too."""
    return f'"{name}"' if name == "group" else name


def _given(text: str) -> Iterator[tuple[str, str]]:
    """Each "value as name" of a list, whose values may have commas within parentheses."""
    depth, part = 0, ""
    for character in f"{text}," if text else "":
        if character == "," and not depth:
            if (found := _AS.fullmatch(part.strip())) is None:
                raise ValueError(f"it is no value with a name: {part.strip()}")
            yield found["name"], found["value"]
            part = ""
            continue
        depth += {"(": 1, ")": -1}.get(character, 0)
        part += character


def _plain(hint: Any) -> type:  # noqa: ANN401
    """The type that a field's values have: str of `str | None` and of Literal["SHIFT"], dict of JsonObject."""
    if get_origin(hint) is UnionType:
        return _plain(next(each for each in get_args(hint) if each is not NoneType))
    if get_origin(hint) is Literal:
        return type(get_args(hint)[0])
    return get_origin(hint) or hint  # type: ignore[no-any-return]  # a class, for it is no other


statements: list[Statement[object]] = []


def statement(name: str, row: type[Row]) -> Statement[Row]:
    """The statement `name`, for a module-level constant; a missing one fails at import."""
    made = Statement(name, texts()[name], row)
    statements.append(cast(Statement[object], made))
    return made
