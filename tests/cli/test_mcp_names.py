"""Names that a model supplies become parts of a path, so an invalid name is rejected before any request."""

import socket
from collections.abc import Iterator

import pytest

from kronos.cli.client import Client
from kronos.cli.command import Api
from own_logging import own_logging

_REFS = {"job", "endpoint", "execution_id", "operation_id", "backfill_id"}
_OTHERS = {"change": {}, "since": "2026-01-05T00:00:00Z", "until": "2026-01-12T00:00:00Z"}


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """The package configures the whole process's logging, because it expects a process of its own."""
    with own_logging():
        yield


@pytest.mark.parametrize("name", ["", "..", ".", "a/b", "../../w", "a\n", "a?x=1"])
async def test_what_is_no_name_is_no_part_of_a_path(name: str) -> None:
    """Behind a proxy that normalizes paths, DELETE …/jobs/.. would delete the workspace."""
    from mcp.server.mcpserver.exceptions import ToolError

    from kronos.mcp.server import Server

    with socket.create_server(("127.0.0.1", 0)) as nobody:
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        api = Api(client=Client(url=url, key="kr_live_secret"), workspace="acme", as_json=True)
        server = Server(api, allow_writes=True)
        for tool in await server.list_tools():
            refs = _REFS & set(tool.input_schema.get("required", []))
            if refs and tool.name != "create_job":
                others = {field: each for field, each in _OTHERS.items() if field in tool.input_schema["properties"]}
                with pytest.raises(ToolError, match="should match pattern"):
                    await server.call_tool(tool.name, others | dict.fromkeys(refs, name))
        with pytest.raises(ToolError, match="not a valid endpoint name"):
            await server.call_tool("create_job", {"job": {"endpoint": name}, "dry_run": True})
        nobody.setblocking(False)
        with pytest.raises(BlockingIOError):
            nobody.accept()  # no request was sent
