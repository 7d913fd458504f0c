"""Where ready templates end: what is longer, deeper or odder is left to template.py, and nothing else is."""

from typing import Any

import pytest

from kronos.delivery.egress import MAX_URL_CHARACTERS, EgressPolicy, check_url
from kronos.delivery.envelope import METHODS
from kronos.delivery.headers import MAX_HEADER_BYTES
from kronos.delivery.ready import ReadyBody, ReadyHead
from kronos.delivery.refused import Refused
from kronos.delivery.template import render_body

_POLICY = EgressPolicy()
_URL = "https://a.example/{{input.v}}"


def _head(url: str = _URL, headers: dict[str, str] | None = None, method: str = "POST") -> ReadyHead:
    return ReadyHead(method, url, headers or {}, lambda text: check_url(text, _POLICY))


def _nested(levels: int) -> Any:
    value: Any = 1
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


def test_a_url_is_filled_up_to_the_longest_that_is_sent() -> None:
    head = _head()
    fits = MAX_URL_CHARACTERS - len("https://a.example/")
    made = head.fill({"input": {"v": "x" * fits}})
    assert made is not None
    assert made.head.startswith(f"POST /{'x' * fits} HTTP/1.1\r\nHost: a.example\r\n")
    assert head.fill({"input": {"v": "x" * (fits + 1)}}) is None
    assert head.fill({"input": {"v": "é" * (fits // 6)}}) is not None
    assert head.fill({"input": {"v": "é" * (fits // 6 + 1)}}) is None, "its escapes count"


def test_headers_are_filled_up_to_the_largest_that_are_sent() -> None:
    head = _head("https://a.example/", {"A": "{{input.v}}", "B": "b"})
    fits = MAX_HEADER_BYTES - len("A: \r\nB: b\r\n")
    made = head.fill({"input": {"v": "x" * fits}})
    assert made is not None
    assert f"\r\nA: {'x' * fits}\r\nB: b\r\n" in made.head
    assert head.fill({"input": {"v": "x" * (fits + 1)}}) is None


@pytest.mark.parametrize("method", ["get", "HEAD", "BREW", "", "POST /x HTTP/1.1\r\nA: b\r\n"])
def test_a_method_that_is_none_is_left_to_what_names_the_fault(method: str) -> None:
    with pytest.raises(Refused):
        _head(method=method)


@pytest.mark.parametrize("method", METHODS)
def test_each_method_begins_its_request(method: str) -> None:
    made = _head(method=method).fill({"input": {"v": "x"}})
    assert made is not None
    assert made.head.startswith(f"{method} /x HTTP/1.1\r\n")
    assert made.has_body is (method != "GET")
    assert made.request("I: 1\r\n", b"{}").endswith(b"\r\n\r\n{}" if method != "GET" else b"I: 1\r\n\r\n")


@pytest.mark.parametrize(
    "url", ["{{input.v}}", "{{input.v}}/a", "https:{{input.v}}", "https://a.example", "https://a.example{{input.v}}",
            "https://{{input.v}}/", "https://a.example/é", "https://a.example/%{{input.v}}",
            "https://a.example/%2{{input.v}}", "https://a.example/{{input.v}}%", "/a", ""],
)  # fmt: skip
def test_a_url_that_each_delivery_must_check_is_not_made_ready(url: str) -> None:
    with pytest.raises(Refused):
        _head(url)


@pytest.mark.parametrize(
    ("url", "target", "shown"),
    [
        ("https://a.example/x", "/x", '"https://a.example/x"'),
        ("https://a.example?x=1", "/?x=1", '"https://a.example?x=***"'),
        ("https://a.example/?x={{input.v}}", "/?x=7", '"https://a.example/?x=***"'),
        ("https://a.example?{{input.v}}", "/?7", '"https://a.example?***"'),
        ("https://a.example/{{input.v}}/{{input.v}}", "/7/7", '"https://a.example/7/7"'),
        ("https://a.example/%25/{{input.v}}", "/%25/7", '"https://a.example/%25/7"'),
        ("https://a.example:8443/{{input.v}}?", "/7?", '"https://a.example:8443/7?***"'),
    ],
)
def test_a_request_is_stored_with_the_url_and_without_the_values_of_its_query(
    url: str, target: str, shown: str
) -> None:
    made = _head(url).fill({"input": {"v": 7}})
    assert made is not None
    assert made.head.startswith(f"POST {target} HTTP/1.1\r\n")
    assert f'"url":{shown},' in made.described(has_body=True, is_signed=False)


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"a": inner}], ids=["lists", "objects"])
@pytest.mark.parametrize("around", [0, 1, 2, 5, 20])
def test_a_value_is_filled_as_deep_as_the_body_may_be(around: int, wrap: Any) -> None:
    """254 levels in all, wherever the value stands; deeper ones are cut by what renders them."""
    template: Any = "{{input.v}}"
    for _ in range(around):
        template = wrap(template)
    body = ReadyBody(template)
    deepest, deeper = ({"input": {"v": _nested(levels - around)}} for levels in (254, 255))
    assert body.fill(deepest) == render_body(template, deepest)
    assert body.fill(deeper) is None
    assert b"(nested too deep)" in render_body(template, deeper)


@pytest.mark.parametrize(
    ("template", "sent"),
    [
        ("{{input.a.b}}", b"null"),
        ("{{input.a.b | default: 3}}", b"3"),
        ("{{input.a.b | default: null}}", b"null"),
        ("{{input.a.n | default: 3}}", b"7"),
        ("{{input.a.c.d}}", b'"deep"'),
        ("{{input}}", b'{"a":{"b":null,"n":7,"c":{"d":"deep"}},"l":[5],"t":"text"}'),
        ("x{{input.a.b}}", b'"xnull"'),
        ("{{input.l.0}}", None),
        ("{{input.t.x}}", None),
        ("{{input.a.none}}", None),
        ("{{input.a.none | default: 3}}", None),
        ("{{scheduled_at}}", b'"utc"'),
        ("{{scheduled_at | local}}", b'"local"'),
        (["{{scheduled_at | local}}", "{{scheduled_at}}"], b'["local","utc"]'),
        ({"k": 1, "l": [], "m": {}}, b'{"k":1,"l":[],"m":{}}'),
        ([1, "a", None, True, [[]], [{}]], b'[1,"a",null,true,[[]],[{}]]'),
    ],
)
def test_a_value_is_found_by_its_path_or_left_to_what_looks_further(template: Any, sent: bytes | None) -> None:
    context: dict[str, Any] = {
        "input": {"a": {"b": None, "n": 7, "c": {"d": "deep"}}, "l": [5], "t": "text"},
        "scheduled_at": "utc",
        "scheduled_local": "local",
    }
    assert ReadyBody(template).fill(context) == sent


def test_only_config_is_filled_in_beforehand() -> None:
    template = ["{{config.v}}", "{{input.v}}", "{{secret.v}}"]
    body = ReadyBody(template, {"v": "of the version"})
    assert body.fill({"input": {"v": 1}, "secret": {"v": 2}}) == b'["of the version",1,2]'
    assert body.fill({"input": {"v": 3}, "secret": {"v": 4}}) == b'["of the version",3,4]'
