"""HttpTransport against real sockets on loopback: requests, the meaning of answers, hostile servers."""

import gzip
import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from delivery.sending import (
    ENDLESS,
    EXECUTION_ID,
    HEAD_COMES,
    JOB_ID,
    LOCAL,
    deliver,
    delivery,
    error_type,
    response,
    stored_request,
)
from delivery.servers import (
    CHUNKED,
    GARBAGE,
    OK,
    Handler,
    Receiver,
    answer,
    dripping,
    endless,
    gzipped,
    huge_body,
    once,
)
from kronos.delivery.http import HttpTransport
from kronos.delivery.signing import signature, signer

# This module has its own loops: conftest.py runs each test on two kinds, and the session's loop belongs to all folders.
pytestmark = pytest.mark.asyncio(loop_scope="module")
NO_STATUS_LINE = "does not begin with an HTTP/1 status line"


async def test_delivery_carries_the_headers_of_the_contract_and_its_exact_body() -> None:
    async with Receiver(answer()) as receiver, HttpTransport(LOCAL) as transport:
        outcome = await transport.deliver(delivery(receiver.url, headers={"X-Team": "ops"}))
        (request,) = receiver.requests
    got = request.headers
    assert (outcome.status, outcome.error, request.line, request.body) == (
        "SUCCESS",
        None,
        "POST /hook HTTP/1.1",
        b'{"report":7}',
    )
    assert got["idempotency-key"] == got["webhook-id"] == got["kronos-execution-id"] == str(EXECUTION_ID)
    assert (got["kronos-job-id"], got["kronos-attempt"], got["kronos-scheduled-at"]) == (
        str(JOB_ID),
        "2",
        "2026-11-23T03:30:00Z",
    )
    assert re.fullmatch(rf"00-{EXECUTION_ID.hex}-[0-9a-f]{{16}}-01", got["traceparent"])
    assert abs(int(got["webhook-timestamp"]) - datetime.now(UTC).timestamp()) < 60
    assert got["user-agent"].startswith("kronos/")
    assert (got["content-type"], got["accept-encoding"], got["x-team"]) == ("application/json", "identity", "ops")
    assert "webhook-signature" not in got
    assert response(outcome) == {
        "status": 200,
        "headers": ["content-length"],
        "body": "ok",
        "truncated": False,
        "body_bytes": 2,
    }


async def test_authors_content_type_stands_and_a_get_has_no_body() -> None:
    async with Receiver(answer(), keep=True) as receiver, HttpTransport(LOCAL) as transport:
        await transport.deliver(delivery(receiver.url, headers={"content-type": "text/plain", "User-Agent": "acme"}))
        await transport.deliver(delivery(receiver.url, method="GET"))
        post, get = receiver.requests
    assert (post.headers["content-type"], post.headers["user-agent"]) == ("text/plain", "acme")
    assert get.body == b""
    assert {"content-length", "content-type"}.isdisjoint(get.headers)


