"""What is decided before the application sees a request: whether its Host is one, which other origin's page may read
the answer, and under which labels it is counted.
"""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from kronos.api.meter import ApiMeter
from kronos.api.origins import Origins
from kronos.api.refusals import (
    Refusal,
    headers_too_large,
    host_fault,
    malformed,
    overloaded,
    too_many_chunks,
    too_slow,
    url_too_long,
)
from kronos.metrics.definition import Distribution, Measured


@pytest.mark.parametrize(
    "host",
    [
        b"example.com", b"EXAMPLE.com:8080", b"192.0.2.7", b"[2001:db8::1]", b"[::1]:80", b"", b":80", b"host:",
        b"a_b.example", b"a-b_c~d.e", b"x%2Dy", b"%6b", b"[::ffff:192.0.2.7]:1", b"[::FFFF:1.2.3.4]", b"KRONOS",
    ],
)  # fmt: skip
def test_a_host_with_or_without_a_port_is_accepted(host: bytes) -> None:
    assert host_fault("1.1", [(b"accept", b"*/*"), (b"host", host)]) is None


@pytest.mark.parametrize(
    "host",
    [
        b"a b", b"http://example.com", b"example.com/", b"user@example.com", b"a:80:80", b"[::1", b"::1", b"a:b",
        b"a%2", b"a%zz", b"\xe9.example", b"a\x00b", b"[::g]", b"a,b\t", b"[::1]x", b"a?b", b"a#b", b"%6",
        b"a\r\nb", b"a:8 0", b" a", b"a\n",
    ],
)  # fmt: skip
def test_what_a_proxy_could_take_for_another_host_is_rejected(host: bytes) -> None:
    assert host_fault("1.1", [(b"host", host)]) == (
        f"the Host header is not a host and port: {host.decode('latin-1')!r}"
    )


def test_a_request_has_one_host() -> None:
    assert host_fault("1.1", [(b"host", b"a"), (b"host", b"a")]) == "the request has 2 Host headers: send one"
    assert host_fault("1.0", [(b"host", b"a"), (b"x", b""), (b"host", b"b")]) == (
        "the request has 2 Host headers: send one"
    )
    assert host_fault("1.1", [(b"hosts", b"a")]) == "the request has no Host header, which HTTP/1.1 requires"
    assert host_fault("1.0", []) is None
    assert host_fault("1.1", [(b"host", b"x/" * 100)]) == (f"the Host header is not a host and port: {'x/' * 40!r}")


@pytest.mark.parametrize(
    ("refusal", "status", "code", "detail"),
    [
        (malformed(), 400, "invalid_request", "the data received is not an HTTP/1 request"),
        (malformed("why"), 400, "invalid_request", "why"),
        (
            too_slow(2.5), 408, "request_timeout",
            "the request's line and headers did not arrive within 2.5 s; nothing was done",
        ),
        (overloaded("full"), 503, "overloaded", "full"),
        (url_too_long(8192), 414, "url_too_long", "the URL has more than 8192 bytes"),
        (
            headers_too_large(100, 4096, is_count=True), 431, "headers_too_large",
            "the request has more than 100 headers",
        ),
        (
            headers_too_large(100, 4096, is_count=False), 431, "headers_too_large",
            "the request's headers have more than 4096 bytes",
        ),
        (too_many_chunks(16), 413, "payload_too_large", "the body came in more than 16 chunks"),
    ],
)  # fmt: skip
def test_a_refusal_says_which_limit_was_reached(refusal: Refusal, status: int, code: str, detail: str) -> None:
    assert (refusal.status, refusal.code, refusal.detail) == (status, code, detail)
    assert refusal.headers == ({"Retry-After": "2"} if code == "overloaded" else {})


