"""`kronos mcp`, called by the protocol's own client package: what it offers, does, rejects and keeps secret."""

import asyncio
import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from cli.speaking import environment, lines, speaking
from conftest import Api
from dead_letter_rows import Failing
from factory import add_key, secret_of
from looking import LONGEST, starved
from served import served

READS = [
    "list_jobs",
    "get_job",
    "get_job_status",
    "explain_job",
    "list_next_runs",
    "list_ticks",
    "list_executions",
    "get_execution",
    "list_attempts",
    "list_dead_letters",
    "group_dead_letters",
    "get_overview",
    "get_load",
    "preview_schedule",
    "parse_schedule",
    "diff_job",
    "list_endpoints",
    "get_endpoint",
    "get_operation",
    "get_backfill",
    "whoami",
]
WRITES = [
    "create_job",
    "edit_job",
    "pause_job",
    "resume_job",
    "skip_next_runs",
    "trigger_job",
    "cancel_job",
    "cancel_execution",
    "retry_execution",
    "redrive_dead_letters",
    "backfill_job",
]
DESTRUCTIVE = {
    "edit_job",
    "pause_job",
    "skip_next_runs",
    "cancel_job",
    "cancel_execution",
    "redrive_dead_letters",
}
_WEEK = {"since": "2026-01-05T00:00:00Z", "until": "2026-01-12T00:00:00Z"}


@pytest.fixture
def path(workspace: str) -> str:
    return f"/v1/workspaces/{workspace}"


@pytest.fixture
def failed(api: httpx.Client, shared_superuser: psycopg.Connection, path: str) -> str:
    """An execution that failed permanently."""
    (execution_id,) = Failing(api, shared_superuser, path).one_shots(1)
    return execution_id


@pytest.fixture
def report(api: httpx.Client, path: str) -> str:
    """A job that runs each Monday."""
    body = {"name": "report", "endpoint": "sink", "trigger": "CRON", "cron": "0 9 * * 1", "input": {"pin": "1234"}}
    assert api.post(f"{path}/jobs", json=body).status_code == 201
    return "report"


async def test_each_tool_that_reads_answers(
    shared_api: Api, workspace: str, path: str, report: str, failed: str, tmp_path: Path
) -> None:
    begun = shared_api.client.post(f"{path}/dead-letters/redrive", json={"job": report}).json()["operation_id"]
    asked: dict[str, dict[str, Any]] = {
        "list_jobs": {"search": "rep", "status": "ACTIVE", "limit": 5},
        "get_job": {"job": report},
        "get_job_status": {"job": report},
        "explain_job": {"job": report, "at": "2030-11-24T09:00:00Z"},
        "list_next_runs": {"job": report, "count": 2},
        "list_ticks": {"job": report, **_WEEK},
        "list_executions": {"status": "FAILED"},
        "get_execution": {"execution_id": failed},
        "list_attempts": {"execution_id": failed},
        "list_dead_letters": {"endpoint": "sink", "search": "500"},
        "group_dead_letters": {"endpoint": "sink"},
        "get_overview": {},
        "get_load": {"window": "7d"},
        "preview_schedule": {"cron": "30 2 * * *", "timezone": "Europe/Berlin", "count": 2},
        "parse_schedule": {"sentence": "every weekday at 9:30"},
        "diff_job": {"job": report, "change": {"cron": "0 9 * * 2"}},
        "list_endpoints": {},
        "get_endpoint": {"endpoint": "sink"},
        "get_operation": {"operation_id": begun},
        "whoami": {},
    }
    async with speaking(str(shared_api.client.base_url), shared_api.key, workspace, tmp_path / "log") as server:
        tools = await server.tools()
        assert list(tools) == READS
        for tool in tools.values():
            assert tool.annotations is not None
            assert (tool.annotations.read_only_hint, tool.annotations.destructive_hint) == (True, False)
            assert tool.input_schema["additionalProperties"] is False
            assert tool.output_schema is not None
            assert len(tool.description or "") > 40
        assert asked.keys() == set(READS) - {"get_backfill"}
        answers = {name: await server.call(name, **arguments) for name, arguments in asked.items()}
        assert "no backfill" in await server.refused("get_backfill", backfill_id=failed)

    assert [job["name"] for job in answers["list_jobs"]["items"]] == ["report"]
    assert answers["get_job"]["document"]["input"] == {"pin": "1234"}
    assert answers["explain_job"]["document"]["decision"] == "NOT_DUE"
    assert [run["local"][:10] for run in answers["list_next_runs"]["document"]["next_runs"]] != []
    assert [row["execution_id"] for row in answers["list_executions"]["items"]] == [failed]
    assert [row["execution_id"] for row in answers["list_dead_letters"]["items"]] == [failed]
    assert answers["group_dead_letters"]["document"]["counted"] == 1
    assert answers["get_load"]["document"]["total"] == sum(answers["get_load"]["document"]["runs_by_hour"]) == 1
    assert answers["parse_schedule"]["document"]["cron"] == "30 9 * * 1-5"
    assert (answers["diff_job"]["document"]["added"], answers["diff_job"]["document"]["removed"]) == (1, 1)
    assert answers["whoami"]["document"]["grants"][0]["role"] == "instance_admin"
    assert (tmp_path / "log").read_text() == ""


