"""A file has at most 400 lines and the body of a SQL function at most sixty; beyond that, split it by idea. The
exceptions state their reason.
"""

import re
from pathlib import Path

from kronos import floors

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