def asks(method: str = "GET", **headers: str) -> Any:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": method, "headers": [(b"accept", b"*/*"), *named]}


def shown(headers: Iterable[tuple[bytes, bytes]] | None) -> dict[str, str] | None:
    return None if headers is None else {name.decode(): value.decode() for name, value in headers}


A, B = "https://a.example", "https://b.example:8443"


def test_without_origins_there_is_no_cors() -> None:
    assert (bool(Origins()), bool(Origins([A])), bool(Origins(["*"]))) == (False, True, True)


@pytest.mark.parametrize("origin", [A, B])
def test_a_page_of_an_allowed_origin_may_read_answers(origin: str) -> None:
    headers = shown(Origins([A, B]).headers(asks(origin=origin)))
    assert headers is not None
    exposed = headers.pop("access-control-expose-headers")
    assert {"ETag", "Location", "Request-Id", "Retry-After", "RateLimit"} <= set(exposed.split(", "))
    assert headers == {"vary": "Origin", "access-control-allow-origin": origin}


@pytest.mark.parametrize(
    "headers", [{}, {"origin": "https://a.example.evil"}, {"origin": "null"}, {"origin": A.upper()}]
)
def test_no_other_page_may_and_caches_keep_answers_apart(headers: dict[str, str]) -> None:
    assert shown(Origins([A, B]).headers(asks(**headers))) == {"vary": "Origin"}


def test_if_all_origins_are_allowed_answers_are_the_same_for_all() -> None:
    for headers in ({}, {"origin": A}):
        found = shown(Origins(["*"]).headers(asks(**headers))) or {}
        assert found.pop("access-control-expose-headers")
        assert found == {"access-control-allow-origin": "*"}


@pytest.mark.parametrize("allowed", [[A], ["*"]])
def test_a_preflight_request_is_told_methods_and_headers(allowed: list[str]) -> None:
    found = shown(Origins(allowed).preflight(asks("OPTIONS", origin=A, access_control_request_method="PUT")))
    assert found is not None
    assert found["access-control-allow-methods"] == "GET, HEAD, POST, PUT, PATCH, DELETE"
    assert {"Authorization", "Content-Type", "Idempotency-Key", "If-Match"} <= set(
        found["access-control-allow-headers"].split(", ")
    )
    assert found["access-control-max-age"] == "600"


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {"origin": A, "access_control_request_method": "PUT"}),
        ("OPTIONS", {"origin": A}),
        ("OPTIONS", {"access_control_request_method": "PUT"}),
        ("OPTIONS", {"origin": B, "access_control_request_method": "PUT"}),
    ],
)
def test_what_is_no_preflight_of_an_allowed_origin_is_answered_as_without_cors(
    method: str, headers: dict[str, str]
) -> None:
    assert Origins([A]).preflight(asks(method, **headers)) is None


class Stats:
    """A pool's numbers."""

    max_size = 10

    def __init__(self, **found: int) -> None:
        self._found = found

    def get_stats(self) -> dict[str, int]:
        return self._found


def counted(meter: ApiMeter, **stats: int) -> dict[tuple[str, ...], float]:
    """Each value under its metric's name and labels; for a histogram, how many and their sum."""
    found: dict[tuple[str, ...], float] = {}
    for each in meter.read(Stats(**stats)):  # type: ignore[arg-type]  # all that is read of a pool
        if isinstance(each, Measured):
            found[(each.metric.name, *each.labels)] = each.value
        elif isinstance(each, Distribution):
            found[(each.metric.name, "count", *each.labels)] = sum(each.counts)
            found[(each.metric.name, "sum", *each.labels)] = each.total
    return found


def test_a_request_is_counted_by_the_template_of_its_path_and_the_class_of_its_status() -> None:
    meter, route = ApiMeter(), SimpleNamespace(path="/v1/workspaces/{w}/jobs")
    for status, seconds in ((200, 0.25), (201, 0.5), (404, 1.0), (503, 2.0)):
        meter.answered({"method": "POST", "route": route}, status, seconds)
    found = counted(meter)
    requests = {labels[3]: number for labels, number in found.items() if labels[0] == "kronos_api_requests_total"}
    assert requests == {"2xx": 2, "4xx": 1, "5xx": 1}
    assert ("kronos_api_requests_total", "POST", "/v1/workspaces/{w}/jobs", "2xx") in found
    assert found["kronos_api_request_seconds", "count", "POST", "/v1/workspaces/{w}/jobs"] == 4
    assert found["kronos_api_request_seconds", "sum", "POST", "/v1/workspaces/{w}/jobs"] == 3.75


@pytest.mark.parametrize(
    ("scope", "status", "labels"),
    [
        ({"method": "BREW"}, 405, ("other", "none", "4xx")),
        ({"method": "-"}, 400, ("other", "none", "4xx")),
        ({"method": "OPTIONS"}, 204, ("OPTIONS", "none", "2xx")),
        ({"method": "HEAD", "route": None}, 302, ("HEAD", "none", "3xx")),
        ({"method": "GET"}, 0, ("GET", "none", "none")),
        ({"method": "GET"}, 499, ("GET", "none", "4xx")),
        ({"method": "GET"}, 101, ("GET", "none", "1xx")),
        ({"method": "GET"}, 600, ("GET", "none", "none")),
    ],
)
def test_a_caller_cannot_make_a_label(scope: dict[str, Any], status: int, labels: tuple[str, ...]) -> None:
    meter = ApiMeter()
    meter.answered(scope, status, 0.1)
    assert counted(meter)["kronos_api_requests_total", *labels] == 1


def test_the_pool_is_shown_as_connections_in_use_and_idle_and_waits_in_seconds() -> None:
    meter = ApiMeter()
    meter.under_way = 7
    stats = {"pool_size": 8, "pool_available": 3, "requests_waiting": 2, "requests_queued": 40,
             "requests_wait_ms": 1500, "requests_errors": 1}  # fmt: skip
    assert counted(meter, **stats) == {
        ("kronos_api_requests_under_way",): 7,
        ("kronos_api_pool_connections", "in_use"): 5,
        ("kronos_api_pool_connections", "idle"): 3,
        ("kronos_api_pool_connections_max",): 10,
        ("kronos_api_pool_waiting",): 2,
        ("kronos_api_pool_waits_total",): 40,
        ("kronos_api_pool_wait_seconds_total",): 1.5,
        ("kronos_api_pool_timeouts_total",): 1,
    }
    assert counted(ApiMeter())["kronos_api_pool_connections", "in_use"] == 0