async def test_signature_is_of_the_bytes_sent_with_every_key() -> None:
    keys = [signer("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), signer("whsec_" + "A" * 32)]
    async with Receiver(answer()) as receiver, HttpTransport(LOCAL) as transport:
        await transport.deliver(delivery(receiver.url), signing_keys=keys)
        (request,) = receiver.requests
    timestamp = int(request.headers["webhook-timestamp"])
    expected = signature(keys, message_id=str(EXECUTION_ID), timestamp=timestamp, body=request.body)
    assert request.headers["webhook-signature"] == expected
    assert len(expected.split()) == 2


async def test_stored_request_names_headers_but_holds_no_value_and_no_query_value() -> None:
    async with Receiver(answer()) as receiver, HttpTransport(LOCAL) as transport:
        outcome = await transport.deliver(
            delivery(receiver.url + "?token=canary-1&run=canary-2", headers={"Authorization": "Bearer canary-3"})
        )
    stored = stored_request(outcome)
    assert "canary" not in json.dumps(stored)
    assert stored["url"] == receiver.url + "?token=***&run=***"
    assert "authorization" in stored["headers"]
    assert stored["body_bytes"] == 12


@pytest.mark.parametrize(
    ("status", "expected", "result", "code", "retryable"),
    [
        ("201 Created", (), "SUCCESS", None, False),
        ("204 No Content", (204,), "SUCCESS", None, False),
        ("404 Not Found", (404,), "SUCCESS", None, False),
        ("302 Found", (302,), "SUCCESS", None, False),
        ("200 OK", (202,), "FAILED", "http_status", False),
        ("301 Moved", (), "FAILED", "redirect", False),
        ("400 Bad", (), "FAILED", "http_status", False),
        ("404 Not Found", (), "FAILED", "http_status", False),
        ("410 Gone", (), "FAILED", "http_status", False),
        ("408 Timeout", (), "FAILED", "http_status", True),
        ("425 Early", (), "FAILED", "http_status", True),
        ("429 Slow down", (), "FAILED", "http_status", True),
        ("500 Oops", (), "FAILED", "http_status", True),
        ("503 Busy", (), "FAILED", "http_status", True),
        ("999 Odd", (), "FAILED", "http_status", True),
    ],
)
async def test_status_line_decides(
    status: str, expected: tuple[int, ...], result: str, code: str | None, retryable: bool
) -> None:
    body = b"" if status.startswith("204") else b"x"
    outcome = await deliver(answer(body, status=status), expected_status_codes=expected)
    assert (outcome.status, error_type(outcome), outcome.retryable) == (result, code, retryable)


async def test_retry_after_of_an_answer_is_passed_on() -> None:
    outcome = await deliver(answer(status="503 Busy", headers="Retry-After: 7\r\n"))
    assert outcome.retry_after == timedelta(seconds=7)
    outcome = await deliver(answer(status="400 Bad", headers="Retry-After: 7\r\n"))
    assert (outcome.retryable, outcome.status_code) == (False, 400)  # unless the endpoint's policy retries it
    assert outcome.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize(
    ("handle", "body_bytes"),
    [
        pytest.param(endless(CHUNKED, b"10000\r\n" + b"x" * 65536 + b"\r\n"), 65536, id="endless_chunks"),
        pytest.param(huge_body(50_000_000), 65536, id="50_MB"),
        pytest.param(once(OK + b"Content-Length: 100000\r\n\r\nabc"), 3, id="cut_body"),
        pytest.param(once(CHUNKED + b"5\r\nab"), 2, id="cut_chunk"),
    ],
)
async def test_accepted_delivery_with_a_cut_body_is_success_and_says_so(handle: Handler, body_bytes: int) -> None:
    outcome = await deliver(handle)
    assert (outcome.status, response(outcome)["truncated"]) == ("SUCCESS", True)
    assert response(outcome)["body_bytes"] == body_bytes
    assert len(response(outcome)["body"]) == min(body_bytes, 4096)


async def test_slow_body_of_an_accepted_delivery_ends_with_the_timeout_as_a_success() -> None:
    outcome = await deliver(dripping(OK + b"Content-Length: 100000\r\n\r\n", b"x"), timeout=HEAD_COMES)
    assert (outcome.status, response(outcome)["truncated"]) == ("SUCCESS", True)
    assert 0.95 * HEAD_COMES <= outcome.duration < ENDLESS


async def test_slow_body_of_a_refused_delivery_is_judged_by_its_status() -> None:
    slow = dripping(b"HTTP/1.1 500 Oops\r\nContent-Length: 100000\r\n\r\n", b"x")
    outcome = await deliver(slow, timeout=HEAD_COMES)
    assert (outcome.status, error_type(outcome), outcome.retryable) == ("FAILED", "http_status", True)


@pytest.mark.parametrize(
    ("handle", "reason"),
    [
        pytest.param(once(GARBAGE, then_wait=True), NO_STATUS_LINE, id="garbage"),
        pytest.param(
            endless(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 1000),
            "more than 16 interim responses",
            id="endless_interim_answers",
        ),
        pytest.param(
            endless(OK, b"".join(b"X-%d: aaaaaaaa\r\n" % n for n in range(1000))),
            "more than 256 KiB",
            id="header_flood",
        ),
        pytest.param(endless(OK + b"X-A: ", b"a" * 65536), "more than 256 KiB", id="endless_header"),
        pytest.param(once(OK + b"X: a\r\n" * 1001 + b"\r\n"), "more than 1,000 headers", id="1001_headers"),
        pytest.param(once(b"HTTP/1.1 20 OK\r\n\r\n"), NO_STATUS_LINE, id="short_status"),
        pytest.param(once(b"ICY 200 OK\r\n\r\n"), NO_STATUS_LINE, id="other_protocol"),
    ],
)
async def test_answer_that_cannot_be_read_is_a_bad_response_and_says_why(handle: Handler, reason: str) -> None:
    outcome = await deliver(handle)
    assert (outcome.status, error_type(outcome), outcome.retryable) == ("FAILED", "bad_response", True)
    assert reason in str(outcome.error)
    assert outcome.duration < ENDLESS


async def test_gzip_bomb_is_not_inflated() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000, 9)
    outcome = await deliver(gzipped(bomb))
    assert (outcome.status, response(outcome)["content_encoding"], response(outcome)["body"]) == ("SUCCESS", "gzip", "")
    assert response(outcome)["body_bytes"] == len(bomb) < 65536


@pytest.mark.parametrize(
    ("body", "stored"),
    [
        (b"a\x00b", "a\ufffdb"),
        (b"\xff\xfe ok", "\ufffd\ufffd ok"),
        (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),
        ("héllo".encode(), "héllo"),
    ],
)
async def test_unstorable_bytes_of_an_answer_are_replaced(body: bytes, stored: str) -> None:
    outcome = await deliver(answer(body))
    assert (outcome.status, response(outcome)["body"]) == ("SUCCESS", stored)


@pytest.mark.parametrize("body", [b"\xff" * 70_000, b"\x00" * 70_000, "€".encode() * 30_000])
async def test_stored_body_has_at_most_4_kib_of_utf8(body: bytes) -> None:
    outcome = await deliver(answer(body))
    assert len(response(outcome)["body"].encode()) <= 4096
    assert response(outcome)["truncated"]
