"""The size of the text that a model reads, the output of a dry run, and what ends the server."""

import json
import signal
from pathlib import Path

from cli.speaking import environment, lines, speaking
from conftest import Api
from kronos.mcp.bounds import MAX_BYTES


async def test_the_text_that_a_model_reads_is_no_larger_than_its_document(
    shared_api: Api, workspace: str, tmp_path: Path
) -> None:
    """Lists of lists, in which an indented document would put each number on its own line."""
    from mcp.types import CallToolResult, TextContent

    body = {"name": "matrix", "endpoint": "sink", "trigger": "CRON", "cron": "0 9 * * 1"}
    rows = {"rows": [[1] * 20] * 900}
    assert shared_api.client.post(f"/v1/workspaces/{workspace}/jobs", json={**body, "input": rows}).status_code == 201
    async with speaking(str(shared_api.client.base_url), shared_api.key, workspace, tmp_path / "log") as server:
        result = await server.client.call_tool("get_job", {"job": "matrix"})
        unknown = await server.refused("get_job", **{"z" * 100_000: 1})
    assert isinstance(result, CallToolResult)
    (content,) = result.content
    assert isinstance(content, TextContent)
    assert len(content.text.encode()) <= MAX_BYTES + 1024
    assert json.loads(content.text)["document"]["input"] == rows
    assert len(unknown) < 300


async def test_a_dry_run_shows_what_the_api_would_refuse(shared_api: Api, workspace: str, tmp_path: Path) -> None:
    new = {"endpoint": "sink", "trigger": "CRON", "cron": "0 7 * * *", "input": {"n": 10**30}}
    async with speaking(
        str(shared_api.client.base_url), shared_api.key, workspace, tmp_path / "log", "--allow-writes"
    ) as server:
        assert (await server.call("create_job", job=new, dry_run=True))["document"]["would_create"] == new
        assert "beyond 64 bits" in await server.refused("create_job", job=new)


def test_an_interrupt_ends_it_though_its_input_goes_on() -> None:
    with lines(environment("http://127.0.0.1:9", "kr_live_secret", "acme")) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write('{"jsonrpc": "2.0", "id": 1, "method": "ping"}\n')
        server.stdin.flush()
        assert server.stdout.readline()
        server.send_signal(signal.SIGINT)
        assert server.wait(300) == -signal.SIGINT


async def test_a_list_of_what_does_not_exist_is_refused(shared_api: Api, workspace: str, tmp_path: Path) -> None:
    """A model would conclude from an empty list that the job never ran."""
    async with speaking(str(shared_api.client.base_url), shared_api.key, workspace, tmp_path / "log") as server:
        assert "no job 'reprot'" in await server.refused("list_executions", job="reprot")
        assert "no endpoint 'hok'" in await server.refused("list_jobs", endpoint="hok")
        assert "no endpoint 'hok'" in await server.refused("list_executions", endpoint="hok")
        assert "no job 'reprot'" in await server.refused("group_dead_letters", job="reprot")
        assert (await server.call("list_jobs", endpoint="sink", status="RETIRED"))["items"] == []


async def test_a_time_without_an_offset_is_local_in_the_jobs_zone(
    shared_api: Api, workspace: str, tmp_path: Path
) -> None:
    """A model need not work out what the offset was on that day."""
    job = {"endpoint": "sink", "trigger": "CRON", "cron": "0 9 * * *", "timezone": "Asia/Kolkata", "name": "in-delhi"}
    shared_api.client.post(f"/v1/workspaces/{workspace}/jobs", json=job).raise_for_status()
    async with speaking(str(shared_api.client.base_url), shared_api.key, workspace, tmp_path / "log") as server:
        told = await server.call("explain_job", job="in-delhi", at="2099-02-17 09:00")
        assert told["document"]["at"] == "2099-02-17T03:30:00Z"
        window = {"since": "2026-07-01T00:00", "until": "2026-07-02T00:00"}
        ticks = await server.call("list_ticks", job="in-delhi", **window)
        assert ticks["document"]["since"] == "2026-06-30T18:30:00Z"
