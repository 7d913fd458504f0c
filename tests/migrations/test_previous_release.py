"""The previous release works on this release's schema, as it must between `kronos migrate` and the replacement of its
processes (decision 0038).

Its files come from the history: its statements are planned as its processes send them, and its API and worker do their
work.
"""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from callback_rows import callbacks_of, end, make_job, run, to_endpoint
from conftest import await_condition
from factory import add_endpoint, add_key, add_workspace
from kronos import keys
from migrations.old_processes import running
from prepared import prepared_columns, role_of
from sql_factory import Connection, acting_as, records, value, values

_BLOCK = re.compile(r"^-- name: (\w+)\n(.*?)(?=^-- name:|\Z)", re.MULTILINE | re.DOTALL)
_ROLES = dict.fromkeys(("system.ring_if_silent", "system.run_internal_job"), "kronos_worker")
"""The roles of statements that have other names today."""
_OF_THE_COMMAND_LINE = ("doctor.", "ringing.", "retention.retain", "retention.get_bounds", "retention.count_")

_OF_WORKSPACES = """
    select relname from pg_class join pg_attribute on attrelid = pg_class.oid and attname = 'workspace_id'
     where relnamespace = 'kronos'::regnamespace and relkind in ('r', 'p') and not relispartition
       and relname not in ('audit', 'audit_chains', 'audit_pending')
"""


def test_its_statements_can_be_planned_as_its_processes_send_them(earlier: Path, superuser: Connection) -> None:
    """Every function, table and column that they name exists, with the same arguments, and is granted."""
    sent = {name: text for name, text in statements_of(earlier).items() if not name.startswith(_OF_THE_COMMAND_LINE)}
    assert len(sent) > 60
    assert unplannable(superuser, sent) == {}


def test_a_function_that_is_gone_is_named_with_the_statement_that_calls_it(superuser: Connection) -> None:
    sent = {"jobs.get_job": "select kronos.of_last_week(%(slug)s)", "jobs.find_job": "select %(slug)s::text"}
    assert unplannable(superuser, sent) == {
        "jobs.get_job": "ERROR:  function kronos.of_last_week(unknown) does not exist"
    }


def test_a_function_that_its_role_may_not_call_any_more_is_named(superuser: Connection) -> None:
    sent = {"claims.count": "select kronos.run_facts(null)"}
    assert unplannable(superuser, sent) == {}
    superuser.execute("revoke execute on function kronos.run_facts from kronos_worker")
    assert unplannable(superuser, sent) == {"claims.count": "permission denied for function run_facts"}


def statements_of(earlier: Path) -> dict[str, str]:
    """The statements as its own processes read them: a statement may name a dataclass instead of its columns."""
    asked = "import json; from kronos import sql; print(json.dumps(sql.texts()))"
    told = subprocess.run([sys.executable, "-c", asked], cwd=earlier, capture_output=True, text=True, check=True)
    texts: dict[str, str] = json.loads(told.stdout)
    return texts


def unplannable(connection: Connection, sent: Mapping[str, str]) -> dict[str, str]:
    """The statements that PostgreSQL will not plan for the role that sends them, and the errors."""
    connection.execute("set plan_cache_mode = force_generic_plan")
    failed: dict[str, str] = {}
    for name, text in sent.items():
        connection.execute(f"set role {_ROLES.get(name) or role_of(name)}")
        try:
            parameters, _ = prepared_columns(connection, text)
            arguments = f"({', '.join(['null'] * parameters)})" if parameters else ""
            connection.execute(f"explain execute checked{arguments}")
        except AssertionError as error:  # with PostgreSQL's message
            failed[name] = str(error).splitlines()[0]
            continue
        except psycopg.Error as error:
            failed[name] = str(error).splitlines()[0]
        connection.execute("deallocate checked")
    connection.execute("reset role")
    return failed


