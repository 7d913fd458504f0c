"""A file has at most 400 lines, a Python function and the body of a SQL function at most sixty; beyond that, split it
by idea. The exceptions, all of them SQL, state their reason.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from kronos import floors
from parsed import modules

_BODY = re.compile(r"^as \$\$\n(.*?)^\$\$;", re.MULTILINE | re.DOTALL)
_LONGEST = 60
_ROOT = Path(__file__).parents[2]
_MOST_LINES = 400
_REASONS = {
    "account_ticks": "one statement, in which ticks, executions and pointers agree: each cut is one more snapshot",
}


def _lengths() -> dict[str, int]:
    bodies = {path.stem: _BODY.search(path.read_text(encoding="utf-8")) for _, path in floors.functions()}
    return {name: body.group(1).count("\n") for name, body in bodies.items() if body is not None}


def test_a_function_has_sixty_lines_at_most() -> None:
    lengths = _lengths()
    assert len(lengths) > 200
    assert {name: lines for name, lines in lengths.items() if lines > _LONGEST and name not in _REASONS} == {}


def test_a_reason_goes_when_its_function_is_short() -> None:
    lengths = _lengths()
    assert [name for name in _REASONS if lengths.get(name, 0) <= _LONGEST] == []


def _python() -> Iterator[tuple[str, Iterable[ast.AST]]]:
    """Yield the name and the nodes of each file of Python outside of tests. Those of bin/ have no suffix."""
    yield from ((module.name, module.nodes) for module in modules())
    for folder in ("bench", "bin", "alembic"):
        for path in sorted((_ROOT / folder).rglob("*")):
            if path.suffix == ".py" or (folder == "bin" and b"python" in path.read_bytes().partition(b"\n")[0]):
                yield str(path.relative_to(_ROOT)), ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def test_a_python_function_has_sixty_lines_at_most() -> None:
    lines = {
        f"{name}:{each.lineno} {each.name}": (each.end_lineno or 0) - each.lineno + 1
        for name, nodes in _python()
        for each in nodes
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert len(lines) > 4000
    assert any(place.startswith("bin/") for place in lines)
    assert {place: count for place, count in lines.items() if count > _LONGEST} == {}


def test_a_file_has_four_hundred_lines_at_most() -> None:
    files = [
        path
        for folder in ("kronos", "sql", "alembic", "bench", "bin", "tests", "client")
        for path in (_ROOT / folder).rglob("*")
        if path.suffix in (".py", ".sql", ".js") and "node_modules" not in path.parts
    ]
    assert len(files) > 800
    lines = {str(path.relative_to(_ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert {name: count for name, count in lines.items() if count > _MOST_LINES} == {}
