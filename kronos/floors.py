"""The floors of sql/functions: their order, who owns each, and which function calls which.

A function calls its own floor and those below it. So a database is built from the ground up, and what PostgreSQL binds
when it creates a function (`return …` as a body) finds its callees there already.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from kronos import sql

# A row of the table in sql/README.md, which is the list: | `ring/` | `kronos_owner` | what pg_cron and the workers call
# |
_FLOOR = re.compile(r"^\| `(?P<name>\w+)/` \| `(?P<owner>kronos_\w+)` \|", re.MULTILINE)
_COMMENT = re.compile(r"--[^\n]*")
_CALL = re.compile(r"\bkronos\.(\w+)\s*\(")
# The commands of pg_cron's entries. Functions write them and compare with them as a text; none of them calls one.
_COMMANDS = ("'select kronos.fire(", "'call kronos.ring(")


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """A folder of sql/functions: the role that owns its functions, and how far up it is; the ground is 0."""

    name: str
    owner: str
    height: int


def floors() -> dict[str, Floor]:
    """All floors by name, from the ground up."""
    rows = list(_FLOOR.finditer((sql.root() / "README.md").read_text(encoding="utf-8")))
    return {
        row["name"]: Floor(name=row["name"], owner=row["owner"], height=height)
        for height, row in enumerate(reversed(rows))
    }


@lru_cache(maxsize=2048)
def calls(text: str) -> frozenset[str]:
    """The functions of schema kronos that a text in SQL calls. To look costs more than to read the text, and
    `kronos migrate` and doctor read all of them several times."""
    bare = _COMMENT.sub("", text)
    for command in _COMMANDS:
        bare = bare.replace(command, "")
    return frozenset(_CALL.findall(bare))


def functions() -> list[tuple[Floor, Path]]:
    """(floor, file) of every function: from the ground up, and on a floor each after those that it calls.

    Where functions of a floor call each other in a circle, the first by name comes last. Raises RuntimeError for a
    folder that is no floor.
    """
    return [(floor, path) for floor, path, _ in sources()]


def sources() -> list[tuple[Floor, Path, bytes]]:
    """The same, each with what its file says, which is read once."""
    by_name, on_floor = floors(), defaultdict[str, dict[str, tuple[Path, bytes]]](dict)
    for path in sorted((sql.root() / "functions").glob("*/*.sql")):
        on_floor[path.parent.name][path.stem] = path, path.read_bytes()
    if strangers := sorted(on_floor.keys() - by_name.keys()):
        raise RuntimeError(f"no floor in {sql.root() / 'README.md'} for {', '.join(strangers)} of sql/functions")
    return [(floor, path, text) for name, floor in by_name.items() for path, text in _callees_first(on_floor[name])]


def _callees_first(files: dict[str, tuple[Path, bytes]]) -> Iterator[tuple[Path, bytes]]:
    left = dict(files)

    def visit(name: str) -> Iterator[tuple[Path, bytes]]:
        if file := left.pop(name, None):
            for callee in sorted(calls(file[1].decode())):
                yield from visit(callee)
            yield file

    for name in files:
        yield from visit(name)
