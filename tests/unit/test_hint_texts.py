"""A hint is a sentence: it begins in upper case and ends with a period, whether Python or PostgreSQL raises it. A
message is none: it stands after other words ("Error: ", the name of a field), so it begins in lower case.

tests/sql/test_hints.py checks what the parser of schedules says; here the texts are read where they are written.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from parsed import ROOT, Parsed, modules

_SQL = sorted((ROOT / "sql" / "functions").rglob("*.sql"))
_LITERAL = r"'(?:[^']|'')*'(?:\s*\n\s*'(?:[^']|'')*')*"
# What a branch of a hint's expression begins with, and what follows its end.
_FIRST = re.compile(rf"(?:=|\breturn|\bthen|\belse|\bformat\(|\bcoalesce\(|\bcron_advice\()\s*({_LITERAL})")
_LAST = re.compile(
    rf"(?:=|\breturn|\bthen|\belse|\|\||\bformat\()\s*({_LITERAL})(?=\s*(?:;|\bend\b|\bwhen\b|\belse\b))"
)
_RAISED = re.compile(r"\bhint\s*:?=(?:(?!\b(?:column|message|detail|errcode)\s*=)[^;])*;?")
_LISTED = re.compile(rf",\s*({_LITERAL})\),?\n")


class Written(NamedTuple):
    """A text, and where it is written: file:line."""

    place: str
    text: str


def texts(node: ast.expr | None, named: dict[str, list[ast.expr]]) -> Iterator[tuple[int, str]]:
    """The literal texts that an expression can be, with their lines; what is filled in stands as X."""
    match node:
        case ast.Constant(value=str(text)):
            yield node.lineno, text
        case ast.JoinedStr(values=parts):
            yield node.lineno, "".join(str(each.value) if isinstance(each, ast.Constant) else "X" for each in parts)
        case ast.IfExp(body=one, orelse=other):
            yield from texts(one, named)
            yield from texts(other, named)
        case ast.BoolOp(values=several):
            for each in several:
                yield from texts(each, named)
        case ast.Dict(values=several):
            for each in several:
                yield from texts(each, named)
        case ast.Name(id=name):
            for each in named.get(name, []):
                yield from texts(each, {})


def hints_of(module: Parsed) -> Iterator[tuple[int, str]]:
    """The texts that a module passes as a hint: by keyword, or to a function with a parameter of that name."""
    named: dict[str, list[ast.expr]] = {}
    places = {"of": 1}  # errors.InvalidRequest.of
    for node in module.nodes:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    named.setdefault(target.id, []).append(node.value)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            taken = [each.arg for each in node.args.args]
            if "hint" in taken:
                places[node.name] = taken.index("hint")
    for node in module.nodes:
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for keyword in node.keywords:
            if keyword.arg == "hint":
                yield from texts(keyword.value, named)
        is_ours = called != "of" or (isinstance(node.func, ast.Attribute) and "InvalidRequest" in ast.dump(node.func))
        if is_ours and called in places and len(node.args) > places[called]:
            yield from texts(node.args[places[called]], named)


@cache
def _hints() -> list[Written]:
    return [Written(f"{module.name}:{line}", text) for module in modules() for line, text in hints_of(module) if text]


def test_a_hint_of_python_is_a_sentence() -> None:
    assert len(_hints()) > 250, "hints are found where they are written"
    wrong = [f"{place}: {text}" for place, text in _hints() if not re.fullmatch(r"[A-Z].*[.?X]", text, re.DOTALL)]
    assert wrong == []


def _unquoted(literal: str) -> str:
    return "".join(part[1:-1] for part in re.findall(r"'(?:[^']|'')*'", literal)).replace("''", "'")


def _phrases(pattern: re.Pattern[str], text: str) -> Iterator[str]:
    """What is prose among the literals: not a name, a pattern, or what is added to a sentence."""
    for each in map(_unquoted, pattern.findall(text)):
        if " " in each.strip() and not each.startswith((";", "^")):
            yield each


def _faults(path: Path) -> Iterator[str]:
    text = path.read_text()
    for part in [text] if path.stem.endswith("_hint") else [found[0] for found in _RAISED.finditer(text)]:
        yield from (f"begins in lower case: {each}" for each in _phrases(_FIRST, part) if each[0].islower())
        yield from (f"ends without a period: {each}" for each in _phrases(_LAST, part) if each[-1] != ".")
    if path.stem in ("callback_fault", "enqueue_fault"):
        is_sentence = re.compile(r"[A-Z].*\.", re.DOTALL)
        yield from (f"is no sentence: {each}" for each in _phrases(_LISTED, text) if not is_sentence.fullmatch(each))


def _sql_hints(text: str, name: str) -> list[str]:
    """The parts of an SQL function that write hints."""
    writes_hints = name.endswith("_hint") or name in ("callback_fault", "enqueue_fault")
    return [text] if writes_hints else [found[0] for found in _RAISED.finditer(text)]


def test_a_hint_names_what_to_do_and_no_request() -> None:
    """Hints reach the command line and the dashboard too, whose readers send no PATCH."""
    request = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE)\b|\?[a-z_]+=")
    assert [f"{place}: {text}" for place, text in _hints() if request.search(text)] == []
    in_sql = [
        f"{path.relative_to(ROOT)}: {literal}"
        for path in _SQL
        for part in _sql_hints(path.read_text(), path.stem)
        for literal in map(_unquoted, re.findall(_LITERAL, part))
        if request.search(literal)
    ]
    assert in_sql == []


def _sql_literals() -> Iterator[Written]:
    """The literals of the hints of SQL."""
    for path in _SQL:
        for part in _sql_hints(path.read_text(), path.stem):
            for literal in re.findall(_LITERAL, part):
                yield Written(str(path.relative_to(ROOT)), _unquoted(literal))


def test_a_text_to_copy_does_not_end_with_the_period_of_its_hint() -> None:
    """People copy `write 0 9 * * 1.` with its period. A value that is filled in has a word after it, such as instead,
    unless it is the end of a range or of a list; so has an example with a sign of the syntax of schedules."""
    glued = re.compile(
        r"(?:(?:.*(?<!to)(?<!:) )?%(?:[0-9]\$)?s"
        r"|(?:.* )?(?:\S*[*#?$]\S*|[-0-9,]+/\S*|@\w+|[0-9]+[LW]|LW|L-[0-9]+W?)|)\.",
        re.DOTALL,
    )
    wrong = [f"{place}: {text}" for place, text in _sql_literals() if glued.fullmatch(text)]
    assert wrong == []


def test_a_hint_of_postgresql_is_a_sentence() -> None:
    wrong = [f"{path.relative_to(ROOT)}: {fault}" for path in _SQL for fault in _faults(path)]
    assert wrong == []
    assert sum(len(_RAISED.findall(path.read_text())) for path in _SQL) > 30, "hints are found where they are raised"


def _begins_with_errors(node: ast.expr) -> bool:
    """Whether it is a name of kronos/errors.py: errors.Conflict, errors.Unprocessable.of."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and node.id == "errors"


