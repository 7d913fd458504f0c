"""The examples of docs/enqueue.md run as printed."""

import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from factory import add_workspace
from kronos import sql_grants
from sql_factory import Connection, value, values

PAGE = (Path(__file__).parents[2] / "docs" / "enqueue.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
SQL, TRACED = re.findall(r"^```sql\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def application(shared: Connection, module_database_url: str) -> Iterator[dict[str, str]]:
    """The environment of an application whose role has a workspace with the endpoint mail, and which has its
    own table.
    """
    workspace_id = add_workspace(shared)
    shared.execute(
        "with made as (insert into kronos.endpoints (workspace_id, name, type) values (%s, 'mail', 'HTTP')"
        " returning endpoint_id, workspace_id)"
        " insert into kronos.endpoint_versions (endpoint_id, version, workspace_id, spec, retry_policy, timeout_ms,"
        " max_attempts, max_crashes) select endpoint_id, 1, workspace_id, '{}', '{}', 1000, 1, 0 from made",
        [workspace_id],
    )
    role, password = f"shop_{uuid.uuid4().hex[:12]}", uuid.uuid4().hex
    shared.execute(f"create role {role} login password '{password}'")
    shared.execute(f"create schema {role} authorization {role}")
    shared.execute(f"create table {role}.orders (order_id serial primary key, customer text)")
    shared.execute(f"grant all on all tables in schema {role} to {role}")
    shared.execute(f"grant all on all sequences in schema {role} to {role}")
    sql_grants.grant(module_database_url, str(workspace_id), role)
    target = conninfo_to_dict(module_database_url)
    yield {
        "PGHOST": str(target["host"]),
        "PGPORT": str(target["port"]),
        "PGDATABASE": str(target["dbname"]),
        "PGUSER": role,
        "PGPASSWORD": password,
        "WORKSPACE_ID": str(workspace_id),
    }
    shared.execute("delete from kronos.sql_grants where role_name = %s", [role])
    shared.execute(f"drop owned by {role} cascade; drop role {role}")


def jobs(superuser: Connection, application: dict[str, str]) -> list[dict[str, int]]:
    found: list[dict[str, int]] = values(
        superuser,
        "select input from kronos.execution_live where workspace_id = %s order by input ->> 'order', run_at",
        [application["WORKSPACE_ID"]],
    )
    return found


def test_there_are_examples_of_all_three() -> None:
    assert len(EXAMPLES) == 3
    assert [name in EXAMPLES[place] for place, name in enumerate(("psycopg", "django", "sqlalchemy"))] == [True] * 3


@pytest.mark.parametrize("place", range(len(EXAMPLES)), ids=["psycopg", "django", "sqlalchemy"])
def test_an_example_makes_its_row_and_its_job(shared: Connection, application: dict[str, str], place: int) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", EXAMPLES[place]],
        env=os.environ | application,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    (order_id,) = values(shared, f"select order_id from {application['PGUSER']}.orders")
    assert jobs(shared, application) == [{"order": order_id}]


@pytest.mark.parametrize("place", range(len(EXAMPLES)), ids=["psycopg", "django", "sqlalchemy"])
def test_an_example_that_fails_leaves_neither(shared: Connection, application: dict[str, str], place: int) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", EXAMPLES[place].replace('"mail"', '"nobody"')],
        env=os.environ | application,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "no endpoint 'nobody' in workspace" in ran.stderr
    assert value(shared, f"select count(*) from {application['PGUSER']}.orders") == 0
    assert jobs(shared, application) == []


def test_the_sql_runs_as_it_is_printed(shared: Connection, application: dict[str, str]) -> None:
    shared.execute(f"set session authorization {application['PGUSER']}")
    shared.execute(SQL)
    shared.execute("reset session authorization")
    assert jobs(shared, application) == [{"order": 7}, {"order": 7}, {"order": 8}, {"order": 9}]


def test_a_transaction_says_which_trace_it_is_part_of_as_it_is_printed(
    shared: Connection, application: dict[str, str]
) -> None:
    shared.execute(f"set session authorization {application['PGUSER']}")
    shared.execute(TRACED)
    shared.execute("reset session authorization")
    kept = "select created_by ->> 'traceparent' from kronos.execution_live where workspace_id = %s"
    (span,) = values(shared, kept, [application["WORKSPACE_ID"]])
    assert span in TRACED
