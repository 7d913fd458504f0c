"""HttpTransport against real sockets on loopback: what is sent, what answers mean, hostile servers."""

import asyncio
import gzip
import json
import re
import socket
from datetime import UTC, datetime, timedelta

import aiohappyeyeballs
import pytest

from delivery.sending import EXECUTION_ID, JOB_ID, LOCAL, deliver, delivery, error_type, response
from delivery.servers import (
    CHUNKED,
    GARBAGE,
    OK,
    BlockingReceiver,
    Handler,
    Names,
    Receiver,
    Talk,
    answer,
    closing,
    dripping,
    endless,
    gzipped,
    huge_body,
    once,
    silent,
)
from kronos.delivery.connection import Connection
from kronos.delivery.connections import Origin
from kronos.delivery.http import HttpTransport
from kronos.delivery.signing import signature, signing_key

# Loops of this module's own: conftest.py runs each test on two kinds, and the session's loop belongs to all folders.
pytestmark = pytest.mark.asyncio(loop_scope="module")

HEAD_COMES = timedelta(seconds=1)  # a timeout within which the machine, however busy, connects and exchanges heads
ENDLESS = timedelta(seconds=9)  # no test waits so long, unless for ever: timeouts are 10 s at most
NO_STATUS_LINE = "does not begin with a status line of HTTP/1"


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
    keys = [signing_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), signing_key("whsec_" + "A" * 32)]
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
    assert isinstance(outcome.request, dict)
    assert "canary" not in json.dumps(outcome.request)
    assert outcome.request["url"] == receiver.url + "?token=***&run=***"
    assert "authorization" in outcome.request["headers"]
    assert outcome.request["body_bytes"] == 12


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
async def test_status_line_decides(status: str, expected: tuple[int, ...], result: str, code: str | None, retryable: bool) -> None:
    body = b"" if status.startswith("204") else b"x"
    outcome = await deliver(answer(body, status=status), expected_status_codes=expected)
    assert (outcome.status, error_type(outcome), outcome.retryable) == (result, code, retryable)


async def test_retry_after_of_an_answer_is_told() -> None:
    outcome = await deliver(answer(status="503 Busy", headers="Retry-After: 7\r\n"))
    assert outcome.retry_after == timedelta(seconds=7)
    outcome = await deliver(answer(status="400 Bad", headers="Retry-After: 7\r\n"))
    assert outcome.retry_after is None


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
            "more than 16 interim answers",
            id="endless_interim_answers",
        ),
        pytest.param(endless(OK, b"".join(b"X-%d: aaaaaaaa\r\n" % n for n in range(1000))), "more than 256 KiB", id="header_flood"),
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


@pytest.mark.parametrize(
    "handle",
    [
        pytest.param(silent, id="silence"),
        pytest.param(dripping(b"HTTP/1.1 200 O", b"k"), id="slow_status_line"),
        pytest.param(once(b"HTTP/1.1 100 Continue\r\n\r\n", then_wait=True), id="interim_answer_only"),
    ],
)
async def test_answer_that_does_not_come_in_time_is_timed_out_with_the_socket_closed(handle: Handler, sockets: list[socket.socket]) -> None:
    outcome = await deliver(handle, timeout=timedelta(seconds=0.2))
    assert (outcome.status, error_type(outcome), outcome.retryable) == ("TIMED_OUT", "timeout", True)
    assert timedelta(seconds=0.19) <= outcome.duration < ENDLESS
    assert [opened.fileno() for opened in sockets] == [-1]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_socket_is_closed_when_the_outcome_is_there(method: str, sockets: list[socket.socket]) -> None:
    async with Receiver(silent) as receiver, HttpTransport(LOCAL) as transport:
        await transport.deliver(delivery(receiver.url, method=method, timeout=timedelta(seconds=0.1)))
        assert [opened.fileno() for opened in sockets] == [-1]


