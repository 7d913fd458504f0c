"""The call graph of the SQL functions. tests/sql/test_floors.py checks it and bin/callers prints it."""

import ast
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kronos import floors, sql

_PACKAGE = Path(sql.__file__).parent
_COMMENT = re.compile(r"--[^\n]*")
_TRIGGER = re.compile(
    r"^create (?:or replace |constraint )*trigger (\w+)\s.*?\bon kronos\.(\w+).*?\bexecute function kronos\.(\w+)\(",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A function, view, policy, trigger, statement or Python module, and the functions that it calls."""

    name: str
    calls: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Function(Caller):
    """A function of sql/functions, on its floor. A function that reads a view calls what the view calls."""

    floor: floors.Floor

    @property
    def place(self) -> str:
        """Its file, relative to sql/functions and without the extension."""
        return f"{self.floor.name}/{self.name}"


def functions() -> dict[str, Function]:
    """Every function, by name."""
    views = {path.stem: floors.calls(path.read_text()) for path in (sql.root() / "views").glob("*.sql")}
    a_view = re.compile(rf"\bkronos\.({'|'.join(views)})\b(?!\()")
    paths = floors.functions()
    names = {path.stem for _, path in paths}
    found = {}
    for floor, path in paths:
        text = path.read_text()
        called = floors.calls(text).union(*(views[view] for view in a_view.findall(_COMMENT.sub("", text))))
        found[path.stem] = Function(name=path.stem, calls=frozenset(called & names - {path.stem}), floor=floor)
    return found


def others() -> Iterator[Caller]:
    """All other callers of functions: pg_cron, triggers, views, policies, statements and Python."""
    yield Caller(name="pg_cron: the command of each entry", calls=frozenset({"fire", "ring"}))
    for path in sorted((sql.root() / "functions").glob("*/*.sql")):
        for trigger, table, function in _TRIGGER.findall(path.read_text()):
            yield Caller(name=f"trigger {trigger} on kronos.{table}", calls=frozenset({function}))
    for path in [*sorted((sql.root() / "views").glob("*.sql")), sql.root() / "policies.sql"]:
        yield Caller(name=f"sql/{path.relative_to(sql.root())}", calls=frozenset(floors.calls(path.read_text())))
    for name, text in sql.texts().items():
        file, _, statement = name.partition(".")
        yield Caller(name=f"sql/queries/{file}.sql: {statement}", calls=frozenset(floors.calls(text)))
    for path in sorted(_PACKAGE.rglob("*.py")):
        source = path.read_text()
        called = {name for text in _literals(source) for name in floors.calls(text)} if floors.calls(source) else ()
        yield Caller(name=str(path.relative_to(_PACKAGE.parent)), calls=frozenset(called))


def _literals(source: str) -> Iterator[str]:
    """The string literals of a Python source that are not docstrings."""
    tree = ast.parse(source)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def listing(names: Sequence[str]) -> str:
    """The callers and callees of each function, one per line. Raises KeyError if a function does not exist."""
    there, elsewhere = functions(), list(others())
    lines = list[str]()
    for name in names:
        lines.append(there[name].place)
        lines += sorted(f"  called by {each.place}" for each in there.values() if name in each.calls)
        lines += sorted(f"  called by {each.name}" for each in elsewhere if name in each.calls)
        lines += sorted(f"  calls     {there[callee].place}" for callee in there[name].calls)
    return "\n".join(lines)


def main(names: Sequence[str]) -> int:
    """Run bin/callers. Return 2 if it is given no name, or the name of a function that does not exist."""
    unknown = sorted(set(names) - functions().keys())
    if unknown or not names:
        sys.stderr.write(
            f"no function {', '.join(unknown)} in sql/functions\n"
            if names
            else "usage: bin/callers NAME…, such as fire\n"
        )
        return 2
    sys.stdout.write(listing(names) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
