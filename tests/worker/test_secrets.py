"""Secrets in deliveries: they are sent, they sign, a new value reaches waiting executions; and nothing that is stored
contains them."""

import base64
import os
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import httpx
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from standardwebhooks import Webhook

from conftest import Api
from delivery.servers import Receiver, Request, Talk, answer, silent
from factory import is_idle
from worker.running import Worker, until

Start = Callable[..., Worker]
_TOKEN = "canary-9c41d7b2e5-token"
_ODD = 'canary-3be8 "wörd"/+&%41\\<'
_OTHER = "canary-77aa01-rotated"


class Scene:
    """A workspace for the test, and actions on it through the API."""

    def __init__(self, api: Api, workspace: str) -> None:
        self.client = api.client
        self.base = f"/v1/workspaces/{workspace}"

    def secret(self, name: str, value: str) -> None:
        self.client.put(f"{self.base}/secrets/{name}", json={"value": value}).raise_for_status()

    def endpoint(self, name: str, url: str, **given: Any) -> None:
        body = {"type": "HTTP", "spec": {"url": url, **given.pop("spec", {})}, **given}
        answered = self.client.put(f"{self.base}/endpoints/{name}", json=body)
        assert answered.status_code in (200, 201), answered.text

    def run(self, endpoint: str, **input: Any) -> str:
        body = {"endpoint": endpoint, "trigger": "IMMEDIATE", "input": input}
        made = self.client.post(f"{self.base}/jobs", json=body)
        assert made.status_code == 201, made.text
        return str(made.json()["execution"]["execution_id"])

    def execution(self, execution_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(f"{self.base}/executions/{execution_id}").json()
        return found

    def attempts(self, execution_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.get(f"{self.base}/executions/{execution_id}/attempts").json()["data"]
        return found


@pytest.fixture
def scene(own_api: Api, own_workspace: str) -> Scene:
    return Scene(own_api, own_workspace)


@pytest.fixture
def started(start: Start, tmp_path: Path) -> Start:
    """Start a worker with the API's encryption keys."""
    return lambda **settings: start(encryption_key_file=tmp_path / "encryption.key", **settings)


async def test_secrets_are_sent_where_templates_name_them(
    superuser: psycopg.Connection, scene: Scene, started: Start
) -> None:
    scene.secret("token", _TOKEN)
    scene.secret("odd", _ODD)
    async with Receiver(answer(), keep=True) as receiver:
        scene.endpoint(
            "hook",
            receiver.url + "/{{input.id}}?q={{secret.token}}",
            spec={
                "headers": {"Authorization": "Bearer {{secret.token}}"},
                "body_template": {"odd": "{{secret.odd}}", "both": "{{input.id}}-{{secret.token}}"},
            },
        )
        started()
        execution_id = scene.run("hook", id=7)
        await until(lambda: is_idle(superuser), "the delivery")
        (request,) = receiver.requests
    assert request.line.split()[1] == f"/hook/7?q={_TOKEN}"
    assert request.headers["authorization"] == f"Bearer {_TOKEN}"
    assert httpx.Response(200, content=request.body).json() == {"odd": _ODD, "both": f"7-{_TOKEN}"}
    (attempt,) = scene.attempts(execution_id)
    assert attempt["status"] == "SUCCESS"
    assert attempt["request"]["url"].startswith(f"{receiver.url}/7?q=***")


def echo(request: Request, status: str = "500 No", body: bytes = b"") -> bytes:
    """An answer that returns everything received, in many forms, like a debugging receiver."""
    raw = request.line.encode("latin-1") + b"\n" + str(request.headers).encode("latin-1") + b"\n" + request.body + body
    token = request.headers.get("authorization", "none").encode("latin-1")
    content = b"\n".join([raw, base64.b64encode(b"user:" + token), token.hex().encode(), quote(raw, safe="").encode()])
    name = token.decode("latin-1").replace(" ", "-")
    head = f"HTTP/1.1 {status}\r\n{name}: {name}\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode("latin-1") + content


async def _cut(talk: Talk) -> None:
    """The body ends within the token."""
    token = talk.request.headers["authorization"].encode()
    await talk.send(b"HTTP/1.1 500 No\r\nContent-Length: 5000\r\n\r\n" + b"x" * 100 + token[:20])


async def _cut_by_us(talk: Talk) -> None:
    """The token is at the point where the stored part of a body ends."""
    token = talk.request.headers["authorization"].encode()
    content = b"x" * (4096 - 24) + token + b"y" * 5000
    await talk.send(b"HTTP/1.1 500 No\r\nContent-Length: %d\r\n\r\n" % len(content) + content)


async def _no_http(talk: Talk) -> None:
    await talk.send(b"NOHTTP " + talk.request.headers["authorization"].encode() + b"\r\n\r\n")


async def _bad_header(talk: Talk) -> None:
    await talk.send(b"HTTP/1.1 200 OK\r\n" + talk.request.headers["authorization"].encode() + b"\r\n\r\n")


async def _elsewhere(talk: Talk) -> None:
    token = talk.request.headers["authorization"].encode()
    await talk.send(b"HTTP/1.1 302 Found\r\nLocation: http://h/" + token + b"\r\nContent-Length: 0\r\n\r\n")


async def _nothing(talk: Talk) -> None:
    """Read the request and close."""


_FAILURES: dict[str, Callable[[Talk], Awaitable[None]]] = {
    "cut": _cut,
    "cut-by-us": _cut_by_us,
    "no-http": _no_http,
    "bad-header": _bad_header,
    "elsewhere": _elsewhere,
    "nothing": _nothing,
    "never": silent,
}


async def _fail(talk: Talk) -> None:
    """Fail as the path says; otherwise return everything, with the status that the path names."""
    kind = talk.request.line.split("/")[2].split("?")[0].split(" ")[0]
    if kind in _FAILURES:
        await _FAILURES[kind](talk)
    else:
        await talk.send(echo(talk.request, f"{kind} Any"))


def written(connection: psycopg.Connection) -> Iterator[tuple[str, str]]:
    """Every row of every table of Kronos and pg_cron, as text."""
    tables = connection.execute(
        "select oid::regclass::text from pg_class where relnamespace in ('kronos'::regnamespace, 'cron'::regnamespace)"
        " and relkind in ('r', 'p') and not relispartition"
    ).fetchall()
    assert len(tables) > 25
    for (table,) in tables:
        for (text,) in connection.execute(f"select row::text from {table} as row").fetchall():
            yield table, text


def planted(text: str) -> list[str]:
    """The secrets that a text contains, unchanged or in another form."""
    found = []
    for value in (_TOKEN, _ODD, _OTHER):
        core = value[:18]
        coded = b64encode(core.encode()).decode()[:-4]
        behind = b64encode(b"u" + core.encode()).decode()[2:-4]
        further = b64encode(b"us" + core.encode()).decode()[3:-4]
        forms = [core, quote(core, safe=""), core.encode().hex(), coded, behind, further, core[:10]]
        found += [form for form in forms if form.lower() in text.lower() or form.lower() in unquote(text).lower()]
    return found


async def test_no_secret_is_in_anything_that_was_written_however_deliveries_fail(
    superuser: psycopg.Connection, scene: Scene, started: Start, caplog: pytest.LogCaptureFixture
) -> None:
    scene.secret("token", _TOKEN)
    scene.secret("odd", _ODD)
    scene.secret("steps", "../canary-9c41d7b2e5-token")
    spec: dict[str, Any] = {
        "headers": {"Authorization": "Bearer {{secret.token}}", "X-More": "{{secret.token}}"},
        "body_template": {"odd": "{{secret.odd}}", "token": "{{secret.token}}"},
        "timeout_ms": 20_000,
    }
    once = {"max_attempts": 1}
    worker = started()
    runs: dict[str, str] = {}
    async with Receiver(_fail) as receiver:
        for kind in ("200", "404", "429", "500", *_FAILURES):
            own = spec | ({"timeout_ms": 300} if kind == "never" else {})
            scene.endpoint(
                f"e-{kind}", f"{receiver.url}/{kind}?token={{{{secret.token}}}}", spec=own, retry_policy=once
            )
            runs[kind] = scene.run(f"e-{kind}")
        for kind, url, own in (
            ("query", f"{receiver.url}/500/?odd={{{{secret.odd}}}}", spec),
            ("steps", f"{receiver.url}/500/?steps={{{{secret.steps}}}}", spec),
            ("header", receiver.url + "/500", spec | {"headers": {"X-Odd": "{{secret.odd}}"}}),
            ("refused", "http://127.0.0.1:1/?token={{secret.token}}", spec),
            ("unknown", "http://nobody.invalid/?token={{secret.token}}", spec),
            ("tls", receiver.url.replace("http:", "https:") + "/500/?token={{secret.token}}", spec),
            (
                "huge",
                receiver.url + "/500",
                spec | {"body_template": ["{{secret.token}}", "{{input.x}}", "{{input.x}}"] * 3},
            ),
            ("missing", receiver.url + "/500/{{input.none}}/?token={{secret.token}}", spec),
            ("long", receiver.url + "/500/{{input.x}}/?token={{secret.token}}", spec),
        ):
            scene.endpoint(f"e-{kind}", url, spec=own, retry_policy=once)
            runs[kind] = scene.run(f"e-{kind}", x="x" * (200_000 if kind == "huge" else 3_000))
        await until(lambda: is_idle(superuser), "all deliveries", seconds=60)
    assert worker.process.poll() is None
    ended = {kind: scene.execution(execution_id) for kind, execution_id in runs.items()}
    attempts = {kind: scene.attempts(execution_id) for kind, execution_id in runs.items()}
    assert {kind for kind, one in ended.items() if one["status"] == "SUCCESS"} == {"200", "bad-header"}
    types = {kind: one["error"]["type"] for kind, one in ended.items() if one["error"] is not None}
    assert types.keys() == runs.keys() - {"200", "bad-header"}  # whose status line was read
    assert {types["cut"], types["500"], types["404"]} == {"http_status"}
    assert types["no-http"] == "bad_response"
    assert (types["never"], types["refused"], types["unknown"]) == ("timeout", "connect", "dns")
    assert (types["header"], types["missing"], types["steps"]) == ("template", "template", "template")
    assert "***" in attempts["500"][0]["response"]["body"]
    endpoints = scene.client.get(f"{scene.base}/endpoints", params={"limit": 200}).text
    secrets = scene.client.get(f"{scene.base}/secrets").text
    listed = scene.client.get(f"{scene.base}/executions", params={"include": "output", "limit": 200}).text
    for what, text in (
        *((f"execution {kind}", str(one)) for kind, one in ended.items()),
        *((f"attempts {kind}", str(one)) for kind, one in attempts.items()),
        ("endpoints", endpoints),
        ("secrets", secrets),
        ("executions", listed),
        ("the worker's log", worker.log),
        ("the API's log", caplog.text),
        *written(superuser),
    ):
        assert (what, planted(text)) == (what, [])


async def test_a_new_value_reaches_what_waits_to_be_tried_again(scene: Scene, started: Start) -> None:
    scene.secret("token", _TOKEN)

    async def judge(talk: Talk) -> None:
        is_new = talk.request.headers["authorization"] == f"Bearer {_OTHER}"
        await answer(status="200 OK" if is_new else "503 Not yet")(talk)

    async with Receiver(judge, keep=True) as receiver:
        scene.endpoint(
            "hook",
            receiver.url,
            spec={"headers": {"Authorization": "Bearer {{secret.token}}"}},
            retry_policy={"max_attempts": 100, "backoff": "fixed", "initial_delay_ms": 250, "max_delay_ms": 250},
        )
        started(poll_seconds=30)
        execution_id = scene.run("hook")
        await until(lambda: len(receiver.requests) > 0, "the first attempt")
        scene.secret("token", _OTHER)
        await until(lambda: scene.execution(execution_id)["status"] == "SUCCESS", "a delivery with the new value")


async def test_deliveries_are_signed_by_each_key_and_receivers_verify_them(
    superuser: psycopg.Connection, scene: Scene, started: Start
) -> None:
    old, new, private = (os.urandom(32) for _ in range(3))
    scene.secret("old", "whsec_" + b64encode(old).decode())
    scene.secret("new", "whsec_" + b64encode(new).decode())
    scene.secret("key", "whsk_" + b64encode(private).decode())
    async with Receiver(answer(), keep=True) as receiver:
        scene.endpoint("both", receiver.url, signing_secrets=["new", "old"])
        scene.endpoint("one", receiver.url, signing_secrets=["key"], spec={"method": "GET"})
        scene.endpoint("none", receiver.url)
        started()
        for name in ("both", "one", "none"):
            scene.run(name, of=name, text="Wörld")
            await until(lambda: is_idle(superuser), "the delivery")
        both, one, none = receiver.requests
    for key in (old, new):
        Webhook("whsec_" + b64encode(key).decode()).verify(both.body, both.headers)
    assert [each.partition(",")[0] for each in both.headers["webhook-signature"].split(" ")] == ["v1", "v1"]
    scheme, _, signature = one.headers["webhook-signature"].partition(",")
    signed = f"{one.headers['webhook-id']}.{one.headers['webhook-timestamp']}.".encode() + one.body
    public = scene.client.get(f"{scene.base}/endpoints/one/signing-keys").json()["data"][0]["public_key"]
    assert (
        public
        == "whpk_" + b64encode(Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()).decode()
    )
    Ed25519PublicKey.from_public_bytes(base64.b64decode(public.removeprefix("whpk_"))).verify(
        base64.b64decode(signature), signed
    )
    assert (scheme, one.body) == ("v1a", b"")
    assert "webhook-signature" not in none.headers


async def test_what_cannot_be_opened_is_not_sent_and_says_why(
    superuser: psycopg.Connection, scene: Scene, started: Start
) -> None:
    for name in ("moved", "lost", "stranger"):
        scene.secret(name, f"{_TOKEN} {name}")
    async with Receiver(answer(), keep=True) as receiver:
        worker = started()
        await worker.started()
        for name in ("moved", "lost", "stranger"):
            scene.endpoint(
                name, receiver.url, spec={"body_template": f"{{{{secret.{name}}}}}"}, retry_policy={"max_attempts": 1}
            )
        superuser.execute("update kronos.secrets set version = version + 1 where name = 'moved'")
        superuser.execute(
            "update kronos.secrets set key_id = null, nonce = null, ciphertext = null where name = 'lost'"
        )
        superuser.execute("update kronos.secrets set key_id = repeat('f', 16) where name = 'stranger'")
        runs = {name: scene.run(name) for name in ("moved", "lost", "stranger")}
        await until(lambda: is_idle(superuser), "the executions to end")
        assert receiver.requests == []
    errors = {name: scene.execution(execution_id)["error"] for name, execution_id in runs.items()}
    assert {error["type"] for error in errors.values()} == {"secret"}
    assert "was changed" in errors["moved"]["message"]
    assert "PUT it again" in errors["lost"]["message"]
    assert f"under the key {'f' * 16}" in errors["stranger"]["message"]
    assert f"under the key {'f' * 16}" in worker.log
    assert planted(worker.log + str(errors)) == []
