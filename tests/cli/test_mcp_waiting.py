"""The end of `kronos mcp`'s input waits for the requests before it, and for nothing else."""

import asyncio
import json
from io import StringIO
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from cli.speaking import environment, lines
from conftest import Api
from kronos.model import JsonObject

if TYPE_CHECKING:  # the package takes 0.3 s to import: not in each of pytest's processes
    from mcp.shared.message import SessionMessage


_BEGIN = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}


def _call(request_id: int) -> JsonObject:
    params: JsonObject = {"name": "get_overview", "arguments": {}}
    return {"jsonrpc": "2.0", "id": request_id, "method": "tools/call", "params": params}


def test_requests_that_were_written_before_the_end_of_input_are_all_answered(shared_api: Api, workspace: str) -> None:
    """As `kronos mcp < requests` does. The calls that were under way got an error instead: the connection is closed."""
    begun = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    sent = [_BEGIN, begun, *(_call(2 + place) for place in range(20))]
    with lines(environment(str(shared_api.client.base_url), shared_api.key, workspace), executed=False) as process:
        said, log = process.communicate("".join(f"{json.dumps(each)}\n" for each in sent), timeout=60)
    answers = {message["id"]: message for message in map(json.loads, said.splitlines())}
    assert sorted(answers) == list(range(1, 22))
    assert all("result" in answer for answer in answers.values()), answers
    assert (process.returncode, log) == (0, "")


class _Sink:
    async def send(self, item: "SessionMessage", /) -> None:
        """Drop it."""

    async def aclose(self) -> None:
        """Do nothing."""


def _asked(request_id: int | str) -> JsonObject:
    return {"jsonrpc": "2.0", "id": request_id, "method": "ping"}


def _cancelled(request_id: int | str) -> JsonObject:
    return {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": request_id}}


_ENDS: dict[str, tuple[list[JsonObject], list[int | str]]] = {
    "nothing was asked": ([], []),
    "all is answered": ([_asked(1), _asked("a")], ["a", 1]),
    "one ID twice": ([_asked(1), _asked(1)], [1, 1]),
    "the other is cancelled": ([_asked(1), _asked(2), _cancelled(1)], [2]),
    "it is cancelled by the text of its ID": ([_asked(1), _cancelled("1")], []),
    "what nobody asked is cancelled": ([_cancelled(1), _asked(2)], [2]),
    "notifications": ([{"jsonrpc": "2.0", "method": "notifications/cancelled", "params": [1]}], []),
    "a malformed request": ([_asked(1) | {"params": 5}], []),
}


async def _end(messages: list[JsonObject], answers: list[int | str]) -> "asyncio.Task[str]":
    """Read the messages, and return what reads the end, after the answers were sent."""
    from mcp.shared.message import SessionMessage
    from mcp.types import JSONRPCResponse

    from kronos.mcp.messages import Messages
    from kronos.mcp.waiting import Answers, Unanswered

    waiting = Unanswered()
    source = Messages(StringIO("".join(f"{json.dumps(each)}\n" for each in messages)), waiting)
    source.begin(_Sink())
    for each in messages:
        if each.get("params") != 5:
            await source.readline()
    end = asyncio.create_task(source.readline())
    for answered in answers:
        response = JSONRPCResponse(jsonrpc="2.0", id=answered, result={})
        await Answers(_Sink(), waiting).send(SessionMessage(response))
    return end


@pytest.mark.parametrize("kind", _ENDS)
async def test_the_end_comes_with_the_last_answer(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kronos.mcp.messages._LAST_SECONDS", 3600)
    assert await asyncio.wait_for(await _end(*_ENDS[kind]), 60) == ""


async def test_an_answer_that_is_missing_is_waited_for_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[float] = []

    async def all_ended(_: object, seconds: float) -> None:
        ended.append(seconds)

    monkeypatch.setattr("kronos.mcp.waiting.Unanswered.all_ended", all_ended)
    assert await (await _end([_asked(1), _asked(1)], [1])) == ""
    assert ended == [10.0]


async def test_a_line_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The input of a job may have megabytes."""
    parsed: list[str] = []
    loads = json.loads

    def counted(text: str, **how: Any) -> Any:
        parsed.append(text)
        return loads(text, **how)

    monkeypatch.setattr("kronos.mcp.messages.json", SimpleNamespace(loads=counted))
    asked = [_asked(1), _asked(2) | {"params": 5}, _cancelled(1)]
    assert await asyncio.wait_for(await _end(asked, []), 60) == ""
    assert parsed == [f"{json.dumps(each)}\n" for each in asked]