def test_what_its_worker_ends_calls_back(previous: Path, superuser: Connection) -> None:
    """A trigger creates the callbacks, whichever release writes the rows."""
    statement = dict(_BLOCK.findall((previous / "sql/queries/claims.sql").read_text()))["finalize_executions"]
    endpoint = add_endpoint(superuser)
    hook = to_endpoint(superuser, endpoint)
    runs = [run(superuser, make_job(superuser, endpoint, on_success=hook, on_failure=hook)) for _ in range(2)]
    for status, execution_id in zip(("SUCCESS", "FAILED"), runs, strict=True):
        end(superuser, statement, status, execution_id)
    assert [[made["event"] for made in callbacks_of(superuser, each)] for each in runs] == [
        ["on_success"],
        ["on_failure"],
    ]


def test_what_its_api_deletes_is_over_for_everybody_and_its_rows_go_with_its_age(
    previous: Path, superuser: Connection
) -> None:
    """It knows no workspace keys, quotas, mappings or grants, and records no deletion: its workspace has all of them
    when it is deleted, and a new workspace takes the slug."""
    endpoint = add_endpoint(superuser)
    workspace_id = endpoint.workspace_id
    slug = value(superuser, "select slug from kronos.workspaces where workspace_id = %s", [workspace_id])
    public_id = add_key(superuser, slug, "admin").split("_")[2]
    clerk = f"clerk_{workspace_id.hex[:12]}"
    superuser.execute(f"create role {clerk} login")
    superuser.execute("select kronos.grant_sql(%s, %s)", [slug, clerk])
    superuser.execute(
        """
        with mapping as (
            insert into kronos.role_mappings (workspace_id, group_name, role, sees_payloads)
            values (%(w)s, 'ops', 'admin', true)
        ), age as (
            insert into kronos.workspace_retention (workspace_id, success_days, failure_days) values (%(w)s, 1, 1)
        )
        update kronos.workspaces set max_executions_per_day = 100, max_concurrency = 5, version = 3
         where workspace_id = %(w)s
        """,
        {"w": workspace_id},
    )
    statement = dict(_BLOCK.findall((previous / "sql/queries/workspaces.sql").read_text()))["delete_workspace"]
    with superuser.transaction(), acting_as(superuser, "kronos_api"):
        superuser.execute("select set_config('kronos.workspace_id', %s, true)", [str(workspace_id)])
        (deleted,) = records(superuser, statement, {})
    assert deleted["is_deleted"] is True
    assert records(superuser, "select * from kronos.find_key(%s)", [public_id]) == []
    assert records(superuser, "select * from kronos.granted_roles('{ops}')") == []
    with acting_as(superuser, clerk), pytest.raises(psycopg.Error):
        superuser.execute("select kronos.enqueue('sink', '{}')")
    superuser.execute(f"drop role {clerk}")  # it has no rights any more
    taken = "insert into kronos.workspaces (slug, name) values (%s, 'new') returning version"
    assert value(superuser, taken, [slug]) == 4
    superuser.execute(
        "update kronos.workspaces set deleted_at = now() - interval '1000 days' where workspace_id = %s", [workspace_id]
    )
    assert value(superuser, "select kronos.retain_workspaces(100, false)") == 1
    left = [
        table
        for table in values(superuser, _OF_WORKSPACES)
        if values(superuser, f"select workspace_id from kronos.{table} where workspace_id = %s", [workspace_id])
    ]
    assert left == []


def test_its_api_takes_no_key_of_a_workspace(previous: Path, superuser: Connection) -> None:
    """It only knows the instance administrator's role, and would accept any key that it finds as the
    administrator's."""
    statement = dict(_BLOCK.findall((previous / "sql/queries/system.sql").read_text()))["find_api_key"]
    slug = value(superuser, "select slug from kronos.workspaces where workspace_id = %s", [add_workspace(superuser)])
    found = {
        role: records(superuser, statement, {"public_id": key.split("_")[2]})
        for role in ("viewer", "operator", "admin", "instance_admin")
        for key in [add_key(superuser, None if role == "instance_admin" else slug, role)]
    }
    assert [role for role, rows in found.items() if rows] == ["instance_admin"]


