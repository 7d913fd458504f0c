"""What a call of the client is, before it is sent: its path, its query, its headers and its body."""

import json
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest

from kronos.client import ConfigurationError
from kronos.client._core.calls import AUTO, all_keyed, path_of, read, with_key, with_keys, write
from kronos.client._core.options import Options, base_url, key_source, patient

ID = UUID("0193d5b0-0000-7000-8000-000000000000")


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        (("v1", "workspaces", "acme"), "/v1/workspaces/acme"),
        (("v1", "jobs", ID, "retry"), f"/v1/jobs/{ID}/retry"),
        (("a%2Fb", "c d", "é", "x:y"), "/a%252Fb/c%20d/%C3%A9/x:y"),
        (("...", "?", "#"), "/.../%3F/%23"),
    ],
)
def test_each_part_of_a_path_stays_one_part(parts: tuple[object, ...], path: str) -> None:
    assert path_of(*parts) == path


@pytest.mark.parametrize("part", ["", ".", "..", "j/status", "\ud800"])
def test_a_part_that_would_lead_elsewhere_is_refused(part: str) -> None:
    with pytest.raises(ConfigurationError):
        path_of("v1", part, "jobs")


def test_a_read_sends_what_was_given_and_may_be_repeated() -> None:
    call = read(
        "/jobs",
        {
            "limit": 5,
            "is_live": True,
            "is_cut": False,
            "tags": ["a", "b"],
            "after": datetime(2026, 11, 1, tzinfo=UTC),
            "day": date(2026, 11, 2),
            "job": ID,
            "cursor": None,
            "none": (),
        },
    )
    assert call.query == {
        "limit": "5",
        "is_live": "true",
        "is_cut": "false",
        "tags": "a,b",
        "after": "2026-11-01T00:00:00+00:00",
        "day": "2026-11-02",
        "job": str(ID),
        "none": "",
    }
    assert (call.method, call.content, call.may_repeat, call.headers) == ("GET", None, True, {})


def test_more_of_a_query_replaces_the_same_parameters_and_nothing_else() -> None:
    call = write("PUT", "/x", body={"a": 1}, query={"limit": 1, "q": "x"}, repeat="always")
    more = call.with_query({"limit": "2", "cursor": "c"})
    assert more.query == {"limit": "2", "q": "x", "cursor": "c"}
    assert (more.method, more.path, more.headers, more.content, more.may_repeat) == (
        "PUT",
        "/x",
        call.headers,
        b'{"a": 1}',
        True,
    )


def headers_of(**given: Any) -> dict[str, str]:
    return dict(write("DELETE", "/x", **given).headers)


def test_conditions_are_headers() -> None:
    assert headers_of() == {}
    assert headers_of(if_match=3) == {"If-Match": '"3"'}
    assert headers_of(if_match='W/"3"') == {"If-Match": 'W/"3"'}
    assert headers_of(only_new=True) == {"If-None-Match": "*"}
    assert headers_of(idempotency_key="order 1") == {"Idempotency-Key": "order 1"}


def test_a_key_that_is_left_to_the_client_is_another_for_each_call() -> None:
    keys = {UUID(headers_of(idempotency_key=AUTO)["Idempotency-Key"]) for _ in range(2)}
    assert len(keys) == 2


