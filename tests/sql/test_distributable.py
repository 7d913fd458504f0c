"""The properties of the history's tables that `kronos migrate --distributed` needs, tested without Citus (decisions
0116, 0117). A change that would keep old weeks from moving fails here.
"""

import re
from pathlib import Path

import pytest

from conftest import ROOT
from kronos import far_history
from sql_factory import Connection, records, value, values

TABLES = ("execution_done", "attempt")
SQL = sorted((ROOT / "sql").rglob("*.sql"))
_INSERT = re.compile(r"insert into kronos\.(?P<table>\w+).*?(?=insert into kronos\.|\Z)", re.DOTALL)
_TARGET = re.compile(r"on conflict \((?P<columns>[^)]*)\)")
_CHANGE = re.compile(r"(?P<verb>update|delete from) kronos\.execution_done\b(?P<rest>[^;]*)", re.DOTALL)


def test_the_tables_are_those_that_go() -> None:
    assert tuple(far_history.KEYS) == TABLES


@pytest.mark.parametrize("table", TABLES)
def test_each_row_has_a_workspace_and_an_end(superuser: Connection, table: str) -> None:
    needed = ("workspace_id", "completed_at", *far_history.KEYS[table])
    found = values(
        superuser,
        "select attname from pg_attribute where attrelid = %s::regclass and attnotnull and attname = any (%s)",
        [f"kronos.{table}", list(needed)],
    )
    assert set(found) == set(needed)


@pytest.mark.parametrize("table", TABLES)
def test_the_key_here_is_the_one_that_goes(superuser: Connection, table: str) -> None:
    key = values(
        superuser,
        "select array(select attname::text from pg_attribute join unnest(indkey) with ordinality as each (attnum, nth)"
        " using (attnum) where attrelid = indrelid order by nth) from pg_index where indrelid = %s::regclass"
        " and indisunique",
        [f"kronos.{table}"],
    )
    assert key == [list(far_history.KEYS[table])]  # no other unique index: a foreign table cannot have one


@pytest.mark.parametrize("table", TABLES)
def test_types_are_postgresqls_own(superuser: Connection, table: str) -> None:
    foreign = values(
        superuser,
        "select attname from pg_attribute join pg_type on pg_type.oid = atttypid"
        " where attrelid = %s::regclass and attnum > 0 and typnamespace <> 'pg_catalog'::regnamespace",
        [f"kronos.{table}"],
    )
    assert foreign == []


@pytest.mark.parametrize("table", TABLES)
def test_no_trigger_stands_in_the_way(superuser: Connection, table: str) -> None:
    """Foreign partitions would need a row trigger too, and Citus supports none. A trigger that reads deleted rows
    prevents deletions from foreign tables. Triggers that read inserted rows see the executions that end here.
    """
    triggers = records(
        superuser,
        "select tgname, tgtype & 1 as for_each_row, tgtype & 8 as of_deletes, tgoldtable is not null as reads_old"
        " from pg_trigger where tgrelid = %s::regclass and not tgisinternal",
        [f"kronos.{table}"],
    )
    assert [each for each in triggers if each["for_each_row"] or each["of_deletes"] or each["reads_old"]] == []


@pytest.mark.parametrize("table", TABLES)
def test_nothing_refers_to_them(superuser: Connection, table: str) -> None:
    keys = "select conname from pg_constraint where contype = 'f' and %s::regclass in (conrelid, confrelid)"
    assert values(superuser, keys, [f"kronos.{table}"]) == []


@pytest.mark.parametrize("table", TABLES)
def test_the_api_is_confined_by_the_workspace_that_rows_lie_by(superuser: Connection, table: str) -> None:
    """The policy compares that column with a setting, which is sent to the other server with the rest of a query."""
    confining = records(
        superuser,
        "select pg_get_expr(polqual, polrelid) as rule from pg_policy where polrelid = %s::regclass"
        " and not polpermissive",
        [f"kronos.{table}"],
    )
    assert len(confining) == 1
    rule = " ".join(str(confining[0]["rule"]).split())
    assert rule.startswith("(workspace_id = ( SELECT (NULLIF(current_setting('kronos.workspace_id'::text, true)")


def test_each_status_goes_or_stays(superuser: Connection) -> None:
    check = str(
        value(
            superuser,
            "select pg_get_constraintdef(oid) from pg_constraint where conname = 'execution_done_status_known'"
            " and conrelid = 'kronos.execution_done'::regclass",
        )
    )
    move = (ROOT / "sql/functions/retention/move_partition.sql").read_text()
    lists = {tuple(re.findall(r"''(\w+)''", each)) for each in re.findall(r"for values in \(([^)]*)\)", move)}
    assert sorted(status for each in lists for status in each) == sorted(re.findall(r"'(\w+)'::text", check))


def _texts(path: Path) -> str:
    return re.sub(r"--[^\n]*", "", path.read_text())


def test_no_statement_names_a_key_that_the_table_has_not() -> None:
    """Each partition has its own key. That suffices for `on conflict do nothing`, but not for `on conflict
    (execution_id)`.
    """
    named = [
        f"{path.relative_to(ROOT)}: {target[0]}"
        for path in SQL
        for insert in _INSERT.finditer(_texts(path))
        if insert["table"] in TABLES
        for target in [_TARGET.search(insert[0])]
        if target is not None
    ]
    assert named == []


def test_statements_that_change_history_are_known() -> None:
    """Each of them changes rows that never move, or works on a foreign table because it deletes by id and returns
    columns.
    """
    found = {path.stem for path in SQL if _CHANGE.search(_texts(path))}
    assert found == {
        "delete_history",  # of a deleted workspace, on the other server too
        "discard_dead_letters",  # FAILED rows
        "requeue",  # rows that did not succeed (take_up_again)
        "sweep_executions",  # the rows that kept_here found
        "take_failed",  # FAILED rows
    }
