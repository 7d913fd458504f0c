"""The receiver's status line decides, once, whatever follows it; and the URL is sent exactly as written."""

import socket
from datetime import timedelta

import pytest

from delivery.sending import LOCAL, deliver, delivery, response, stored_request
from delivery.servers import CHUNKED, OK, Handler, Receiver, answer, dripping, endless, once
from kronos.delivery.http import HttpTransport

# This module has its own loops: conftest.py runs each test on two kinds, and the session's loop belongs to all folders.
pytestmark = pytest.mark.asyncio(loop_scope="module")

HEAD_COMES = timedelta(seconds=1)  # a timeout within which the machine, however busy, connects and exchanges heads
ENDLESS = timedelta(seconds=9)  # no test waits this long unless it hangs: timeouts are 10 s at most


@pytest.mark.parametrize(
    ("handle", "is_cut"),
    [
        pytest.param(once(b"HTTP/1.1 204 No\r\n\r\nhello"), False, id="body_of_a_204"),
        pytest.param(once(OK + b"Content-Length: 2\r\n\r\nokEXTRA"), False, id="stray_bytes"),
        pytest.param(once(OK + b"Content-Length: 0\r\n\r\nbody"), False, id="body_of_no_bytes"),
        pytest.param(once(OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok"), False, id="one_length_twice"),
        pytest.param(once(OK + b"Content-Length: 2, 2\r\n\r\nok"), False, id="one_length_twice_in_one_header"),
        pytest.param(once(OK + b"Content-Length: 2\r\nContent-Length: 5\r\n\r\nokxxx"), True, id="two_lengths"),
        pytest.param(once(OK + b"Content-Length: x\r\n\r\n"), False, id="length_that_is_none"),
        pytest.param(
            once(OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"), False, id="both"
        ),
        pytest.param(once(CHUNKED + b"ffffffffffffffffffff\r\nabc"), True, id="overflowing_chunk_size"),
        pytest.param(once(CHUNKED + b"zz\r\n"), True, id="chunk_size_that_is_none"),
        pytest.param(endless(CHUNKED, b"1\r\nx\r\n" * 1000), True, id="endless_small_chunks"),
        pytest.param(endless(CHUNKED + b"2\r\nok\r\n0\r\n", b"X-T: aaaa\r\n" * 1000), True, id="endless_trailers"),
        pytest.param(endless(CHUNKED, b"1;" + b"e" * 1000), True, id="endless_chunk_extension"),
        pytest.param(
            once(OK + b"Content-Security-Policy: " + b"a" * 8200 + b"\r\nContent-Length: 2\r\n\r\nok"),
            False,
            id="long_header",
        ),
        pytest.param(
            once(OK + b"X: " + b"a" * 200_000 + b"\r\nContent-Length: 2\r\n\r\nok"), False, id="very_long_header"
        ),
        pytest.param(once(OK + b"".join(b"X-%d: a\r\n" % n for n in range(900)) + b"\r\n"), False, id="900_headers"),
        pytest.param(
            once(OK + b"X Y: a\r\nno header at all\r\nContent-Length: 2\r\n\r\nok"), False, id="odd_header_lines"
        ),
        pytest.param(once(OK + b"X-A: b"), True, id="end_within_the_headers"),
        pytest.param(once(b"HTTP/1.0 200\r\n\r\nok"), False, id="http_1_0_without_a_reason"),
        pytest.param(once(b"HTTP/1.1 200 O\rK\x00\xff\r\nContent-Length: 2\r\n\r\nok"), False, id="odd_reason"),
        pytest.param(
            once(b"HTTP/1.1 103 E\r\n\r\n" * 16 + OK + b"Content-Length: 2\r\n\r\nok"), False, id="16_interim_answers"
        ),
    ],
)
async def test_status_line_that_was_read_decides_whatever_follows(
    handle: Handler, is_cut: bool, sockets: list[socket.socket]
) -> None:
    outcome = await deliver(handle)
    assert (outcome.status, outcome.error, response(outcome)["truncated"]) == ("SUCCESS", None, is_cut)
    assert outcome.duration < ENDLESS
    assert [opened.fileno() for opened in sockets] == [-1]


async def test_a_304_that_is_expected_may_have_a_body_too() -> None:
    outcome = await deliver(once(b"HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\nhello"), expected_status_codes=(304,))
    assert (outcome.status, response(outcome)["status"]) == ("SUCCESS", 304)


async def test_headers_that_drip_behind_an_accepting_status_line_end_with_the_timeout_as_a_success() -> None:
    outcome = await deliver(dripping(OK, b"X"), timeout=HEAD_COMES)
    assert (outcome.status, response(outcome)["status"], response(outcome)["truncated"]) == ("SUCCESS", 200, True)


@pytest.mark.parametrize(
    "target",
    [
        "/o?X-Sig=a%2Fb%3D&f=%7E%40",
        "/p/a%40b%28c%29",
        "/a//b/../c",
        "/x/..;/y",
        "/a/./b/%2e%2e/c",
        "?q=1",
        "/~user/(x)/[y]?a[]=1&b={c}|d",
        "/%zz",
    ],
)
async def test_url_goes_out_as_its_author_wrote_it_and_is_shown_so(target: str) -> None:
    async with Receiver(answer()) as receiver, HttpTransport(LOCAL) as transport:
        url = receiver.url.removesuffix("/hook") + target
        outcome = await transport.deliver(delivery(url))
        (request,) = receiver.requests
    sent = target if target.startswith("/") else f"/{target}"
    assert (outcome.status, request.line, request.headers["host"]) == (
        "SUCCESS",
        f"POST {sent} HTTP/1.1",
        f"127.0.0.1:{receiver.port}",
    )
    assert str(stored_request(outcome)["url"]).partition("?")[0] == url.partition("?")[0]


async def test_letters_beyond_ascii_are_sent_as_escaped_utf_8() -> None:
    async with Receiver(answer()) as receiver, HttpTransport(LOCAL) as transport:
        outcome = await transport.deliver(delivery(receiver.url + "/ü/%C3%BC?q=日"))
        (request,) = receiver.requests
    assert request.line == "POST /hook/%C3%BC/%C3%BC?q=%E6%97%A5 HTTP/1.1"
    assert stored_request(outcome)["url"] == f"{receiver.url}/%C3%BC/%C3%BC?q=***", "as it was sent"


async def test_digits_of_other_scripts_are_shown_as_the_host_that_they_lead_to() -> None:
    async with Receiver(answer()) as receiver, HttpTransport(LOCAL) as transport:
        outcome = await transport.deliver(delivery(receiver.url.replace("127.0.0.1", "①②⑦。0.0.1")))
        (request,) = receiver.requests
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert stored_request(outcome)["url"] == receiver.url
