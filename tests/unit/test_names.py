"""Class names are unique, so that a search for one finds only one."""

import ast
from collections import defaultdict

from parsed import modules


def test_no_two_classes_have_one_name() -> None:
    """The client is excluded: it is a separate distribution, and its Job is what the server's API returns."""
    named: dict[str, list[str]] = defaultdict(list)
    for module in modules():
        for node in module.nodes:
            if isinstance(node, ast.ClassDef):
                told = f"client: {node.name}" if module.name.startswith("kronos/client/") else node.name
                named[told].append(f"{module.name}:{node.lineno}")
    assert len(named) > 200
    assert {name: places for name, places in named.items() if len(places) > 1} == {}
