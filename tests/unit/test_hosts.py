"""Requests that are refused before the application reads them: no proxy may take one for another host's."""

import pytest

from kronos.api import refusals


@pytest.mark.parametrize(
    "host",
    [
        b"kronos.example",
        b"kronos.example:8080",
        b"KRONOS",
        b"127.0.0.1:80",
        b"[::1]",
        b"[::1]:8080",
        b"[::FFFF:1.2.3.4]",
        b"",
        b":80",
        b"a-b_c~d.e",
        b"%6b",
        b"kronos.example:",
    ],
)
def test_a_host_and_a_port_are_one(host: bytes) -> None:
    assert refusals.host_fault("1.1", [(b"host", host)]) is None


@pytest.mark.parametrize(
    "host",
    [
        b"a b",
        b"a/b",
        b"a@b",
        b"a:b",
        b"a:80:80",
        b"::1",
        b"[::1",
        b"[::1]x",
        b"[zz]",
        b"a?b",
        b"a#b",
        b"\xff",
        b"%6",
        b"%zz",
        b"a\r\nb",
        b"a:8 0",
        b" a",
        b"a\n",
    ],
)
def test_an_invalid_host_is_quoted_and_cut(host: bytes) -> None:
    fault = refusals.host_fault("1.1", [(b"host", host)])
    assert fault is not None
    assert fault.startswith("the Host header is not a host and port: ")
    long = refusals.host_fault("1.1", [(b"host", b"a b" * 999)])
    assert long is not None
    assert len(long) < 140


def test_a_request_has_one_host_and_one_of_http_1_0_may_have_none() -> None:
    assert refusals.host_fault("1.1", [(b"accept", b"*/*")]) == (
        "the request has no Host header, which HTTP/1.1 requires"
    )
    assert refusals.host_fault("1.0", [(b"accept", b"*/*")]) is None
    twice = [(b"host", b"a"), (b"accept", b"*/*"), (b"host", b"a")]
    for version in ("1.0", "1.1"):
        assert refusals.host_fault(version, twice) == "the request has 2 Host headers: send one"


def test_a_refusal_says_what_was_too_much() -> None:
    assert refusals.headers_too_large(100, 65_536, is_count=True).detail == "the request has more than 100 headers"
    told = refusals.headers_too_large(100, 65_536, is_count=False)
    assert (told.status, told.detail) == (431, "the request's headers have more than 65536 bytes")
    assert (refusals.url_too_long(8000).status, refusals.too_many_chunks(9).status) == (414, 413)
    assert (
        refusals.too_slow(2.5).detail == "the request's line and headers did not arrive within 2.5 s; nothing was done"
    )
    assert refusals.overloaded("no room").headers == {"Retry-After": "2"}
    assert refusals.malformed().code == "invalid_request"
