"""Mutants of a file of kronos/: its functions with one place changed, installed in this process only."""

import ast
import copy
import importlib
import inspect
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from sql_mutants import Mutant

_ROOT = Path(__file__).parents[1]
_INSTEAD: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Add: ast.Sub, ast.Sub: ast.Add,
    ast.Mult: ast.Div, ast.Div: ast.Mult,
}  # fmt: skip
_OF_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}


def mutants_of(path: Path) -> Iterator[Mutant]:
    """Yield mutants of the bodies of the file's functions."""
    whole = path.read_text()
    tree, lines = ast.parse(whole), whole.splitlines()
    for number, node in enumerate(_inside(tree)):
        for change in _changes(node):
            made = copy.deepcopy(tree)
            place = list(_inside(made))[number]
            before = _shown(place)
            change(place)
            reads = lines[place.lineno - 1].strip()
            what = f"{path.name}:{place.lineno}: {before!r} -> {_shown(place)!r} in {reads!r}"
            yield Mutant(path, ast.unparse(made), what)


def _shown(place: ast.expr | ast.stmt) -> str:
    return " ".join(ast.unparse(place).split())[:90]


def _inside(tree: ast.Module) -> Iterator[ast.expr | ast.stmt]:
    """The nodes within function bodies, in a fixed order. Annotations, defaults and decorators are excluded: they are
    evaluated only once.
    """
    functions = [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
    seen = set[int]()
    for function in functions:
        for statement in function.body:
            for node in ast.walk(statement):
                if isinstance(node, ast.expr | ast.stmt) and id(node) not in seen:
                    seen.add(id(node))
                    yield node


def _changes(node: ast.expr | ast.stmt) -> Iterator[Callable[[Any], None]]:
    """The changes that are possible at a node, each a function that changes a copy of it."""
    yield from _of_conditions(node)
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in _INSTEAD:
        yield lambda at: setattr(at, "op", _INSTEAD[type(at.op)]())
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield lambda at: setattr(at, "value", not at.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield lambda at: setattr(at, "value", at.value + 1)
    if isinstance(node, ast.Name) and node.id in _OF_NAMES:
        yield lambda at: setattr(at, "id", _OF_NAMES[at.id])
    if isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        yield lambda at: setattr(at, "value", ast.Constant(None))
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Await):
        yield lambda at: setattr(at, "value", ast.Constant(None))


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _of_conditions(node: ast.expr | ast.stmt) -> Iterator[Callable[[Any], None]]:
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _INSTEAD:
        yield lambda at: at.ops.__setitem__(0, _INSTEAD[type(at.ops[0])]())
    if isinstance(node, ast.BoolOp):
        for number in range(len(node.values)):
            yield lambda at, number=number: at.values.pop(number)  # type: ignore[misc]
    if isinstance(node, ast.If | ast.IfExp):
        for value in (True, False):
            yield lambda at, value=value: setattr(at, "test", ast.Constant(value))  # type: ignore[misc]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield lambda at: setattr(at, "operand", ast.UnaryOp(ast.Not(), at.operand))


@contextmanager
def in_place(mutant: Mutant) -> Iterator[bool]:
    """Give each function the mutant's code for the duration of the block. Yields whether they take it. Processes that
    tests start do not get it.
    """
    found = list(_codes(compile(mutant.text, str(mutant.path), "exec", dont_inherit=True)))
    names = Counter(name for name, _ in found)  # a property's getter and setter share a name
    codes = {name: code for name, code in found if names[name] == 1}
    name = ".".join(mutant.path.relative_to(_ROOT).with_suffix("").parts).removesuffix(".__init__")
    functions = list(_functions(importlib.import_module(name)))
    before = [(function, function.__code__) for function in functions]
    changed = [(function, codes.get(function.__qualname__, code)) for function, code in before]
    if any(code.co_freevars != function.__code__.co_freevars for function, code in changed):
        yield False  # without its only super(), a method has no class to look it up in
        return
    try:
        for function, code in changed:
            function.__code__ = code
        yield True
    finally:
        for function, code in before:
            function.__code__ = code


def _codes(code: CodeType) -> Iterator[tuple[str, CodeType]]:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield each.co_qualname, each
            yield from _codes(each)


def _functions(module: object) -> Iterator[FunctionType]:
    """The functions of the module and of its classes, without their decorators."""
    name = module.__name__  # type: ignore[attr-defined]
    for value in vars(module).values():
        members = list(vars(value).values()) if inspect.isclass(value) and value.__module__ == name else [value]
        for member in members:
            for bare in (member, *(getattr(member, part, None) for part in ("__func__", "fget", "fset", "func"))):
                found = inspect.unwrap(bare) if callable(bare) else None
                if isinstance(found, FunctionType) and found.__module__ == name and _is_written(found):
                    yield found


def _is_written(function: FunctionType) -> bool:
    """Whether it was written by hand, not generated by dataclasses."""
    return function.__code__.co_filename.endswith(".py") and function.__name__ != "<lambda>"