def _details_of(module: Parsed) -> Iterator[tuple[int, str]]:
    """The texts of errors: what is passed as `detail`, or first to an error of kronos/errors.py."""
    for node in module.nodes:
        if not isinstance(node, ast.Call):
            continue
        given = [keyword.value for keyword in node.keywords if keyword.arg == "detail"]
        if isinstance(node.func, ast.Attribute) and _begins_with_errors(node.func):
            given += node.args[:1]
        for each in given:
            yield from texts(each, {})


def _messages_of(path: Path) -> Iterator[tuple[int, str]]:
    """The messages that an SQL file raises."""
    text = path.read_text()
    for each in re.finditer(rf"\bmessage\s*=\s*(?:format\()?\s*({_LITERAL})", text):
        yield text[: each.start()].count("\n") + 1, _unquoted(each[1])


def test_a_message_is_a_part_of_a_sentence_or_whole_ones() -> None:
    """Names keep their case."""
    is_sound = re.compile(r"(?!(?!PostgreSQL|Kronos)[A-Z][a-z]).*[^.]|[A-Z].*\. .*\.", re.DOTALL)
    found = [Written(f"{each.name}:{line}", text) for each in modules() for line, text in _details_of(each) if text]
    found += [Written(f"{path.relative_to(ROOT)}:{line}", text) for path in _SQL for line, text in _messages_of(path)]
    assert len(found) > 250, "messages are found where they are written"
    assert [f"{place}: {text}" for place, text in found if not is_sound.fullmatch(text)] == []
