"""The server's data classes are those of kronos/records.py. The linter knows only those of the standard library, so
what it checks of a class's defaults is checked here."""

import ast
from collections.abc import Iterator

from parsed import Parsed, modules

_THEIR_PLACE = ("kronos/client/", "kronos/records.py")  # the client is a distribution of its own
_MAY_BE_CALLED = {"field", "float", "frozenset", "timedelta"}  # besides field: what nobody can change


def _ours() -> list[Parsed]:
    return [module for module in modules() if not module.name.startswith(_THEIR_PLACE)]


def _data_classes() -> Iterator[tuple[str, ast.ClassDef]]:
    for module in _ours():
        for node in module.nodes:
            if isinstance(node, ast.ClassDef) and any(
                ast.unparse(each).startswith("dataclass(") for each in node.decorator_list
            ):
                yield f"{module.name}:{node.lineno} {node.name}", node


def test_the_standard_librarys_are_not_used() -> None:
    found = [
        f"{module.name}:{node.lineno}"
        for module in _ours()
        for node in module.nodes
        if (
            isinstance(node, ast.ImportFrom)
            and node.module == "dataclasses"
            and {"dataclass", "make_dataclass"} & {each.name for each in node.names}
        )
        or (
            isinstance(node, ast.Attribute)
            and ast.unparse(node) in {"dataclasses.dataclass", "dataclasses.make_dataclass"}
        )
    ]
    assert found == [], "import dataclass from kronos.records"


def test_a_default_is_of_no_call_whose_result_objects_would_share() -> None:
    defaults = {
        f"{place}: {ast.unparse(line)}": line.value
        for place, made in _data_classes()
        for line in made.body
        if isinstance(line, ast.AnnAssign) and line.value is not None
    }
    assert len(defaults) > 400
    called = [
        place
        for place, value in defaults.items()
        if isinstance(value, ast.Call) and ast.unparse(value.func) not in _MAY_BE_CALLED
    ]
    assert called == [], "all objects would share it: give field(default_factory=...)"
