"""What the outermost layer answers when the application raises, hangs, or gets too much."""

import asyncio
import json
import logging
from collections.abc import Iterable
from functools import partial
from typing import Any

import pytest
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kronos import errors
from kronos.api import middleware
from kronos.api.call import Call
from kronos.api.middleware import MAX_BODY_BYTES
from told import told

Boundary = partial(middleware.Boundary, timeout_seconds=10, max_in_flight=500)


async def ask(
    app: ASGIApp, *, chunks: Iterable[bytes] | None = (b"",), headers: Iterable[tuple[bytes, bytes]] = ()
) -> tuple[int, Any, dict[str, str]]:
    """Return status, document and headers of the answer. With `chunks` None the body never arrives."""
    sent: list[Message] = []
    waiting = list(chunks or ())

    async def receive() -> Message:
        if not waiting:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/x",
        "raw_path": b"/x",
        "headers": list(headers),
        "query_string": b"",
    }
    await app(scope, receive, send)
    start, body = sent
    named = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], json.loads(body["body"]), named


async def reads(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that reads the whole body and answers with its length."""
    length, more = 0, True
    while more:
        message = await receive()
        length, more = length + len(message["body"]), message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(length).encode()})


async def hangs(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.Event().wait()


async def test_who_is_given_longer_hears_how_long() -> None:
    async def takes_longer(scope: Scope, receive: Receive, send: Send) -> None:
        Call(scope, receive, send).take(2)
        await hangs(scope, receive, send)

    status, problem, _ = await ask(Boundary(takes_longer, timeout_seconds=1))

    assert (status, problem["detail"]) == (503, "the request took longer than 2 s; nothing was changed")


async def test_what_is_raised_is_answered_and_named_in_the_log_only(caplog: pytest.LogCaptureFixture) -> None:
    async def fails(scope: Scope, receive: Receive, send: Send) -> None:
        raise ZeroDivisionError("a secret")

    with caplog.at_level(logging.INFO, "kronos.api"):
        status, problem, headers = await ask(Boundary(fails), headers=[(b"request-id", b"my-id")])

    assert (status, problem["code"], problem["request_id"], headers["request-id"]) == (
        500,
        "internal_error",
        "my-id",
        "my-id",
    )
    assert "secret" not in json.dumps(problem)
    failed = next(record for record in caplog.records if record.levelname == "ERROR")
    assert (vars(failed)["event"], failed.getMessage()) == ("request.failed", "my-id failed")
    assert failed.exc_info is not None
    assert "my-id POST /x 500" in caplog.text


async def test_an_error_of_ours_is_answered_wherever_it_is_raised() -> None:
    async def refuses(scope: Scope, receive: Receive, send: Send) -> None:
        raise errors.DatabaseUnavailable("away", sqlstate="57P03")

    status, problem, headers = await ask(Boundary(refuses))

    assert (status, problem["code"], problem["pg_sqlstate"]) == (503, "database_unavailable", "57P03")
    assert headers["retry-after"] == "2"


async def test_a_request_that_takes_too_long_is_503(caplog: pytest.LogCaptureFixture) -> None:
    status, problem, headers = await ask(Boundary(hangs, timeout_seconds=0.01), headers=[(b"request-id", b"my-id")])

    assert (status, problem["code"], headers["retry-after"]) == (503, "request_timeout", "2")
    line = told(caplog, "request.timed_out")
    assert (line["level"], line["message"]) == ("WARNING", "my-id took longer than 0 s")


async def test_a_request_that_takes_too_long_says_whether_something_may_have_been_changed() -> None:
    async def writes(scope: Scope, receive: Receive, send: Send) -> None:
        scope["kronos.writes"].is_sent = True
        await hangs(scope, receive, send)

    _, unsent, _ = await ask(Boundary(hangs, timeout_seconds=0.01))
    status, sent, headers = await ask(Boundary(writes, timeout_seconds=0.01))

    assert unsent["detail"].endswith("nothing was changed")
    assert (status, sent["code"]) == (503, "outcome_unknown")
    assert "may have been done" in sent["detail"]
    assert "retry-after" not in headers


async def test_what_nobody_foresaw_says_whether_something_may_have_been_changed() -> None:
    async def reads_badly(scope: Scope, receive: Receive, send: Send) -> None:
        raise ZeroDivisionError

    async def writes_badly(scope: Scope, receive: Receive, send: Send) -> None:
        scope["kronos.writes"].is_done = True
        raise ZeroDivisionError

    _, unchanged, _ = await ask(Boundary(reads_badly))
    _, changed, _ = await ask(Boundary(writes_badly))

    assert (unchanged["code"], changed["code"]) == ("internal_error", "internal_error")
    assert unchanged["detail"].endswith("Nothing was changed.")
    assert "may have been done" in changed["detail"]


async def test_a_caller_that_goes_away_is_one_line_and_no_error(caplog: pytest.LogCaptureFixture) -> None:
    async def reads_body(scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive).body()

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/x", "raw_path": b"/x", "headers": [], "query_string": b""}
    with caplog.at_level(logging.INFO, "kronos.api"):
        await Boundary(reads_body)(scope, receive, send)

    assert sent == []
    (line,) = caplog.records
    assert (line.levelname, line.exc_info) == ("INFO", None)
    assert "POST /x 499" in line.getMessage()


async def test_a_body_that_does_not_come_is_408() -> None:
    status, problem, _ = await ask(Boundary(reads, timeout_seconds=0.01), chunks=None)

    assert (status, problem["code"]) == (408, "request_timeout")


async def test_one_request_more_than_the_limit_is_503_and_frees_nothing() -> None:
    boundary = Boundary(hangs, timeout_seconds=0.2, max_in_flight=1)

    first = asyncio.create_task(ask(boundary))
    await asyncio.sleep(0)  # let the first one start
    second, third = await ask(boundary), await ask(boundary)

    assert [(status, problem["code"]) for status, problem, _ in (second, third)] == [
        (503, "overloaded"),
        (503, "overloaded"),
    ]
    assert (await first)[1]["code"] == "request_timeout"
    assert (await ask(boundary))[1]["code"] == "request_timeout"  # there is room again


async def test_an_answer_that_is_read_slowly_keeps_nobody_out_and_is_not_cut(caplog: pytest.LogCaptureFixture) -> None:
    """The connection limits how long an answer may stay unread (test_doors.py)."""
    told: list[Message] = []
    begun, is_read = asyncio.Event(), asyncio.Event()

    async def send(message: Message) -> None:
        begun.set()
        await is_read.wait()
        told.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    boundary = Boundary(reads, timeout_seconds=0.01, max_in_flight=1)
    scope = {"type": "http", "method": "GET", "path": "/x", "raw_path": b"/x", "headers": [], "query_string": b""}
    slow = asyncio.create_task(boundary(scope, receive, send))
    await begun.wait()

    assert (await ask(boundary))[0] == 200  # the only slot was given back
    assert (await ask(Boundary(hangs, timeout_seconds=0.05)))[1][
        "code"
    ] == "request_timeout"  # longer than the slow one's limit
    is_read.set()
    await slow
    assert [message["type"] for message in told] == ["http.response.start", "http.response.body"]
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize(("length", "status"), [(MAX_BODY_BYTES, 200), (MAX_BODY_BYTES + 1, 413)])
@pytest.mark.parametrize("is_announced", [True, False])
async def test_a_body_of_one_mebibyte_is_the_largest(length: int, status: int, is_announced: bool) -> None:
    whole = b"x" * length
    chunks = [whole[at : at + 65_536] for at in range(0, length, 65_536)]
    headers = [(b"content-length", str(length).encode())] if is_announced else []

    answered, document, _ = await ask(Boundary(reads), chunks=chunks, headers=headers)

    assert answered == status
    assert document == length if status == 200 else document["code"] == "payload_too_large"


async def test_bodies_are_bounded_in_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "MAX_BODIES_BYTES", 3 * MAX_BODY_BYTES)
    arrived: asyncio.Queue[None] = asyncio.Queue()
    ended = asyncio.Event()

    async def holds(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        arrived.put_nowait(None)
        await ended.wait()
        await reads(scope, receive, send)

    boundary = Boundary(holds)
    large = [b"x" * MAX_BODY_BYTES, b""]
    first = [asyncio.create_task(ask(boundary, chunks=large)) for _ in range(3)]
    for _ in first:
        await arrived.get()

    status, problem, headers = await ask(boundary, chunks=large)
    assert (status, problem["code"], headers["retry-after"], headers["connection"]) == (503, "overloaded", "2", "close")
    ended.set()
    assert [status for status, _, _ in await asyncio.gather(*first)] == [200, 200, 200]
    assert (await ask(boundary, chunks=large))[0] == 200  # there is room again
