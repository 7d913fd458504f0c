"""Class names are unique, so that a search for one finds only one."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_no_two_classes_have_one_name() -> None:
    """The client is excluded: it is a separate distribution, and its Job is what the server's API returns."""
    named: dict[str, list[str]] = defaultdict(list)
    client = ROOT / "kronos" / "client"
    for path in sorted((ROOT / "kronos").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                told = f"client: {node.name}" if path.is_relative_to(client) else node.name
                named[told].append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert len(named) > 200
    assert {name: places for name, places in named.items() if len(places) > 1} == {}
