"""Every statement that Python runs can be prepared and planned as the role that runs it, and its columns are its
dataclass's fields.
"""

import dataclasses
import datetime
import importlib
import re
import types
import typing
import uuid
from collections.abc import Iterator

import psycopg
import pytest

from conftest import ROOT
from kronos import sql
from prepared import prepared_columns, role_of

# Importing all of Kronos would take as long as preparing all statements, five times.
for path in sorted((ROOT / "kronos").rglob("*.py")):
    if " statement(" in path.read_text(encoding="utf-8"):
        importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))

_PYTHON = {
    "uuid": uuid.UUID,
    "text": str,
    "int2": int,
    "int4": int,
    "int8": int,
    "float8": float,
    "timestamptz": datetime.datetime,
    "jsonb": dict,
    "bool": bool,
    "bytea": bytes,
    "_int4": list,
    "_int8": list,
    "_text": list,
    "_uuid": list,
    "_timestamptz": list,
}


def as_postgres_says(annotation: object) -> object:
    """A field's type without None, Literal and parameters. Any JSON is a dict, as for PostgreSQL's jsonb."""
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        parts = [part for part in typing.get_args(annotation) if part is not types.NoneType]
        if all(typing.get_origin(part) is typing.Literal for part in parts):
            return str
        (annotation,) = parts
    if annotation is typing.Any:
        return dict
    if typing.get_origin(annotation) is typing.Literal:
        return str
    return typing.get_origin(annotation) or annotation


def test_no_statement_that_writes_counts_as_a_read() -> None:
    writes = [each.name for each in sql.statements if not each.is_read and role_of(each.name) == "kronos_api"]
    assert {name.partition(".")[2].partition("_")[0] for name in writes} <= {
        "insert", "replace", "update", "delete", "cancel", "retry", "pause", "resume", "suspend",
        "skip", "trigger", "settle", "turn", "move", "set", "rename", "match", "lock", "enable", "disable",
        "begin", "run",
    }  # fmt: skip


@pytest.fixture(scope="module")
def session(module_database_url: str) -> Iterator[psycopg.Connection]:
    """One session for all statements: each new one would read the catalogs again, in two thirds of the tests' CPU."""
    with psycopg.connect(module_database_url, autocommit=True, prepare_threshold=None) as connection:
        yield connection


@pytest.mark.parametrize("statement", sql.statements, ids=lambda statement: statement.name)
def test_a_statement_is_plannable_by_its_role_and_returns_its_dataclass(
    session: psycopg.Connection, statement: sql.Statement[object]
) -> None:
    session.execute("discard all")
    session.execute(f"set role {role_of(statement.name)}")
    parameters, columns = prepared_columns(session, statement.text)
    # PREPARE checks names and types. Privileges are checked before a plan runs, which EXPLAIN does without running it.
    session.execute("set plan_cache_mode = force_generic_plan")
    arguments = f"({', '.join(['null'] * parameters)})" if parameters else ""
    assert session.execute(f"explain execute checked{arguments}").fetchall()
    hints = typing.get_type_hints(statement.row)
    fields = [(name, as_postgres_says(hint)) for name, hint in hints.items()]
    assert [name for name, _ in columns] == [name for name, _ in fields]
    assert issubclass(statement.row, tuple) or dataclasses.is_dataclass(statement.row), "must be a tuple or dataclass"
    # The worker takes ids and JSON as PostgreSQL writes them, in tuples.
    python = _PYTHON | (dict.fromkeys(("uuid", "jsonb"), str) if issubclass(statement.row, tuple) else {})
    assert [(name, python[type_name]) for name, type_name in columns] == fields


_WRITING = re.compile(r"\b(?:insert|update|delete|merge|truncate|call|lock|nextval|setval|notify)\b")


def test_what_counts_as_a_read_changes_nothing(module_database_url: str) -> None:
    """When the answer to a read is lost, the read is sent again, or the error says "nothing was changed". So it must
    not write a table or call a function that may.

    kronos.clock() is volatile because it reads a clock. Asking for a key twice takes requests twice; the first ones are
    lost until the minute ends.
    """
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        volatile = {
            name
            for (name,) in connection.execute(
                "select distinct proname from pg_proc"
                " where pronamespace = 'kronos'::regnamespace and provolatile = 'v' and proname <> 'clock'"
            )
        }
    reads = [each for each in sql.statements if each.is_read and role_of(each.name) == "kronos_api"]
    reading = {each.name: re.sub(r"--[^\n]*|'[^']*'", "", each.text.lower()) for each in reads}
    assert len(reading) > 20
    assert [name for name, text in reading.items() if _WRITING.search(text)] == []
    called = {name: set(re.findall(r"\bkronos\.(\w+)\(", text)) & volatile for name, text in reading.items()}
    assert {name: functions for name, functions in called.items() if functions} == {
        name: {"take_requests"} for name in ("keys.find_key", "people.find_key_sign_in", "people.find_sign_in")
    }


def test_each_block_of_sql_queries_is_one_statement_of_the_code() -> None:
    assert sorted(statement.name for statement in sql.statements) == sorted(sql.texts())


def test_each_block_tells_nothing_by_star_and_no_block_is_defined_twice() -> None:
    names = [
        f"{path.stem}.{name}"
        for path in (sql.root() / "queries").glob("*.sql")
        for name in re.findall(r"^-- name: (\w+)$", path.read_text(), flags=re.M)
    ]
    assert sorted(names) == sorted(sql.texts())
    last_selects = {name: text[text.rfind("\nselect") + 1 :] for name, text in sql.texts().items()}
    assert [
        name for name, text in last_selects.items() if re.match(r"select\s+\*|.*returning\s+\*\s*\Z", text, flags=re.S)
    ] == []


def test_what_is_asked_often_is_short_enough_for_the_driver_to_remember_how_it_read_it() -> None:
    """Beyond 4,096 bytes or 50 parameters, psycopg parses a statement each time it is sent."""
    rare = {"job_changes.replace_cron_job", "explain.get_facts"}
    often = [
        each
        for each in sql.statements
        if each.name not in rare and not each.name.startswith(("doctor.", "doctor_fixes."))
    ]
    assert [(each.name, len(each.text)) for each in often if len(each.text.encode()) > 4096] == []


def test_no_statement_has_a_literal_over_several_lines() -> None:
    """Otherwise, removing the layout of its lines would change it."""
    lines = [(name, re.sub(r"--[^']*$", "", line)) for name, text in sql.texts().items() for line in text.splitlines()]
    assert [(name, line) for name, line in lines if line.count("'") % 2] == []
