"""The server of the tools: the bounds of their arguments, the form of its answers, and how it describes them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from cli.answering import Answering
from cli.tool_calls import api
from own_logging import own_logging

if TYPE_CHECKING:  # the package takes 0.3 s to import: not in each of pytest's processes
    from kronos.mcp.server import Server

SINCE = "2026-01-05T00:00:00Z"


@pytest.fixture(scope="module", autouse=True)
def restored() -> Iterator[None]:
    """The package configures the whole process's logging, because it expects a process of its own."""
    with own_logging():
        yield


@pytest.fixture(scope="module")
def server(restored: None, any_answers: Answering) -> "Server":
    """A server that may write. Describing its tools takes half a second."""
    from kronos.mcp.server import Server

    return Server(api(any_answers), allow_writes=True)


OUT_OF_BOUNDS: list[tuple[str, dict[str, Any]]] = [
    ("list_jobs", {"limit": 0}), ("list_jobs", {"limit": 101}), ("list_next_runs", {"job": "j", "count": 0}),
    ("list_next_runs", {"job": "j", "count": 101}), ("get_execution", {"execution_id": "j"}),
    ("skip_next_runs", {"job": "j", "count": -1}), ("skip_next_runs", {"job": "j", "count": 10001}),
    ("trigger_job", {"job": "j", "priority": 11}), ("trigger_job", {"job": "j", "idempotency_key": "a b"}),
    ("trigger_job", {"job": "j", "idempotency_key": "k" * 121}), ("edit_job", {"job": "j"}),
    ("pause_job", {"job": "j", "expected_version": 0}), ("list_jobs", {"trigger": "HOURLY"}),
    ("backfill_job", {"job": "j", "since": SINCE}), ("redrive_dead_letters", {"per_second": 0}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments"), OUT_OF_BOUNDS)
async def test_an_argument_out_of_its_bounds_is_an_error_of_the_call(
    server: "Server", name: str, arguments: dict[str, Any]
) -> None:
    from mcp.server.mcpserver.exceptions import ToolError

    with pytest.raises(ToolError, match="validation error"):
        await server.call_tool(name, arguments)


async def test_an_answer_is_compact_json_and_the_same_document(server: "Server", told: Answering) -> None:
    from mcp.types import CallToolResult, TextContent

    told.answers["GET jobs/j"] = 200, {"data": []}
    result = await server.call_tool("get_job", {"job": "j"})
    assert isinstance(result, CallToolResult)
    (content,) = result.content
    assert isinstance(content, TextContent)
    assert (content.text, result.structured_content) == (
        '{"document":{"data":[]},"note":null}', {"document": {"data": []}, "note": None},
    )  # fmt: skip


async def test_an_unknown_argument_is_named_with_those_that_there_are(server: "Server") -> None:
    from mcp.server.mcpserver.exceptions import ToolError

    for name, arguments, said in (
        (
            "get_job",
            {"job": "j", "zz": 1, "aa": 1},
            "get_job has no argument 'aa'. Its arguments: job. Nothing was done",
        ),
        ("whoami", {"job": "j"}, "whoami has no argument 'job'. Its arguments: none. Nothing was done"),
    ):
        with pytest.raises(ToolError) as caught:
            await server.call_tool(name, arguments)
        assert str(caught.value) == said


async def test_a_tool_describes_itself_by_name_and_without_what_a_model_need_not_read(server: "Server") -> None:
    tools = {tool.name: tool for tool in await server.list_tools()}
    assert (tools["list_next_runs"].title, tools["create_job"].title) == ("List next runs", "Create job")
    for tool in tools.values():
        assert tool.annotations is not None
        assert tool.input_schema["additionalProperties"] is False
        assert "title" not in tool.input_schema
        for field_name, schema in tool.input_schema["properties"].items():
            assert "title" not in schema or isinstance(schema["title"], dict), field_name
            assert "default" not in schema or schema["default"] is not None, field_name
    assert "'title': {" in str(tools["create_job"].input_schema), "a job has a field of this name"
    hints = {
        name: (tool.annotations.idempotent_hint, tool.annotations.open_world_hint)
        for name, tool in tools.items()
        if tool.annotations is not None
    }
    assert {name for name, (is_repeatable, _) in hints.items() if not is_repeatable} == {
        "create_job", "trigger_job", "retry_execution", "redrive_dead_letters", "backfill_job",
    }  # fmt: skip
    assert {name for name, (_, calls_out) in hints.items() if calls_out} == {
        "create_job", "resume_job", "trigger_job", "retry_execution", "redrive_dead_letters", "backfill_job",
    }  # fmt: skip
