"""The floors of sql/functions: their order, their owners, and which function calls which.

A function calls only its own floor and those below. So a database is built from the ground up, and when PostgreSQL
binds names at a function's creation (a `return …` body), the functions that it calls exist already.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from kronos import sql
from kronos.records import dataclass

# A row of the table in sql/README.md, which defines the floors: | `ring/` | `kronos_owner` | … |
_FLOOR = re.compile(r"^\| `(?P<name>\w+)/` \| `(?P<owner>kronos_\w+)` \|", re.MULTILINE)
_COMMENT = re.compile(r"--[^\n]*")
_CALL = re.compile(r"\bkronos\.(\w+)\s*\(")
# The commands of pg_cron's entries. Functions write and compare them as text; no function calls them.
_COMMANDS = ("'select kronos.fire(", "'call kronos.ring(")


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """A folder of sql/functions: the role that owns its functions, and its height; the ground is 0."""

    name: str
    owner: str
    height: int


def floors() -> dict[str, Floor]:
    """Return all floors by name, from the ground up."""
    rows = list(_FLOOR.finditer((sql.root() / "README.md").read_text(encoding="utf-8")))
    return {
        row["name"]: Floor(name=row["name"], owner=row["owner"], height=height)
        for height, row in enumerate(reversed(rows))
    }


@lru_cache(maxsize=2048)
def calls(text: str) -> frozenset[str]:
    """Return the functions of schema kronos that an SQL text calls. Cached, because searching costs more than reading
    the text, and `kronos migrate` and doctor read all texts several times."""
    bare = _COMMENT.sub("", text)
    for command in _COMMANDS:
        bare = bare.replace(command, "")
    return frozenset(_CALL.findall(bare))


def functions() -> list[tuple[Floor, Path]]:
    """Return (floor, file) of every function: from the ground up, and within a floor callees before callers.

    If functions of a floor call each other in a cycle, the first by name comes last. Raises RuntimeError for a folder
    that is not a floor.
    """
    return [(floor, path) for floor, path, _ in sources()]


def sources() -> list[tuple[Floor, Path, bytes]]:
    """Return the same with each file's content, which is read once."""
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