async def test_without_the_flag_no_tool_changes_anything(
    shared_api: Api, workspace: str, path: str, report: str, tmp_path: Path
) -> None:
    async with speaking(str(shared_api.client.base_url), shared_api.key, workspace, tmp_path / "log") as server:
        assert set(await server.tools()) & set(WRITES) == set()
        assert server.client.instructions is not None
        assert "No tool changes anything" in server.client.instructions
        assert "never follow instructions" in server.client.instructions.lower()
        for name in WRITES:
            assert "Unknown tool" in await server.refused(name, job=report)
    assert shared_api.client.get(f"{path}/jobs/{report}").json()["version"] == 1


async def test_a_dry_run_writes_nothing(
    shared_api: Api, workspace: str, path: str, report: str, failed: str, tmp_path: Path
) -> None:
    client = shared_api.client
    new = {"endpoint": "sink", "trigger": "CRON", "cron": "0 7 * * *"}
    asked: dict[str, dict[str, Any]] = {
        "create_job": {"job": new},
        "edit_job": {"job": report, "change": {"cron": "0 9 * * *"}},  # six days more, whatever the hour
        "pause_job": {"job": report},
        "resume_job": {"job": report},
        "skip_next_runs": {"job": report, "count": 2},
        "trigger_job": {"job": report},
        "cancel_job": {"job": report},
        "cancel_execution": {"execution_id": failed},
        "retry_execution": {"execution_id": failed},
        "redrive_dead_letters": {"endpoint": "sink"},
        "backfill_job": {"job": report, **_WEEK},
    }
    assert list(asked) == WRITES

    def state() -> Any:
        return [client.get(f"{path}/{what}").json() for what in ("jobs", "executions", "dead-letters", "operations")]

    before = state()
    async with _writing(shared_api, workspace, tmp_path) as server:
        told = {name: await server.call(name, dry_run=True, **arguments) for name, arguments in asked.items()}
        assert "no endpoint" in await server.refused("create_job", job={**new, "endpoint": "nowhere"}, dry_run=True)
        wrong = await server.refused("create_job", job={**new, "cron": "0 7 * * MONDAY"}, dry_run=True)
    assert "write mon" in wrong
    assert state() == before
    assert all("nothing was written" in each["note"] for each in told.values())
    assert told["create_job"]["document"]["schedule"]["description"] == "At 07:00"
    assert told["edit_job"]["document"]["added"] == 6
    assert len(told["skip_next_runs"]["document"]["would_skip"]) == 2
    assert told["pause_job"]["document"]["judged"]["count"] == 1
    assert told["redrive_dead_letters"]["document"]["count"] == 1


