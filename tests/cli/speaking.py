"""`kronos mcp` as its tests start it: through the protocol's own client package, or line by line."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import quick
from kronos.model import JsonObject

if TYPE_CHECKING:  # the package takes 0.3 s to import: not in each of pytest's processes
    from mcp.client.client import Client
    from mcp.types import CallToolResult, Tool

_EXECUTED = (sys.executable, "-P", "-m", "kronos")


class Speaking:
    """A client whose server has started."""

    def __init__(self, client: "Client") -> None:
        self.client = client

    async def tools(self) -> dict[str, "Tool"]:
        return {tool.name: tool for tool in (await self.client.list_tools()).tools}

    async def call(self, name: str, **arguments: Any) -> JsonObject:
        """Call the tool and return its answer; fails if the answer is an error."""
        result = await self._called(name, arguments)
        assert not result.is_error, _text(result)
        assert isinstance(result.structured_content, dict)
        assert json.loads(_text(result)) == result.structured_content
        return result.structured_content

    async def refused(self, name: str, **arguments: Any) -> str:
        """Call the tool and return its error message."""
        result = await self._called(name, arguments)
        assert result.is_error, _text(result)
        return _text(result)

    async def _called(self, name: str, arguments: JsonObject) -> "CallToolResult":
        from mcp.types import CallToolResult

        result = await self.client.call_tool(name, arguments)
        assert isinstance(result, CallToolResult)
        return result


def _text(result: "CallToolResult") -> str:
    from mcp.types import TextContent

    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


@asynccontextmanager
async def speaking(url: str, key: str, workspace: str, log: Path, *options: str) -> AsyncIterator[Speaking]:
    """A server of the workspace, with this key. Everything that it writes outside the protocol is in `log`."""
    from mcp.client.client import Client
    from mcp.client.stdio import StdioServerParameters, stdio_client

    parameters = StdioServerParameters(
        command=str(quick.folder() / "kronos"), args=["mcp", *options], env=environment(url, key, workspace)
    )
    with log.open("w") as errlog:
        async with Client(stdio_client(parameters, errlog=errlog)) as client:
            yield Speaking(client)


def environment(url: str, key: str, workspace: str) -> dict[str, str]:
    return {"KRONOS_URL": url, "KRONOS_API_KEY": key, "KRONOS_WORKSPACE": workspace}


@contextmanager
def lines(variables: Mapping[str, str], *, executed: bool = True) -> Iterator[subprocess.Popen[str]]:
    """The process itself, with its three streams. One that is not executed but forked (`quick`) starts with 0.1 s of
    CPU in place of 1; it gets no signals."""
    command = _EXECUTED if executed else (str(quick.folder() / "kronos"),)
    process = subprocess.Popen(
        [*command, "mcp"],
        env=dict(variables),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
