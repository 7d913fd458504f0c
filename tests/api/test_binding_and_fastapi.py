"""A route's binding reads requests as FastAPI does: a request that is served both ways gets the same answer."""

import asyncio
import gc
import random
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import orjson
import pytest
from starlette.types import ASGIApp, Message, Scope

from conftest import Api
from kronos import config
from kronos.api import app, operation
from kronos.api.binding import UnusualError, response_of
from kronos.api.call import Call

_PATHS = (
    "/v1/workspaces/{w}",
    "/v1/workspaces/{w}/jobs",
    "/v1/workspaces/{w}/jobs/{j}",
    "/v1/workspaces/{w}/jobs/{j}/trigger",
    "/v1/workspaces/{w}/jobs/{j}/pause",
    "/v1/workspaces/{w}/jobs/{j}/next-runs",
    "/v1/workspaces/{w}/endpoints/{j}",
    "/v1/workspaces/{w}/executions/{e}",
    "/v1/workspaces/{w}/executions/{e}/retry",
)
_WORKSPACES = ("kronos-system", "nobody", "A B", "%41", "", "a/b", "%C3%A9", "x" * 70)
_JOBS = ("nobody", "a%2Fb", "a/b", "", "..", "%C3%A9", "%00", "x" * 130)
_EXECUTIONS = ("nobody", "", "0193f0c8-7a1e-7cc3-9b5a-4c1d2e3f4a5b", "0193F0C8-7A1E-7CC3-9B5A-4C1D2E3F4A5B%20")
_METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "BREW")
_BODIES = (
    b"",
    b"{}",
    b"null",
    b"[]",
    b"{",
    b'{"endpoint":"nobody","trigger":"IMMEDIATE"}',
    b'{"x":1}',
    b'{"a":1,"a":2}',
    b"\xff",
)
_TYPES = (None, b"", b"text/plain", b"application/json; charset=utf-8", b"application/json;charset=latin-1")
_HEADERS = (b"if-match", b"if-none-match", b"idempotency-key", b"x-other")
_VALUES = (b"", b'"1"', b'"1", "2"', b"*", b"a b", b"k", b'"k"', b" k ", b"\xff", b"W/", b'"')
_QUERIES = (b"a=1", b"limit=1", b"count=1", b"limit=", b"limit=1&limit=2", b"%00", b"%ff", b"=", b"&", b"cursor=x")


def _requests(count: int, *, workspace: str, job: str, execution: str, key: str) -> Iterator[tuple[Scope, bytes]]:
    """Requests whose parts are more often valid than not, the same in every run."""
    drawn = random.Random(0)  # not for secrets

    def mostly(usual: Any, others: tuple[Any, ...]) -> Any:  # parts of any type
        return usual if drawn.random() < 0.7 else drawn.choice(others)

    for _ in range(count):
        form = drawn.choice(_PATHS)
        path = form.format(w=mostly(workspace, _WORKSPACES), j=mostly(job, _JOBS), e=mostly(execution, _EXECUTIONS))
        headers = [(b"request-id", b"the-same"), (b"authorization", f"Bearer {mostly(key, ('', 'x'))}".encode())]
        if (kind := mostly(b"application/json", _TYPES)) is not None:
            headers.append((b"content-type", kind))
        headers += [(drawn.choice(_HEADERS), drawn.choice(_VALUES)) for _ in range(drawn.choice((0, 1, 2, 3)))]
        is_write = form.endswith(("jobs", "trigger", "pause", "retry"))
        scope = _scope(mostly("POST" if is_write else "GET", _METHODS), path, headers)
        scope["query_string"] = mostly(b"", _QUERIES)
        yield scope, mostly(b"{}", _BODIES)


def _scope(method: str, path: str, headers: list[tuple[bytes, bytes]]) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
        "method": method,
        "root_path": "",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
    }


async def _answer(served: ASGIApp, scope: Scope, body: bytes) -> tuple[int, list[bytes], Any]:
    """The answer's status, header names, and body without the values that differ per call."""
    sent: list[Message] = []
    pieces = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return pieces.pop() if pieces else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await served({**scope, "state": {}}, receive, send)
    status, written = sent[0]["status"], b"".join(each["body"] for each in sent[1:])
    read = orjson.loads(written) if written else None
    return status, sorted(name for name, _ in sent[0]["headers"]), sorted(read) if status < 300 and read else read


