"""The tools for a language model on a server that answers as a test says (cli/answering.py)."""

from typing import Any

from cli.answering import Answering
from kronos.cli.client import Client
from kronos.cli.command import Api
from kronos.model import Json, JsonObject

_USUAL = ("host", "accept-encoding", "accept", "authorization", "content-type", "content-length")


def api(told: Answering) -> Api:
    """That server, as the tools call it."""
    return Api(client=Client(url=told.url, key="kr_live_secret"), workspace="acme", as_json=True)


async def called(told: Answering, name: str, **arguments: Any) -> JsonObject:
    """Call a tool and return what it answers."""
    from kronos.mcp.lookups import Lookups
    from kronos.mcp.reads import Looking
    from kronos.mcp.tools import Asking
    from kronos.mcp.writes import Changing

    asking = Asking(api(told))
    (tool,) = [
        getattr(tools, name) for tools in (Looking(asking), Lookups(asking), Changing(asking)) if hasattr(tools, name)
    ]
    answer: JsonObject = (await tool(**arguments)).model_dump()
    return answer


def requests(told: Answering) -> list[tuple[str, dict[str, str], Json, dict[str, str]]]:
    """Of each request its line, query, body, and the headers that not every request has."""
    return [
        (sent.line, sent.query, sent.body, {name: text for name, text in sent.headers.items() if name not in _USUAL})
        for sent in told.sent
    ]
