"""Load sql/queries/*.sql: each block under `-- name: x` becomes one Statement, typed by the row it returns.

In a block `{Job}` stands for the fields of kronos.model.Job, in their order:

    {Job but pg_cron, execution}            without these
    {Job of job}                            job.job_id, job.name, …
    {Job of job with fresh.at as run_at}    this column so, the others from job
    {JobTerms as record}                    name text, …: with their types, for jsonb_to_recordset
    {JobTerms changed of old}               a parameter if %(changed)s contains its name, otherwise that of old

So a new field is written only in the row's class, not in each statement. `{Archived}` and `{Archived of live}` stand
for the columns that kronos.archived takes over from a row of the queue: statements that end most deliveries would lose
4 % to a call of it.
"""

import re
from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Generic, Literal, LiteralString, TypeVar, cast, get_args, get_origin, get_type_hints

from kronos import model
from kronos.records import dataclass

Row = TypeVar("Row")
# The verbs of statements that change nothing (tests/sql/test_statements.py).
_READS = ("get", "list", "find", "count", "read", "preview", "enter")
# Comments and indentation, which only people read. The driver caches how it parsed a statement of up to 4,096 bytes
# (psycopg._queries), and parses a longer one each time: 0.1 ms of a job's creation. No statement has a literal that
# spans lines. Generated column lists have no blanks, for the same reason.
_LAYOUT = re.compile(r"^ +|^ *--.*\n", re.MULTILINE)
_COLUMNS = re.compile(
    r"\{(?P<row>[A-Z]\w+)(?:\s+but (?P<others>\w+(?:,\s+\w+)*))?(?:\s+(?P<how>as record|changed))?"
    r"(?:\s+of (?P<of>\w+))?(?:\s+with\s+(?P<given>[^{}]+))?\}"
)
_AS = re.compile(r"(?P<value>.+)\sas\s+(?P<name>\w+)", re.S)
_TYPES = {str: "text", int: "integer", datetime: "timestamptz", dict: "jsonb", list: "text[]"}
_BLOCK = re.compile(r"^-- name: (?P<name>[a-z0-9_]+)\n(?P<text>.*?)(?=^-- name: |\Z)", re.M | re.S)


def root() -> Path:
    """Return the sql/ folder: inside the wheel, or at the top of the checkout."""
    bundled = Path(__file__).parent / "_sql"
    return bundled if bundled.is_dir() else Path(__file__).parents[1] / "sql"


@dataclass(frozen=True, slots=True)
class Statement(Generic[Row]):
    """One SQL statement, and the dataclass of its rows."""

    name: str
    text: LiteralString
    row: type[Row]

    @property
    def is_read(self) -> bool:
        """Whether it changes nothing, so that it can be sent again if its answer was lost."""
        return self.name.partition(".")[2].partition("_")[0] in _READS


def texts() -> dict[str, LiteralString]:
    """Return every statement's text by "file.name"."""
    found: dict[str, LiteralString] = {}
    for path in sorted((root() / "queries").glob("*.sql")):
        found |= texts_of(path.stem)
    return found


@cache
def texts_of(file: str) -> dict[str, LiteralString]:
    """Return those of one file of sql/queries, as `texts` does."""
    text = (root() / "queries" / f"{file}.sql").read_text(encoding="utf-8")
    # Our own files, read once at import: as trustworthy as a literal in this module.
    return {
        f"{file}.{block['name']}": _LAYOUT.sub("", _COLUMNS.sub(_columns, block["text"])).strip().removesuffix(";")
        for block in _BLOCK.finditer(text)
    }


def _columns(named: re.Match[str]) -> str:
    """Return the columns of a row of kronos.model. Raises AttributeError, ValueError: the statement names a row or a
    field that does not exist."""
    of = f"{named['of']}." if named["of"] else ""
    if named["row"] == "Archived":
        return ",".join(f"{of}{name}" for name in _archived())
    row = getattr(model, named["row"])
    columns = [each.name for each in fields(row)]
    for other in filter(None, re.split(r",\s+", named["others"] or "")):
        columns.remove(other)
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


def _archived() -> list[str]:
    """Return the columns that the history has from a row of the queue, as kronos.archived defines them."""
    body = (root() / "functions" / "history" / "archived.sql").read_text(encoding="utf-8").partition("as $$")[2]
    return re.findall(r"\bp_live\.(\w+)", body)


def _quoted(name: str) -> str:
    """Return a column's name, quoted if it is an SQL keyword."""
    return f'"{name}"' if name == "group" else name


def _given(text: str) -> Iterator[tuple[str, str]]:
    """Yield each "value as name" of a list, whose values may contain commas within parentheses."""
    depth, part = 0, ""
    for character in f"{text}," if text else "":
        if character == "," and not depth:
            if (found := _AS.fullmatch(part.strip())) is None:
                raise ValueError(f"not a value with a name: {part.strip()}")
            yield found["name"], found["value"]
            part = ""
            continue
        depth += {"(": 1, ")": -1}.get(character, 0)
        part += character


def _plain(hint: Any) -> type:  # noqa: ANN401
    """Return the type of a field's values: str for `str | None` and Literal["SHIFT"], dict for JsonObject."""
    if get_origin(hint) is UnionType:
        return _plain(next(each for each in get_args(hint) if each is not NoneType))
    if get_origin(hint) is Literal:
        return type(get_args(hint)[0])
    return get_origin(hint) or hint  # type: ignore[no-any-return]  # a class; no other case is left


statements: list[Statement[object]] = []


def statement(name: str, row: type[Row]) -> Statement[Row]:
    """Return the statement `name`, for a module-level constant; a missing one fails at import."""
    made = Statement(name, texts_of(name.partition(".")[0])[name], row)
    statements.append(cast(Statement[object], made))
    return made
