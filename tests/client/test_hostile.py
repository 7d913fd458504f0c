"""The client with hostile answers, with values that cannot be sent, after a fork, and when it is cancelled."""

import asyncio
import contextlib
import gzip
import json
import os
from collections.abc import Callable

import httpx
import pytest

from client.meeting import KEY, OK, READ, WORKSPACE, Meet, failing
from client.stub import Answering, Asked, answer, problem, stub
from kronos.client import AnswerInvalid, AsyncKronos, ConfigurationError, Kronos, RateLimited
from kronos.client._core.calls import Call
from kronos.client._core.options import Options
from kronos.client._core.repeating import Tries


@pytest.mark.parametrize(
    "hostile",
    [
        answer(200, b"[" * 200_000),
        answer(422, b'{"code":' + b"[" * 200_000, media_type="application/problem+json"),
        problem(429, "rate_limited", Retry_After="Mon, 01 Jan 99999999999999 00:00:00 GMT", Date="Mon, 1 Jan 2024"),
    ],
    ids=["deep", "deep-problem", "no-year"],
)
def test_an_answer_that_is_none_is_an_error_of_the_clients(meet: Meet, hostile: Answering) -> None:
    """The error is neither RecursionError nor OverflowError."""
    _, client = meet(hostile)
    failing(client, *READ)


@pytest.mark.parametrize("layers", [1, 2])
def test_what_was_compressed_unasked_is_not_unpacked(meet: Meet, layers: int) -> None:
    """A kilobyte may unpack to a gigabyte, and an encoding may be applied twice."""
    packed = b"0" * 1000
    for _ in range(layers):
        packed = gzip.compress(packed)
    server, client = meet(answer(200, packed, Content_Encoding=", ".join(["gzip"] * layers)))
    error = failing(client, *READ)
    assert isinstance(error, AnswerInvalid)
    assert ("encoding 'gzip" in str(error), error.is_outcome_unknown, len(server.asked)) == (True, True, 1)


@pytest.mark.parametrize(
    ("name", "arguments", "keywords"),
    [
        ("acme/jobs.trigger", ["report"], {"idempotency_key": "\u00e9"}),
        ("acme/jobs.trigger", ["report"], {"idempotency_key": "a\r\nX-More: 1"}),
        ("acme/jobs.cancel", ["report"], {"if_match": "a\nb"}),
        ("acme/jobs.get", ["\ud800"], {}),
        ("acme/jobs.get", ["a" * 70_000], {}),
        ("acme/jobs.trigger", ["report"], {"input": {"ratio": float("nan")}}),
    ],
    ids=["no-ascii", "two-lines", "if-match", "half-a-character", "long", "nan"],
)
def test_what_cannot_be_sent_is_told_before_anything_is(
    meet: Meet, name: str, arguments: list[str], keywords: dict[str, object]
) -> None:
    server, client = meet(OK)
    error = failing(client, name, *arguments, **keywords)
    assert isinstance(error, ConfigurationError)
    assert (error.is_outcome_unknown, server.connections) == (False, 0)


def kept(asked: Asked) -> bytes:
    """The requested workspace, over a connection that stays open."""
    body = json.dumps({**WORKSPACE, "slug": asked.path.rpartition("/")[2]}).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def in_child(asking: Callable[[], str]) -> str:
    """Return the result of `function` in a forked process."""
    reading, writing = os.pipe()
    if not (child := os.fork()):
        try:
            os.write(writing, asking().encode())
        except BaseException as error:  # the child must not continue the test run
            os.write(writing, repr(error).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        found = told.read()
    os.waitpid(child, 0)
    return found


def test_a_process_that_was_forked_has_connections_of_its_own() -> None:
    """Otherwise it would read the answers to its parent's calls, and its parent those to its own."""
    with stub(kept) as server, Kronos(server.url, KEY) as client:
        assert client.workspaces.get("before").slug == "before"
        assert in_child(lambda: client.workspaces.get("child").slug) == "child"
        assert client.workspaces.get("after").slug == "after"
        assert server.connections == 2


def test_an_httpx_client_of_yours_is_not_taken_over_a_fork() -> None:
    with stub(kept) as server, httpx.Client(timeout=60) as http, Kronos(server.url, KEY, http=http) as client:
        assert in_child(lambda: client.workspaces.get("child").slug) == "child"  # not used by any call yet
        client.workspaces.get("before")
        assert "create both clients in each process" in in_child(lambda: client.workspaces.get("child").slug)


async def test_a_call_that_is_cancelled_gives_its_connection_back() -> None:
    """At any step: a connection that is not returned is lost to the pool, which has 100."""
    with stub(kept) as server:
        async with AsyncKronos(server.url, KEY) as client:
            pool = client._transport.connections.here()._transport._inner._pool  # type: ignore[attr-defined] # httpx's
            for steps in range(200):
                call = asyncio.create_task(client.workspaces.get("acme"))
                for _ in range(steps % 100):
                    await asyncio.sleep(0)
                call.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await call
            assert "0 active, 0 queued | Connections: 0 active" in repr(pool)
            assert (await client.workspaces.get("acme")).slug == "acme"


@pytest.mark.parametrize(
    "url", ["http://x:99999", "http://[::1", "http://a..b", "http://" + "a" * 300 + ".com", "ftp://x"]
)
def test_an_address_that_is_none_is_refused_as_the_client_is_made(url: str) -> None:
    with pytest.raises(ConfigurationError, match="is not an http:// or https:// URL"):
        Kronos(url, KEY)


def test_what_was_refused_for_sure_is_not_sent_again_to_be_cut_off() -> None:
    """Its last error would be a timeout, with an unknown outcome."""
    now = 0.0
    tries = Tries(Call(method="POST", path="/"), Options(deadline=10.0), clock=lambda: now)
    tries.begin(KEY)
    now = 2.0
    refusal = RateLimited(status=429, code="rate_limited", detail="later", retry_after=1.0)
    assert tries.pause_after(refusal, lambda: KEY) >= 1.0
    now = 4.0
    tries.begin(KEY)
    now = 6.0  # as long as before: after the pause, less than twice that would be left
    with pytest.raises(RateLimited):
        tries.pause_after(refusal, lambda: KEY)
