"""What every answer has, whatever the application says: an id, headers for browsers and proxies, and a log line."""

import logging
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from starlette.types import Message, Receive, Scope, Send

from kronos.api import middleware
from kronos.api.meter import ApiMeter
from kronos.api.middleware import MAX_BODY_BYTES, Boundary
from kronos.api.origins import Origins
from kronos.api.rates import Allowance, stands
from kronos.api.refusals import overloaded
from kronos.lines import known_here
from kronos.metrics.definition import Measured
from kronos.replica import Served
from told import told

Headers = Sequence[tuple[bytes, bytes]]
PLAIN = [
    ("x-content-type-options", "nosniff"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
    ("cache-control", "no-store"),
    ("referrer-policy", "no-referrer"),
]


class Application:
    """Answers 200 with these headers, and keeps the requests that reach it."""

    def __init__(self, *headers: tuple[bytes, bytes], more: dict[str, object] | None = None) -> None:
        self.headers = headers
        self.more = more or {}
        self.scopes: list[Scope] = []
        self.known: list[dict[str, object]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        self.known.append(dict(known_here()))
        scope.update(self.more)
        await send({"type": "http.response.start", "status": 200, "headers": list(self.headers)})
        await send({"type": "http.response.body", "body": b"{}"})


async def asked(
    app: Application, *headers: tuple[bytes, bytes], boundary: Any = None, **more: Any
) -> tuple[int, list[tuple[str, str]], bytes]:
    """Send a request through a boundary around the application. Return the status, headers and body of the answer."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": "/v1/x", "raw_path": b"/v1/x", "query_string": b"", "scheme": "http",
        "headers": list(headers), **more,
    }  # fmt: skip
    inside = boundary or Boundary(app, timeout_seconds=10, max_in_flight=5)
    await inside(scope, receive, send)
    start, body = sent
    return start["status"], [(name.decode(), value.decode()) for name, value in start["headers"]], body["body"]


def without_id(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    (request_id,) = [value for name, value in headers if name == "request-id"]
    assert re.fullmatch(r"[0-9a-f]{32}", request_id)
    return [each for each in headers if each[0] != "request-id"]


async def test_an_answer_is_not_kept_not_framed_and_tells_no_other_site() -> None:
    status, headers, body = await asked(Application((b"content-type", b"application/json")))
    assert (status, body) == (200, b"{}")
    assert without_id(headers) == [("content-type", "application/json"), *PLAIN]


async def test_a_header_of_the_application_counts_instead() -> None:
    own = [(b"cache-control", b"max-age=60"), (b"content-security-policy", b"x"), (b"referrer-policy", b"y")]
    _, headers, _ = await asked(Application(*own))
    assert sorted(without_id(headers)) == sorted([*((n.decode(), v.decode()) for n, v in own), PLAIN[0]])


async def test_over_https_a_browser_stays_there() -> None:
    _, headers, _ = await asked(Application(), scheme="https")
    assert ("strict-transport-security", "max-age=31536000") in headers
    _, headers, _ = await asked(Application())
    assert "strict-transport-security" not in dict(headers)


async def test_a_read_says_which_server_answered() -> None:
    _, headers, _ = await asked(Application(more={"kronos.served": Served(by="replica", lag_seconds=0.5)}))
    assert dict(headers)["kronos-read-from"] == "replica; lag_seconds=0.500"
    _, headers, _ = await asked(Application())
    assert "kronos-read-from" not in dict(headers)


async def test_an_answer_says_what_is_left_of_its_keys_minute() -> None:
    allowance = Allowance()
    minute = datetime(2026, 1, 1, tzinfo=UTC)
    allowance.take(SimpleNamespace(quota=100, granted=5, left_over=20, window_at=minute, seconds=60.0), 0.0)

    class Limited(Application):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            stands(scope, allowance)
            await super().__call__(scope, receive, send)

    _, headers, _ = await asked(Limited())
    assert dict(headers)["ratelimit-policy"] == '"key";q=100;w=60'
    assert dict(headers)["ratelimit"].startswith('"key";r=25;t=')


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (b"my-id", "my-id"), (b"A.b_c:1/2+3=4@5", "A.b_c:1/2+3=4@5"), (b"x" * 128, "x" * 128),
        (b"kr_live_0123456789ab_" + b"s" * 43, "kr_live_0123456789ab_"),
    ],
)  # fmt: skip
async def test_a_caller_may_name_its_request(given: bytes, kept: str) -> None:
    app = Application()
    _, headers, _ = await asked(app, (b"accept", b"x"), (b"request-id", given))
    assert dict(headers)["request-id"] == app.scopes[0]["kronos.request_id"] == kept
    assert app.known == [{"request_id": kept}], "log lines have it too"


@pytest.mark.parametrize("given", [b"", b"x" * 129, b"a b", b"a\nb", b"caf\xe9", b'"a"', b"{}"])
async def test_a_name_that_could_be_misread_in_a_log_is_replaced(given: bytes) -> None:
    _, headers, _ = await asked(Application(), (b"request-id", given))
    assert without_id(headers)
    _, headers, _ = await asked(Application(), (b"x-request-id", b"my-id"))
    assert without_id(headers)


@pytest.mark.parametrize(
    ("length", "status"),
    [
        (b"0", 200), (str(MAX_BODY_BYTES).encode(), 200), (str(MAX_BODY_BYTES + 1).encode(), 413), (b"9" * 400, 413),
        (b"-1", 200), (b"1e9", 200), (b"", 200),
    ],
)  # fmt: skip
async def test_a_body_that_is_announced_too_large_does_not_reach_the_application(length: bytes, status: int) -> None:
    app = Application()
    answered, _, body = await asked(app, (b"content-length", length), (b"content-type", b"9999999"))
    assert (answered, len(app.scopes)) == (status, int(status == 200))
    if status == 413:
        assert orjson.loads(body)["code"] == "payload_too_large"


async def test_what_was_refused_before_is_answered_with_its_reason_and_the_connection_ends() -> None:
    app = Application()
    status, headers, body = await asked(app, **{"kronos.refusal": overloaded("full")})
    assert (status, orjson.loads(body)["detail"], app.scopes) == (503, "full", [])
    assert (dict(headers)["retry-after"], dict(headers)["connection"]) == ("2", "close")


async def test_too_many_at_once_is_503_before_anything_else() -> None:
    app = Application()
    full = Boundary(app, timeout_seconds=10, max_in_flight=0)
    status, headers, body = await asked(app, boundary=full, **{"kronos.refusal": overloaded("other")})
    assert (status, dict(headers)["retry-after"], app.scopes) == (503, "2", [])
    assert orjson.loads(body)["detail"] == "0 requests are in progress in this process"


PAGE = b"https://console.example"


async def test_a_page_that_may_call_is_told_so_before_the_application_is_asked() -> None:
    app = Application()
    inside = Boundary(app, timeout_seconds=10, max_in_flight=5, origins=Origins([PAGE.decode()]))
    preflight = ((b"origin", PAGE), (b"access-control-request-method", b"PUT"))
    status, headers, body = await asked(app, *preflight, boundary=inside, method="OPTIONS")
    assert (status, body, app.scopes) == (204, b"", [])
    assert dict(headers)["access-control-allow-origin"] == PAGE.decode()
    assert dict(headers)["access-control-max-age"] == "600"
    status, headers, _ = await asked(app, (b"origin", PAGE), boundary=inside)
    assert (status, dict(headers)["access-control-allow-origin"]) == (200, PAGE.decode())
    status, headers, _ = await asked(app, *preflight, method="OPTIONS")
    assert (status, [name for name, _ in headers if "access-control" in name]) == (200, [])


async def test_what_is_no_request_is_left_to_the_application() -> None:
    reached: list[Scope] = []

    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(scope)

    scope = {"type": "lifespan"}
    await Boundary(lifespan, timeout_seconds=10, max_in_flight=5)(scope, None, None)  # type: ignore[arg-type]
    assert reached == [{"type": "lifespan"}]


@pytest.mark.parametrize(
    ("actor", "shown"),
    [({}, "-"), ({"kronos.actor": "oidc:a\nb é"}, r"oidc:a\nb \xe9"), ({"kronos.actor": "k1"}, "k1")],
)
async def test_each_answer_is_one_line_of_the_log(
    caplog: pytest.LogCaptureFixture, actor: dict[str, object], shown: str
) -> None:
    with caplog.at_level(logging.INFO, "kronos.api"):
        await asked(Application(more=actor), (b"request-id", b"my-id"), method="POST", raw_path=b"/v1/a%20b?q=1")
    line = told(caplog, "request.answered")
    known = {name: line[name] for name in ("method", "path", "status", "actor", "level")}
    assert known == {"method": "POST", "path": "/v1/a%20b", "status": 200, "actor": shown, "level": "INFO"}
    assert re.fullmatch(rf"my-id POST /v1/a%20b 200 \d+\.\d ms {re.escape(shown)}", line["message"])
    assert isinstance(line["milliseconds"], float)


async def test_each_answer_is_counted_and_none_stays_in_progress() -> None:
    meter, app = ApiMeter(), Application()
    counted = Boundary(app, timeout_seconds=10, max_in_flight=5, meter=meter)
    for _ in range(3):
        await asked(app, boundary=counted)
    stats: Any = SimpleNamespace(get_stats=dict, max_size=1)
    found = {(each.metric.name, *each.labels): each.value for each in meter.read(stats) if isinstance(each, Measured)}
    assert found["kronos_api_requests_total", "GET", "none", "2xx"] == 3
    assert found["kronos_api_requests_under_way",] == 0


def test_bodies_together_may_take_sixty_four_megabytes() -> None:
    assert (middleware.MAX_BODIES_BYTES, MAX_BODY_BYTES) == (64 * 2**20, 2**20)