@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "tls"])
async def test_a_socket_that_the_loop_does_not_take_is_closed_and_not_left_to_its_finaliser(
    is_tls: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both loops refuse a datagram socket before they take it over."""
    refused = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    async def connected(*_: object, **__: object) -> socket.socket:
        return refused

    monkeypatch.setattr(aiohappyeyeballs, "start_connection", connected)
    async with HttpTransport(LOCAL) as transport:
        with pytest.raises(ValueError, match=r"[Ss]ock"):
            await transport._connections.open(Origin(is_tls=is_tls, host="127.0.0.1", port=9))
    assert refused.fileno() == -1


@pytest.mark.parametrize("body_bytes", [2**20, 60_000])
async def test_body_that_is_never_read_holds_no_socket(body_bytes: int, sockets: list[socket.socket]) -> None:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    with listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        async with HttpTransport(LOCAL) as transport:
            outcome = await transport.deliver(delivery(url, body=b"x" * body_bytes, timeout=HEAD_COMES))
            assert [opened.fileno() for opened in sockets] == [-1]
    assert (outcome.status, outcome.error) == (
        "TIMED_OUT",
        {"type": "timeout", "message": "the endpoint did not read the request within 1 s"},
    )


async def test_answer_before_the_body_is_read_counts_and_holds_no_socket(sockets: list[socket.socket]) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # both loops' transports have it
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await asked_to_end.wait()
        writer.transport.abort()

    asked_to_end = asyncio.Event()
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    listening.bind(("127.0.0.1", 0))
    server = await asyncio.start_server(refuse, sock=listening, limit=4096)
    async with server, HttpTransport(LOCAL) as transport:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        try:
            outcome = await transport.deliver(delivery(url, body=b"x" * 2**20))
            assert [opened.fileno() for opened in sockets] == [-1]
        finally:
            asked_to_end.set()
    assert (outcome.status, response(outcome)["status"], outcome.retryable) == ("FAILED", 413, False)


async def test_upgraded_connection_is_not_kept(sockets: list[socket.socket]) -> None:
    switching = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    async with Receiver(once(switching, then_wait=True)) as receiver, HttpTransport(LOCAL) as transport:
        outcome = await transport.deliver(delivery(receiver.url))
        assert [opened.fileno() for opened in sockets] == [-1]
    assert (outcome.status, error_type(outcome), response(outcome)["status"]) == ("FAILED", "http_status", 101)


async def test_name_server_that_never_answers_is_timed_out() -> None:
    class Stuck(Names):
        async def resolve(self, host: str) -> list[str]:
            await asyncio.Event().wait()
            return []

    async with HttpTransport(LOCAL, resolver=Stuck({})) as transport:
        outcome = await transport.deliver(delivery("http://stuck.test/", timeout=timedelta(seconds=0.1)))
    assert (outcome.status, outcome.error) == (
        "TIMED_OUT",
        {"type": "timeout", "message": "no connection to the endpoint within 0.1 s"},
    )


async def test_cancelled_delivery_closes_its_socket_and_stays_cancelled(sockets: list[socket.socket]) -> None:
    arrived = asyncio.Event()

    async def never(talk: Talk) -> None:
        arrived.set()
        await talk.is_gone()

    async with Receiver(never) as receiver, HttpTransport(LOCAL) as transport:
        task = asyncio.create_task(transport.deliver(delivery(receiver.url)))
        await asyncio.wait_for(arrived.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [opened.fileno() for opened in sockets] == [-1]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_close_after_the_request_is_unknown_not_failed(method: str) -> None:
    outcome = await deliver(closing, method=method)
    assert (outcome.status, error_type(outcome), outcome.retryable) == ("UNKNOWN", "closed_without_answer", True)


async def test_close_within_the_answers_header_is_unknown() -> None:
    outcome = await deliver(once(b"HTTP/1.1 200 O"))
    assert (outcome.status, error_type(outcome)) == ("UNKNOWN", "closed_without_answer")


async def test_close_before_the_body_is_sent_is_failed(sockets: list[socket.socket]) -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    server = await asyncio.start_server(reset, "127.0.0.1", 0, limit=8192)
    async with server, HttpTransport(LOCAL) as transport:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        outcome = await transport.deliver(delivery(url, body=b"x" * 2**20))
    assert (outcome.status, error_type(outcome), outcome.retryable) == ("FAILED", "closed_while_sending", True)


@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
async def test_attempt_is_one_request_also_when_a_kept_connection_breaks(method: str) -> None:
    async def first_only(talk: Talk) -> None:
        if len(receiver.requests) == 1:
            await answer()(talk)
        else:
            raise ConnectionAbortedError

    async with Receiver(first_only, keep=True) as receiver, HttpTransport(LOCAL) as transport:
        first = await transport.deliver(delivery(receiver.url, method=method))
        second = await transport.deliver(delivery(receiver.url, method=method))
        assert (receiver.connections, len(receiver.requests)) == (1, 2)
    assert (first.status, second.status) == ("SUCCESS", "UNKNOWN")


async def test_a_receiver_that_closes_kept_connections_on_use_costs_one_attempt_and_not_each_second_one() -> None:
    async def once_each(talk: Talk) -> None:
        if connections.count(talk.connection):
            raise ConnectionAbortedError
        connections.append(talk.connection)
        await answer()(talk)

    connections: list[object] = []
    async with (
        Receiver(once_each, keep=True) as receiver,
        Receiver(answer(), keep=True) as other,
        HttpTransport(LOCAL) as transport,
    ):
        outcomes = [(await transport.deliver(delivery(receiver.url))).status for _ in range(12)]
        for _ in range(3):
            await transport.deliver(delivery(other.url))
    assert outcomes == ["SUCCESS", "UNKNOWN", *["SUCCESS"] * 10]
    assert (receiver.connections, other.connections) == (11, 1)


async def test_kept_connection_carries_the_next_delivery() -> None:
    async with Receiver(answer(), keep=True) as receiver, HttpTransport(LOCAL) as transport:
        outcomes = [await transport.deliver(delivery(receiver.url)) for _ in range(5)]
    assert ([outcome.status for outcome in outcomes], receiver.connections) == (["SUCCESS"] * 5, 1)


async def test_kept_connection_that_the_receiver_closed_unannounced_is_not_used_again() -> None:
    async with Receiver(answer()) as receiver, HttpTransport(LOCAL) as transport:
        for expected in range(1, 6):
            assert (await transport.deliver(delivery(receiver.url))).status == "SUCCESS"
            await asyncio.wait_for(receiver.ended.acquire(), 5)
            assert receiver.connections == expected


async def test_kept_connection_that_closed_while_the_loop_stood_still_is_not_used_again() -> None:
    with BlockingReceiver() as receiver:
        async with HttpTransport(LOCAL) as transport:
            outcomes = []
            for _ in range(3):
                outcomes.append(await transport.deliver(delivery(receiver.url, method="GET")))
                assert receiver.closed.acquire(timeout=5)  # on purpose without the loop, which must not see the close
    assert ([outcome.status for outcome in outcomes], receiver.requests) == (["SUCCESS"] * 3, 3)


async def test_connection_on_which_something_came_unasked_is_not_used_again_before_it_is_closed() -> None:
    async with Receiver(answer(), keep=True) as receiver:
        _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", receiver.port)
        try:
            await connection.exchange(b"GET / HTTP/1.1\r\n\r\n")
            assert connection.is_reusable
            connection.data_received(b"stray")
            assert not connection.is_reusable
        finally:
            connection.abort()
            await asyncio.sleep(0)


async def test_after_the_cut_off_nothing_is_sent_not_even_over_a_kept_connection() -> None:
    async with Receiver(answer(), keep=True) as receiver, HttpTransport(LOCAL) as transport:
        await transport.deliver(delivery(receiver.url))
        transport.cut_off()
        outcome = await transport.deliver(delivery(receiver.url))
        assert (error_type(outcome), outcome.is_cut_off, outcome.is_unsent) == ("worker_stopped", True, True)
        await transport.deliver(delivery(receiver.url))
    assert len(receiver.requests) == 1


async def test_receiver_that_does_not_listen_is_a_connect_error() -> None:
    async with Receiver(answer()) as receiver:
        pass
    async with HttpTransport(LOCAL) as transport:
        outcome = await transport.deliver(delivery(receiver.url))
    assert (outcome.status, error_type(outcome), outcome.retryable) == ("FAILED", "connect", True)
    assert "127.0.0.1" not in json.dumps(outcome.error)


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