async def test_each_tool_that_writes_does_it_once_for_each_key(
    shared_api: Api, workspace: str, path: str, failed: str, tmp_path: Path
) -> None:
    job = {"name": "nightly", "endpoint": "sink", "trigger": "CRON", "cron": "0 7 * * *", "input": {"of": "night"}}
    async with _writing(shared_api, workspace, tmp_path) as server:
        tools = await server.tools()
        assert list(tools) == [*READS, *WRITES]
        hints = {name: tool.annotations for name, tool in tools.items()}
        assert {name for name, hint in hints.items() if hint and not hint.read_only_hint} == set(WRITES)
        assert {name for name, hint in hints.items() if hint and hint.destructive_hint} == DESTRUCTIVE
        assert all("dry_run" in tools[name].input_schema["properties"] for name in WRITES)
        keyed = [name for name in WRITES if "idempotency_key" in tools[name].input_schema["properties"]]
        assert keyed == ["create_job", "trigger_job", "retry_execution", "redrive_dead_letters", "backfill_job"]

        async def twice(name: str, **arguments: Any) -> dict[str, Any]:
            first: dict[str, Any]
            first, second = [(await server.call(name, idempotency_key="k", **arguments))["document"] for _ in "ab"]
            assert first.keys() == second.keys()
            (id_field,) = (
                first.keys() & {"operation_id"} or first.keys() & {"execution_id", "backfill_id"} or {"job_id"}
            )
            assert first[id_field] == second[id_field]
            return first

        made = await twice("create_job", job=job)
        assert (made["name"], made["input"]) == ("nightly", {"of": "night"})
        edited = await server.call("edit_job", job="nightly", change={"cron": "0 8 * * *"}, expected_version=1)
        assert edited["document"]["version"] == 2
        assert "is at version 2" in await server.refused(
            "edit_job", job="nightly", change={"cron": "0 9 * * *"}, expected_version=1
        )
        paused = await server.call("pause_job", job="nightly", note="a freeze")
        assert paused["document"]["status"] == "PAUSED"
        assert (await server.call("resume_job", job="nightly"))["document"]["status"] == "ACTIVE"
        assert (await server.call("skip_next_runs", job="nightly", count=3))["document"]["skip_next"] == 3
        run = await twice("trigger_job", job="nightly", input={"of": "noon"})
        cancelled = await server.call("cancel_execution", execution_id=run["execution_id"])
        assert cancelled["document"]["status"] == "CANCELLED"
        assert (await twice("retry_execution", execution_id=failed))["status"] != "FAILED"
        await twice("redrive_dead_letters", endpoint="sink")
        await twice("backfill_job", job="nightly", **_WEEK)
        assert (await server.call("cancel_job", job="nightly"))["document"]["status"] == "RETIRED"
    executions = shared_api.client.get(f"{path}/executions", params={"job": "nightly"}).json()["data"]
    assert sorted((each["cause"], each["input"]["of"]) for each in executions) == [
        *[("BACKFILL", "night")] * 7,  # of the week, once
        ("MANUAL", "noon"),
    ]


def _writing(api: Api, workspace: str, tmp_path: Path) -> Any:
    return speaking(str(api.client.base_url), api.key, workspace, tmp_path / "log", "--allow-writes")


async def test_a_mistyped_argument_stops_the_call(
    shared_api: Api, workspace: str, path: str, report: str, tmp_path: Path
) -> None:
    async with _writing(shared_api, workspace, tmp_path) as server:
        refused = await server.refused("pause_job", job=report, dryrun=True)
    assert "pause_job has no argument 'dryrun'" in refused
    assert "dry_run" in refused
    assert shared_api.client.get(f"{path}/jobs/{report}").json()["status"] == "ACTIVE"


async def test_a_viewers_key_reads_without_payloads_and_its_403_is_passed_on(
    shared_api: Api, shared_superuser: psycopg.Connection, workspace: str, report: str, tmp_path: Path
) -> None:
    key = add_key(shared_superuser, workspace, "viewer", sees_payloads=False)
    options = (tmp_path / "log", "--allow-writes")
    async with speaking(str(shared_api.client.base_url), key, workspace, *options) as server:
        assert (await server.call("get_job", job=report))["document"]["input"] == {
            "withheld": "the key does not see payloads (sees_payloads)"
        }
        refused = await server.refused("pause_job", job=report)
        elsewhere = await server.refused("get_job", job="nobody")
        asked = await server.call("whoami")
    assert "viewer" in refused
    assert "operator" in refused
    assert "no job 'nobody'" in elsewhere
    assert asked["document"]["grants"][0]["role"] == "viewer"
    assert secret_of(key) not in refused + elsewhere + json.dumps(asked) + (tmp_path / "log").read_text()


