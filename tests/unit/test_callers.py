"""Heads of SQL functions that say who calls them say so truly: a caller that was renamed or stopped calling is not named any more."""

import re
from dataclasses import dataclass

from kronos import sql

_COMMENT = re.compile(r"--[^\n]*")
_CREATED = re.compile(r"^create (?:or replace )?(?:function|view|(?:constraint )?trigger) (?:kronos\.)?(\w+)", re.MULTILINE)
_NAMED = re.compile(r"^-- name: (\w+)", re.MULTILINE)
_FILE = re.compile(r"(?:queries|views)/\w+\.sql|\w+\.sql")
_CALL = re.compile(r"\bkronos\.(\w+)\(")
_SAID = re.compile(r"Called by: (.*?)(?:\.|,? where |, as the first|;|:|\(|   |$)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A function, view, trigger or statement: the comment before it, and its text without comments."""

    name: str
    head: str
    body: str


def _units() -> list[Unit]:
    found = []
    for path in sorted(sql.root().rglob("*.sql")):
        text = path.read_text()
        starts = list((_NAMED if path.parent.name == "queries" else _CREATED).finditer(text))
        for start, end in zip(starts, [*starts[1:], None], strict=False):
            head = re.search(r"(?:^--[^\n]*\n)+\Z", text[: start.start()], re.MULTILINE)
            body = _COMMENT.sub("", text[start.start() : end.start() if end else None])
            found.append(Unit(name=start[1], head=_FILE.sub("", re.sub(r"\n-- ?", " ", head[0] if head else "")).rstrip(), body=body))
    return found


UNITS = _units()
KNOWN = {each.name for each in UNITS}
OTHERS = {"kronos_owner", "kronos_cron", "kronos_api", "kronos_worker", "pg_cron"}
SAID = {unit.name: said[1] for unit in UNITS if (said := _SAID.search(unit.head))}
CALLS = [(each.name, set(_CALL.findall(each.body))) for each in UNITS]
CALLERS = {name: {caller for caller, called in CALLS if name in called} for name in SAID}


def test_heads_are_read() -> None:
    assert len(SAID) > 200
    assert SAID["grace"].startswith("due_ticks, ")
    assert "due_ticks" in CALLERS["grace"]


def test_each_caller_that_a_function_names_is_there() -> None:
    named = {name: {word for word in re.findall(r"[a-z][a-z0-9_]*", said) if "_" in word} - KNOWN - OTHERS for name, said in SAID.items()}
    assert {name: words for name, words in named.items() if words} == {}


def test_each_caller_that_a_function_names_calls_it() -> None:
    named = {name: set(re.findall(r"[a-z][a-z0-9_]*", said)) & KNOWN - CALLERS[name] - {name} for name, said in SAID.items()}
    assert {name: (words, "called by", CALLERS[name]) for name, words in named.items() if words} == {}