@pytest.mark.parametrize("text", ["\u00e9", "a\nb", "\x7f"])
@pytest.mark.parametrize("name", ["idempotency_key", "if_match"])
def test_what_a_header_cannot_contain_is_refused_without_it(name: str, text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        headers_of(**{name: text})
    assert "may contain only printable ASCII" in str(caught.value)
    assert text not in str(caught.value)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_what_writes_has_a_body_even_an_empty_one(method: str) -> None:
    call = write(method, "/x")
    assert (call.content, call.headers) == (b"{}", {"Content-Type": "application/json"})


def test_a_deletion_has_a_body_only_where_one_is_given() -> None:
    assert write("DELETE", "/x").content is None
    assert write("DELETE", "/x", body={"confirm": "acme"}).content == b'{"confirm": "acme"}'


def test_a_body_is_json_of_what_python_has() -> None:
    body = {
        "from_": "a",
        "starts_at": datetime(2026, 11, 1, tzinfo=UTC),
        "days": [date(2026, 11, 2)],
        "job_id": ID,
        "spec": MappingProxyType({"url": "http://x", "n": None}),
    }
    assert json.loads(write("POST", "/x", body=body).content or b"") == {
        "from": "a",
        "starts_at": "2026-11-01T00:00:00+00:00",
        "days": ["2026-11-02"],
        "job_id": str(ID),
        "spec": {"url": "http://x", "n": None},
    }


def test_a_body_that_json_cannot_hold_is_refused() -> None:
    round_about: dict[str, object] = {}
    round_about["self"] = round_about
    for value in (float("nan"), float("inf"), round_about):
        with pytest.raises(ConfigurationError, match="NaN, an infinity or itself"):
            write("POST", "/x", body={"input": value})
    with pytest.raises(TypeError, match="a set has no JSON form"):
        write("POST", "/x", body={"input": {1}})


@pytest.mark.parametrize(
    ("repeat", "given", "may"),
    [
        ("always", {}, True),
        ("never", {"idempotency_key": "k"}, False),
        ("keyed", {}, False),
        ("keyed", {"idempotency_key": "k"}, True),
        ("keyed", {"idempotency_key": AUTO}, True),
        ("keyed", {"body": {"idempotency_key": "k"}}, True),
        ("keyed", {"body": {"idempotency_key": None}}, False),
    ],
)
def test_what_may_have_been_done_is_repeated_only_if_that_is_safe(
    repeat: Any, given: dict[str, Any], may: bool
) -> None:
    assert write("POST", "/x", repeat=repeat, **given).may_repeat is may


def test_a_key_is_generated_for_each_body_that_has_none() -> None:
    own, none = {"idempotency_key": "k"}, {"idempotency_key": None}
    assert with_key(own) == own
    assert with_key(none) == none
    first, second, third = with_keys([{"a": 1}, {"idempotency_key": AUTO}, own])
    assert first["a"] == 1
    assert third == own
    assert len({UUID(each["idempotency_key"]) for each in (first, second)}) == 2
    assert all_keyed([{"a": 1}, {"idempotency_key": AUTO}, own])
    assert not all_keyed([{"a": 1}, none])


def test_a_call_shows_neither_its_body_nor_its_headers() -> None:
    call = write("POST", "/x", body={"value": "correct horse"}, query={"q": "private"}, idempotency_key="order-7")
    assert repr(call) == "Call(method='POST', path='/x', may_repeat=False)"
    assert call.name == "POST /x"


def options(name: str, value: float) -> dict[str, Any]:
    return {name: value}


@pytest.mark.parametrize("name", ["connect_timeout", "timeout", "deadline", "tries", "first_pause", "max_pause"])
def test_an_option_is_more_than_nothing(name: str) -> None:
    for value in (0, -1, float("nan")):
        with pytest.raises(ConfigurationError, match=f"{name} is {value!r}: it must be greater than 0"):
            Options(**options(name, value))
    assert getattr(Options(**options(name, 0.5)), name) == 0.5


def test_a_long_operation_is_repeated_until_its_deadline_unless_nothing_is() -> None:
    assert patient(Options(tries=2, deadline=7)).tries >= 1_000_000
    assert patient(Options(tries=2, deadline=7)).deadline == 7
    assert patient(Options(tries=1)) == Options(tries=1)


def test_an_address_comes_from_the_caller_or_else_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KRONOS_URL", raising=False)
    with pytest.raises(ConfigurationError, match="pass url=, or set KRONOS_URL"):
        base_url(None)
    monkeypatch.setenv("KRONOS_URL", "https://kronos.example.com/base/")
    assert base_url(None) == "https://kronos.example.com/base"
    assert base_url(" http://127.0.0.1:8080// ") == "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    "url", ["http://ada@x", "http://:secret@x", "http://x/?key=secret", "http://x/#secret", "http://ada:secret@x"]
)
def test_an_address_with_more_in_it_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError, match="contains other parts") as caught:
        base_url(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["kronos.example.com", "ftp://x", "http://", "http://x:0", "http:///v1"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="is not an http:// or https:// URL"):
        base_url(url)


def test_a_key_is_asked_for_each_request(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRONOS_API_KEY", "kr_of_environment")
    assert key_source(None, None)() == "kr_of_environment"
    assert key_source("kr_given", None)() == "kr_given"
    keys = iter(["kr_first\n", " kr_second"])
    source = key_source(lambda: next(keys), None)
    assert [source(), source()] == ["kr_first", "kr_second"]
    file = tmp_path / "key"
    of_file = key_source(None, str(file))
    for text in ("kr_old\n", "kr_new\n"):
        file.write_text(text)
        assert of_file() == text.strip()


def test_what_is_no_key_is_refused_without_showing_it(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KRONOS_API_KEY", raising=False)
    with pytest.raises(ConfigurationError, match="pass key= or key_file=, or set KRONOS_API_KEY"):
        key_source(None, None)
    with pytest.raises(ConfigurationError, match="omit one of them"):
        key_source("k", tmp_path / "key")
    for text in ("correct horse", "corr\u00e9ct", "correct\x00horse", " "):
        with pytest.raises(ConfigurationError, match="the key is empty, or contains characters that no key has") as it:
            key_source(text, None)
        assert "corr" not in str(it.value)
    with pytest.raises(ConfigurationError, match="cannot be read: FileNotFoundError"):
        key_source(None, tmp_path / "key")()
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="cannot be read: UnicodeDecodeError"):
        key_source(None, tmp_path / "bytes")()
