"""The tools for a language model on an API that a test gives: their requests are kept, and answered as it says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kronos.cli.client import Client
from kronos.cli.command import Api
from kronos.model import Json, JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked(Client):
    """An API that keeps each request, and answers with the next of the given documents."""

    url: str = "http://api"
    key: str = "kr_live_secret"
    answers: list[Json | Exception] = field(default_factory=list)
    requests: list[tuple[str, tuple[str, ...], dict[str, str], Json, dict[str, str]]] = field(default_factory=list)

    def call(
        self, method: str, path: Any, *, query: Mapping[str, str | None] | None = None, body: Json = None,
        headers: Mapping[str, str] | None = None, fields: Any = (),
    ) -> Json:  # fmt: skip
        given = {name: value for name, value in (query or {}).items() if value is not None}
        self.requests.append((method, tuple(path), given, body, dict(headers or {})))
        answer = self.answers.pop(0) if self.answers else {"data": []}
        if isinstance(answer, Exception):
            raise answer
        return answer


async def called(client: Asked, name: str, **arguments: Any) -> JsonObject:
    """Call a tool and return what it answers."""
    from kronos.mcp.lookups import Lookups
    from kronos.mcp.reads import Looking
    from kronos.mcp.tools import Asking
    from kronos.mcp.writes import Changing

    asking = Asking(Api(client=client, workspace="acme", as_json=True))
    (tool,) = [
        getattr(tools, name) for tools in (Looking(asking), Lookups(asking), Changing(asking)) if hasattr(tools, name)
    ]
    answer: JsonObject = (await tool(**arguments)).model_dump()
    return answer
