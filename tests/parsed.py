"""Kronos's modules as syntax trees, for tests of how the code is written."""

import ast
from functools import cache
from pathlib import Path
from typing import NamedTuple

from kronos.loading import loading

ROOT = Path(__file__).parents[1]


class Parsed(NamedTuple):
    """A module, and every node of its tree. `name`: its path from the root of the repository."""

    path: Path
    name: str
    nodes: tuple[ast.AST, ...]


@cache
def modules() -> tuple[Parsed, ...]:
    """Every module of Kronos, the client's too.

    Parsed once per process, without collections of garbage: one second of CPU instead of two and a half. Later
    collections skip the trees, which have half a million nodes.
    """
    with loading():
        return tuple(
            Parsed(path, str(path.relative_to(ROOT)), tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8")))))
            for path in sorted((ROOT / "kronos").rglob("*.py"))
            if "node_modules" not in path.parts
        )
