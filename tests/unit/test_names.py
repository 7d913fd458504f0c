"""A name says one thing: nobody who searches for a class finds two."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_no_two_classes_have_one_name() -> None:
    named: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "kronos").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                named[node.name].append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert len(named) > 200
    assert {name: places for name, places in named.items() if len(places) > 1} == {}