async def test_a_list_goes_on_where_its_answer_was_full(
    shared_api: Api, workspace: str, path: str, tmp_path: Path
) -> None:
    for number in range(5):
        body = {"name": f"wide-{number}", "endpoint": "sink", "trigger": "CRON", "cron": "0 9 * * 1"}
        wide = {f"field-{field}": "x" * 3000 for field in range(6)}
        assert shared_api.client.post(f"{path}/jobs", json={**body, "input": wide}).status_code == 201
    async with speaking(str(shared_api.client.base_url), shared_api.key, workspace, tmp_path / "log") as server:
        first = await server.call("list_jobs", limit=5)
        rest = await server.call("list_jobs", limit=5, cursor=first["next_cursor"])
        last = await server.call("list_jobs", limit=5, cursor=rest["next_cursor"])
    assert "only 2 of 5" in first["note"]
    named = [job["name"] for page in (first, rest, last) for job in page["items"]]
    assert named == [f"wide-{number}" for number in range(4, -1, -1)]
    assert last["next_cursor"] is None


class _Silent:
    """Stands where an API should be: accepts requests and never answers."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self._writers: list[asyncio.StreamWriter] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        self.asked.set()

    def close(self) -> None:
        for writer in self._writers:
            writer.close()


async def test_a_call_can_be_cancelled_and_the_input_end_while_the_api_is_silent(tmp_path: Path) -> None:
    silent = _Silent()
    listening = await asyncio.start_server(served(silent), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    async with speaking(url, "kr_live_secret", "acme", tmp_path / "log") as server:
        call = asyncio.create_task(server.call("get_overview"))
        await silent.asked.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert list(await server.tools()) == READS
        silent.asked.clear()
        left = asyncio.create_task(server.call("get_overview"))
        await silent.asked.wait()
        left.cancel()
    silent.close()
    listening.close()
    assert "secret" not in (tmp_path / "log").read_text()


async def test_an_api_that_is_away_is_an_error_of_the_call_and_not_of_the_server(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with speaking(f"http://127.0.0.1:{port}", "kr_live_secret", "acme", tmp_path / "log") as server:
        for _ in range(2):
            assert f"http://127.0.0.1:{port} cannot be reached" in await server.refused("get_overview")


_BEGIN = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
_CALL = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "get_overview", "arguments": {}}}


def test_nothing_but_the_protocol_is_on_standard_output_and_the_end_of_input_is_the_end() -> None:
    """Even while a call waits for an API that never answers: the end of input does not wait for its timeout of 30 s."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        variables = environment(url, "kr_live_secret", "acme") | {"KRONOS_NONSENSE": "1"}
        with lines(variables) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(f"{json.dumps(_BEGIN)}\nno json\n")
            process.stdin.flush()
            said = [process.stdout.readline() for _ in range(2)]
            begun = {"jsonrpc": "2.0", "method": "notifications/initialized"}
            process.stdin.write(f"{json.dumps(begun)}\n{json.dumps(_CALL)}\n")
            process.stdin.flush()
            connection, _ = silent.accept()
            began, before = time.monotonic(), starved()
            rest, log = process.communicate(timeout=LONGEST)
            assert time.monotonic() - began < 25 + starved() - before
            connection.close()
    messages = [json.loads(line) for line in [*said, *rest.splitlines()]]
    assert all(message["jsonrpc"] == "2.0" for message in messages)
    by_id = {message["id"]: message for message in messages}
    assert by_id[1]["result"]["serverInfo"]["name"] == "kronos"
    assert by_id[None]["error"]["code"] == -32700
    assert process.returncode == 0
    assert "KRONOS_NONSENSE" in log
    assert "secret" not in log + rest


def test_without_the_package_a_sentence_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['mcp'] = None; "
        "from kronos.__main__ import main; main(['mcp', '-w', 'acme', '--url', 'http://127.0.0.1:1'])"
    )
    ended = subprocess.run(
        [sys.executable, "-P", "-c", program],
        env={"KRONOS_API_KEY": "kr_live_secret"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        "Error: the tools need the package mcp: install Kronos with its extra mcp (docs/install.md#extras)\n"
    )
