"""The headers for browsers that every answer has, even an error; which pages may call; and whose forwarded addresses
are trusted.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from api_callers import Caller
from api_process import Process
from documented import documented
from kronos import config
from kronos.api import app, serve
from kronos.api.middleware import Boundary

ORIGIN = "https://console.example.com"


@asynccontextmanager
async def asking(
    *, client: tuple[str, int] = ("127.0.0.1", 1), wrapped: Callable[[ASGIApp], ASGIApp] | None = None, **settings: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """The application as it is served, without a database, because no request here needs one. On a busy machine the
    request for its document, a second of CPU, may take long.
    """
    read = config.load(**{"database_url": "postgresql://", "request_seconds": 240, **settings})
    served = serve.configuration(documented(app.create(read)), read)
    served.load()
    whole: ASGIApp = served.loaded_app
    transport = httpx.ASGITransport(whole if wrapped is None else wrapped(whole), client=client)
    async with httpx.AsyncClient(transport=transport, base_url="http://x", timeout=60) as asked:
        yield asked


ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "cache-control": "no-store",
}


async def test_every_answer_has_them_and_what_is_for_everybody_may_be_kept() -> None:
    async with asking() as client:
        private = [
            await client.get("/healthz"),
            await client.get("/nothing"),
            await client.delete("/healthz"),
            await client.options("/v1/workspaces"),
            await client.post("/v1/workspaces", content=b"x" * 1_100_000),
        ]
        public = [await client.get(path) for path in ("/docs", "/openapi.json", "/docs/start.js")]
    assert [each.status_code for each in private] == [200, 404, 405, 405, 413]
    for answer in private:
        assert {name: answer.headers[name] for name in ALWAYS} == ALWAYS
        assert "strict-transport-security" not in answer.headers
        assert not [name for name in answer.headers if name.startswith("access-control")]
    for answer in public:
        assert answer.status_code == 200
        assert answer.headers["cache-control"] in ("no-cache", "public, max-age=3600")
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /v1/workspaces HTTP/1.1\r\nHost: x\r\n\r\n",
        b"NO HTTP\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_the_servers_own_refusals_have_them_too(process: Process, sent: bytes) -> None:
    with closing(Caller(process)) as caller:
        caller.send(sent)
        answer = caller.answer()
    assert answer.status in (400, 401, 414)
    assert {name: answer.headers[name] for name in ALWAYS} == ALWAYS


def preflight(origin: str) -> dict[str, str]:
    return {
        "Origin": origin,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization,content-type",
    }


async def test_a_page_of_a_named_origin_may_call_and_read_errors_and_no_other_may() -> None:
    async with asking(cors_origins=f"https://other.example.com:8443, {ORIGIN}") as client:
        asked = await client.options("/v1/workspaces/acme/jobs", headers=preflight(ORIGIN))
        assert asked.status_code == 204
        assert asked.content == b""
        assert asked.headers["access-control-allow-origin"] == ORIGIN
        assert {"PUT", "PATCH", "DELETE"} <= set(asked.headers["access-control-allow-methods"].split(", "))
        assert {"Authorization", "Idempotency-Key", "If-Match"} <= set(
            asked.headers["access-control-allow-headers"].split(", ")
        )
        for path in ("/v1/workspaces", "/nothing", "/healthz"):
            answer = await client.get(path, headers={"Origin": ORIGIN})
            assert (answer.headers["access-control-allow-origin"], answer.headers["vary"]) == (ORIGIN, "Origin")
            assert "RateLimit" in answer.headers["access-control-expose-headers"]
        for foreign in (
            "https://evil.example.com", f"{ORIGIN}.evil.com", f"{ORIGIN}:443", "http://console.example.com", "null",
            ORIGIN.upper(), f"{ORIGIN}/",
        ):  # fmt: skip
            refused = await client.options("/v1/workspaces", headers=preflight(foreign))
            answer = await client.get("/healthz", headers={"Origin": foreign})
            assert refused.status_code == 405
            for each in (refused, answer):
                assert each.headers["vary"] == "Origin"
                assert "access-control-allow-origin" not in each.headers
        without = await client.get("/healthz")
        assert without.headers["vary"] == "Origin"
        assert (await client.options("/v1/workspaces", headers={"Origin": ORIGIN})).status_code == 405


async def test_a_page_may_send_and_read_every_header_that_the_document_has() -> None:
    sent, read = set[str](), set[str]()
    async with asking(cors_origins=ORIGIN) as client:
        document = (await client.get("/openapi.json")).json()
        for operation in [each for path in document["paths"].values() for each in path.values()]:
            sent |= {each["name"] for each in operation["parameters"] if each["in"] == "header"}
            read |= {name for answer in operation["responses"].values() for name in answer.get("headers", {})}
        assert {"If-Match", "Idempotency-Key", "Kronos-Read-From"} <= sent
        assert {"Kronos-Read-From", "ETag"} <= read
        asked = (await client.options("/v1/workspaces", headers=preflight(ORIGIN))).headers
        assert sent <= set(asked["access-control-allow-headers"].split(", "))
        answered = (await client.get("/healthz", headers={"Origin": ORIGIN})).headers
        assert read <= set(answered["access-control-expose-headers"].split(", "))


async def test_all_origins_may_be_let_in_and_never_with_credentials() -> None:
    for named in ("*", ORIGIN):
        async with asking(cors_origins=named) as client:
            for answer in (
                await client.options("/v1/workspaces", headers=preflight(ORIGIN)),
                await client.get("/healthz", headers={"Origin": ORIGIN, "Cookie": "a=b"}),
            ):
                assert answer.headers["access-control-allow-origin"] == named
                assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cors_origins", "console.example.com"),
        ("cors_origins", "https://console.example.com/"),
        ("cors_origins", "https://*.example.com"),
        ("cors_origins", "*, https://console.example.com"),
        ("cors_origins", "HTTPS://console.example.com"),
        ("cors_origins", "null"),
        ("trusted_proxies", "*"),
        ("trusted_proxies", "proxy.internal"),
        ("trusted_proxies", "10.0.0.1/8"),
        ("rate_limit", "0"),
        ("rate_limit", "none"),
    ],
)
def test_what_cannot_be_meant_ends_the_start(name: str, value: str) -> None:
    with pytest.raises(config.SettingsInvalid, match=f"KRONOS_{name.upper()}"):
        config.load(database_url="postgresql://", **{name: value})


def test_a_limit_is_a_number_or_off() -> None:
    assert config.load(database_url="postgresql://", rate_limit="off").rate_limit is None
    assert config.load(database_url="postgresql://", rate_limit="7").rate_limit == 7


FORWARDED = {"X-Forwarded-For": "203.0.113.9, 192.0.2.7, 10.0.0.8", "X-Forwarded-Proto": "https"}


@pytest.mark.parametrize(
    ("trusted", "peer", "sent", "caller"),
    [
        ("", "127.0.0.1", FORWARDED, "127.0.0.1"),
        ("", "::1", FORWARDED, "::1"),
        ("10.0.0.0/8", "127.0.0.1", FORWARDED, "127.0.0.1"),
        ("127.0.0.1, 10.0.0.0/8", "127.0.0.1", FORWARDED, "192.0.2.7"),
        ("127.0.0.1, 10.0.0.0/8", "::ffff:127.0.0.1", FORWARDED, "192.0.2.7"),
        ("127.0.0.1", "127.0.0.1", FORWARDED, "10.0.0.8"),
        ("2001:db8::/32", "2001:db8::5", {"X-Forwarded-For": "[2001:db9::1]:443"}, "2001:db9::1"),
        ("127.0.0.1", "127.0.0.1", {"X-Forwarded-For": "192.0.2.7:1234"}, "192.0.2.7"),
        ("127.0.0.1", "127.0.0.1", {}, "127.0.0.1"),
    ],
)
async def test_an_address_is_believed_of_the_named_networks_alone(
    trusted: str, peer: str, sent: dict[str, str], caller: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """uvicorn's own default trusts the local machine, and FORWARDED_ALLOW_IPS."""
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    seen: list[tuple[str, bool]] = []
    is_believed = bool(sent.get("X-Forwarded-Proto")) and caller != peer

    real = Boundary.__call__

    async def noted(self: Boundary, scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["client"][0], scope["scheme"] == "https"))
        await real(self, scope, receive, send)

    monkeypatch.setattr(Boundary, "__call__", noted)
    async with asking(client=(peer, 1), trusted_proxies=trusted) as client:
        answer = await client.get("/healthz", headers=sent)
    assert seen == [(caller, is_believed)]
    assert ("strict-transport-security" in answer.headers) is is_believed
