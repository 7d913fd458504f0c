"""Each line of the log is an event of one level, and docs/logs.md lists it. (What a line holds:
test_log_of_a_process.py.)"""

import ast
import re
from collections.abc import Iterator

from parsed import ROOT, Parsed, modules

_LEVELS = {"debug": "DEBUG", "info": "INFO", "warning": "WARNING", "error": "ERROR"}
_EVENT = re.compile(r"[a-z_]+\.[a-z_]+")


def _modules() -> list[Parsed]:
    """All modules that may log. The client is a separate distribution."""
    return [module for module in modules() if not module.name.startswith("kronos/client/")]


def _is_log(node: ast.expr) -> bool:
    """Whether it is _log or Log("kronos")."""
    return (isinstance(node, ast.Name) and node.id == "_log") or (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Log"
    )


def _written() -> Iterator[tuple[str, str, str]]:
    """The event, level and place of each log call."""
    for module in _modules():
        for node in module.nodes:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_log(node.func.value):
                if node.func.attr in _LEVELS:
                    event = node.args[0]
                    said = event.value if isinstance(event, ast.Constant) else ast.unparse(event)
                    yield str(said), _LEVELS[node.func.attr], f"{module.name}:{node.lineno}"
                else:
                    assert node.func.attr == "is_told", f"{module.name}:{node.lineno}"


def test_each_line_has_an_event_of_one_level_that_is_in_the_table() -> None:
    table = (ROOT / "docs" / "logs.md").read_text()
    rows = re.findall(r"^\| `([a-z_.]+)` \| ([A-Z]+) \|", table, re.MULTILINE)
    documented = dict(rows)
    assert len(documented) == len(rows)
    written = list(_written())
    assert [place for event, _, place in written if not _EVENT.fullmatch(event)] == []
    assert {(event, level) for event, level, _ in written} == set(documented.items())
    assert [event for event, _ in rows] == sorted(documented)


def test_nothing_is_logged_but_as_an_event() -> None:
    """The standard library's loggers write lines without an event. logs.py configures the loggers of other packages;
    lines.py has Kronos's own.
    """
    own = {"kronos/lines.py", "kronos/logs.py", "kronos/traces/pipeline.py"}
    loggers = [
        f"{module.name}:{node.lineno}"
        for module in _modules()
        for node in module.nodes
        if isinstance(node, ast.Attribute) and node.attr == "getLogger" and module.name not in own
    ]
    assert loggers == []