def test_what_is_served_by_a_binding_is_served_by_fastapi_alike(
    shared_api: Api, workspace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = f"/v1/workspaces/{workspace}/jobs"
    job = shared_api.client.post(jobs, json={"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *"}).json()
    later = shared_api.client.post(
        jobs, json={"endpoint": "sink", "trigger": "DELAYED", "run_at": "2999-01-01T00:00:00Z"}
    ).json()
    served = app.create(
        config.load(
            database_url=shared_api.database_url, database_pool_size=2, request_seconds=240, log_level="WARNING"
        )
    )
    ways: list[str] = []

    async def either(*given: Any) -> Any:  # as response_of
        if ways[-1] == "fastapi":
            raise UnusualError
        return await response_of(*given)

    monkeypatch.setattr(operation, "response_of", either)
    given = {
        "workspace": workspace,
        "job": job["job_id"],
        "execution": later["execution"]["execution_id"],
        "key": shared_api.key,
    }

    async def play() -> set[int]:
        seen: set[int] = set()
        async with served.router.lifespan_context(served):
            for scope, body in _requests(400, **given):
                answers = []
                for way in ("binding", "fastapi"):
                    ways.append(way)
                    answers.append(await _answer(served, scope, body))
                assert answers[0] == answers[1], (scope, body)
                seen.add(answers[0][0])
        return seen

    assert asyncio.run(play()) >= {200, 202, 400, 401, 404, 405, 412}


def _calls_left() -> int:
    """Collect garbage. Return how many calls were in it; none is left afterwards."""
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
        return sum(isinstance(each, Call) for each in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.collect()


def test_no_request_is_left_for_the_collector(shared_api: Api, workspace: str) -> None:
    """An error that is referenced by its own frames keeps its request, and a body of up to a mebibyte, until garbage is
    collected. This used to happen to each rejected body.
    """
    served = app.create(
        config.load(
            database_url=shared_api.database_url, database_pool_size=2, request_seconds=240, log_level="WARNING"
        )
    )
    given = {"workspace": workspace, "job": "nobody", "execution": _EXECUTIONS[2], "key": shared_api.key}
    left: list[str] = []

    async def play() -> set[int]:
        seen: set[int] = set()
        async with served.router.lifespan_context(served):
            for scope, body in _requests(200, **given):
                seen.add((await _answer(served, scope, body))[0])
                if _calls_left():
                    left.append(f"{scope['method']} {scope['path']}")
        return seen

    gc.collect()
    gc.freeze()  # so that each collection sees one request only
    try:
        seen = asyncio.run(play())
    finally:
        gc.unfreeze()

    assert left == []
    assert seen >= {400, 401, 404, 405, 412, 422}


def test_no_body_is_left_for_the_collector_by_any_route(shared_api: Api, workspace: str) -> None:
    """The request and its draft, a body that is compared with a resource, used to keep each other: after each PATCH,
    most PUTs, apply and jobs:batch, accepted or not."""
    served = app.create(
        config.load(
            database_url=shared_api.database_url, database_pool_size=2, request_seconds=240, log_level="WARNING"
        )
    )
    fill = dict.fromkeys(("e", "o", "b", "i", "key_id", "mapping_id"), _EXECUTIONS[2])
    fill |= {"w": workspace, "j": "nobody", "name": "nobody", "org": "nobody"}
    asked = [
        (method.upper(), path.format_map(fill), body)
        for path, methods in shared_api.client.get("/openapi.json").json()["paths"].items()
        for method in methods
        if method in ("post", "put", "patch")
        for body in (b"{}", b'{"x":1}', b"[]")
    ]
    headers = [
        (b"authorization", f"Bearer {shared_api.key}".encode()),
        (b"content-type", b"application/json"),
    ]
    left: list[str] = []

    async def play() -> set[int]:
        seen: set[int] = set()
        async with served.router.lifespan_context(served):
            for method, path, body in asked:
                scope = _scope(method, path, headers)
                seen.add((await _answer(served, scope, body))[0])
                if _calls_left():
                    left.append(f"{method} {path} {body.decode()}")
        return seen

    gc.collect()
    gc.freeze()
    try:
        seen = asyncio.run(play())
    finally:
        gc.unfreeze()

    assert left == []
    assert len(asked) > 100
    assert seen >= {200, 400, 404, 422}