def test_its_api_and_worker_do_their_work(
    previous: Path, database_url: str, superuser: Connection, receiver: str, tmp_path: Path
) -> None:
    """Each kind of job is created, fires, is delivered, changed, and cancelled."""
    keys.ensure_admin_key(database_url, tmp_path / "admin.key")
    key = (tmp_path / "admin.key").read_text().strip()
    lines: list[str] = []
    with (
        running(previous, database_url, "serve", r"listening on (\S+)", lines) as api,
        running(previous, database_url, "worker", "worker .* started", lines),
        httpx.Client(base_url=api[1], headers={"Authorization": f"Bearer {key}"}, timeout=60) as client,
    ):
        work(client, superuser, receiver)
    assert [line for line in lines if re.search(r"Traceback|ERROR", line)] == []


def work(client: httpx.Client, superuser: Connection, receiver: str) -> None:
    def done(method: str, path: str, **body: object) -> dict[str, Any]:
        answer = client.request(method, f"/v1/workspaces{path}", json=body or None)
        assert answer.is_success, (method, path, answer.text)
        document: dict[str, Any] = answer.json() if answer.content else {}
        return document

    def succeeds(path: str) -> None:
        await_condition(lambda: done("GET", path)["data"][0]["status"] == "SUCCESS", f"{path} to be delivered")

    done("POST", "", slug="w", name="W")
    done("POST", "/w/endpoints", name="hook", type="HTTP", spec={"url": receiver})
    done("PUT", "/w/endpoints/hook", type="HTTP", spec={"url": receiver, "timeout_ms": 5000})
    done("PUT", "/w/retention", success_days=7)
    to = {"endpoint": "hook"}
    done("POST", "/w/jobs", **to, trigger="IMMEDIATE", name="now", input={"n": 1})
    done("POST", "/w/jobs", **to, trigger="DELAYED", name="later", run_at="2099-01-01T00:00:00Z")
    done("POST", "/w/jobs", **to, trigger="CRON", name="every", every="90m")
    cron = done("POST", "/w/jobs", **to, trigger="CRON", name="cron", cron="* * * * *")["job_id"]
    succeeds("/w/jobs/now/executions")

    tick = value(superuser, "select date_trunc('minute', now())")
    superuser.execute("update tests.jobs set next_tick_at = %s where job_id = %s", [tick, cron])
    superuser.execute("select kronos.fire(%s)", [cron])
    succeeds("/w/jobs/cron/executions")
    cron = done("PATCH", "/w/jobs/cron", cron="30 4 * * *", overlap="QUEUE")["job_id"]
    done("POST", "/w/jobs/every/trigger", input={"n": 2})
    succeeds("/w/jobs/every/executions")
    for path, body in (("pause", {"note": "x"}), ("resume", {}), ("skip-next", {"count": 1})):
        done("POST", f"/w/jobs/cron/{path}", **body)
    window = {"from": (tick - timedelta(days=1)).isoformat(), "to": tick.isoformat()}
    backfill = done("POST", "/w/jobs/cron/backfill", **window)["backfill_id"]
    await_condition(lambda: done("GET", f"/w/backfills/{backfill}")["status"] == "COMPLETED", "the backfill")
    for path in ("", "/executions", "/versions", "/status", "/next-runs", "/explain", "/backfills"):
        done("GET", f"/w/jobs/cron{path}")

    waiting = done("GET", "/w/jobs/later/executions")["data"][0]["execution_id"]
    done("POST", f"/w/executions/{waiting}/cancel")
    done("POST", f"/w/executions/{waiting}/retry")
    await_condition(lambda: done("GET", f"/w/executions/{waiting}")["status"] == "SUCCESS", "the retry")
    for path in ("/attempts", "/logs"):
        assert done("GET", f"/w/executions/{waiting}{path}")["data"]
    for status in ("SUSPENDED", "ACTIVE"):
        assert done("PATCH", "/w", status=status)["status"] == status
    for job in ("every", "cron"):
        assert done("DELETE", f"/w/jobs/{job}")["status"] == "RETIRED"
    for path in ("/jobs", "/executions", "/endpoints", "/retention", ""):
        done("GET", f"/w{path}")
    done("DELETE", "/w/endpoints/hook")
    done("DELETE", "/w")
