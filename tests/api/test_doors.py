"""Raw sockets to an API process: what an anonymous client may send, hold open and leave unread, and that no other
client notices.

No request here needs PostgreSQL, and none is running.
"""

import os
import re
import socket
from contextlib import closing
from pathlib import Path

import pytest

from api_callers import GET, POST, Caller, asked, line_of
from api_process import Process
from kronos.api.protocol import MAX_CHUNKS


def spent_seconds(process: Process) -> float:
    """The process's CPU time."""
    fields = Path(f"/proc/{process.child.pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


HEADERS = b"".join(b"X-%06d: %s\r\n" % (number, b"a" * 1000) for number in range(64))
ENDLESS = {
    "headers": (b"GET /healthz HTTP/1.1\r\nRequest-Id: mine-1\r\n", HEADERS, (431,)),
    "one-header": (b"GET /healthz HTTP/1.1\r\nX: ", b"a" * 65_536, (431,)),
    "small-headers": (b"GET /healthz HTTP/1.1\r\n", b"a: b\r\n", (431,)),
    "url": (b"GET /", b"a" * 65_536, (414,)),
    "query": (b"GET /healthz?", b"a" * 1000, (414,)),
    "blank-lines": (b"", b"\r\n" * 32_768, (431,)),
    "method": (b"", b"A" * 65_536, (400,)),
    # The key is checked first, unless the whole request has arrived by then.
    "trailers": (POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", HEADERS, (401, 431)),
    "chunk-extension": (POST + b"Transfer-Encoding: chunked\r\n\r\n1;", b"a" * 65_536, (401, 431)),
    "small-chunks": (POST + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n" * 40_000, (401, 413)),
    "body": (POST + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b" " * 65_536 + b"\r\n", (401,)),
}
CODES = {
    400: "invalid_request",
    401: "unauthorized",
    413: "payload_too_large",
    414: "url_too_long",
    431: "headers_too_large",
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_what_is_sent_without_end_is_refused_and_closed(process: Process, caller: Caller, kind: str) -> None:
    first, more, statuses = ENDLESS[kind]
    before = process.resident_bytes()

    caller.send(first)
    caller.flood(more, at_most=100_000_000)
    answer = caller.answer()
    caller.flood(more, at_most=100_000_000)

    assert (answer.status, answer.problem["code"]) in [(status, CODES[status]) for status in statuses]
    assert caller.is_closed()
    assert process.resident_bytes() - before < 8 * 1024 * 1024
    assert f" {answer.status} " in line_of(process, answer)
    if kind == "headers":
        assert answer.headers["request-id"] == "mine-1"
        assert answer.problem["instance"] == "/healthz"
    assert asked(process) == 200


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n" % (b"a" * 30_000), 200),
        (b"GET /healthz HTTP/1.1\r\nX: %s\r\n\r\n" % (b"a" * 32_768), 431),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 99 + b"\r\n", 200),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 100 + b"\r\n", 431),
        (b"GET /healthz#%s HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * (8192 - 9)), 200),
        (b"GET /healthz#%s HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * (8192 - 8)), 414),
    ],
)
@pytest.mark.parametrize("piece", [1 << 20, 1000])
def test_a_limit_is_the_same_however_the_request_is_cut(
    process: Process, request_head: bytes, status: int, piece: int
) -> None:
    with closing(Caller(process)) as caller:
        for at in range(0, len(request_head), piece):
            caller.send(request_head[at : at + piece])
        assert caller.answer().status == status


@pytest.mark.parametrize(
    "sent",
    [
        b"GARBAGE\x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_what_is_no_http_is_a_problem_document_and_one_line(process: Process, caller: Caller, sent: bytes) -> None:
    caller.send(sent)
    answer = caller.answer()

    assert (answer.status, answer.problem["code"], answer.headers["connection"]) == (400, "invalid_request", "close")
    assert re.search(r"INFO +kronos\.api: \S+ \S+ \S+ 400 ", line_of(process, answer))
    assert caller.is_closed()
    assert not process.found("(WARNING|ERROR) uvicorn|Traceback")


@pytest.mark.parametrize(
    ("hosts", "told"),
    [
        (b"", "the request has no Host header"),
        (b"Host: a\r\nHost: a\r\n", "the request has 2 Host headers"),
        (b"Host: a\r\nX: y\r\nhost: b\r\n", "the request has 2 Host headers"),
        *[
            (b"Host: %s\r\n" % odd, "the Host header is not a host and port")
            for odd in (b"a b", b"a/b", b"a:b", b"u@a", b"[::1", b"a%2", b"a\xff", b"a,b:1:2")
        ],
    ],
)
def test_a_request_names_one_host(process: Process, caller: Caller, hosts: bytes, told: str) -> None:
    """RFC 9112 3.2: otherwise, a proxy in front of the API might take the request for another host's. Kronos does not
    check which host it is.
    """
    caller.send(GET + b"GET /readyz?x HTTP/1.1\r\n" + hosts + b"\r\n")
    assert caller.answer().status == 200
    answer = caller.answer()

    assert (answer.status, answer.problem["code"], answer.headers["connection"]) == (400, "invalid_request", "close")
    assert answer.problem["detail"].startswith(told)
    assert " GET /readyz 400 " in line_of(process, answer)
    assert caller.is_closed()


def test_a_host_may_be_empty_or_an_address_and_http_1_0_needs_none(process: Process) -> None:
    for host in (b"", b"[::1]:80", b"a_b.example:", b"a%2Db", b"127.0.0.1:20204"):
        with closing(Caller(process)) as caller:
            caller.send(b"GET /healthz HTTP/1.1\r\nHost: %s\r\n\r\n" % host)
            assert caller.answer().status == 200, host
    with closing(Caller(process)) as caller:
        caller.send(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert caller.answer().status == 200


def test_a_body_in_very_many_chunks_is_read_no_further(process: Process) -> None:
    """Each chunk is work for the event loop, however small: a megabyte in chunks of one byte would take a second."""
    for chunks, statuses in ((MAX_CHUNKS - 1, (200,)), (MAX_CHUNKS + 1, (200, 413))):
        with closing(Caller(process)) as caller:
            caller.send(
                b"GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                + b"1\r\na\r\n" * chunks
                + b"0\r\n\r\n"
            )
            assert (answer := caller.answer()).status in statuses, answer
            if chunks > MAX_CHUNKS:
                assert caller.is_closed()
            else:
                caller.send(GET)
                assert caller.answer().status == 200
    before = spent_seconds(process)
    for _ in range(5):
        with closing(Caller(process)) as caller:
            caller.send(POST + b"Transfer-Encoding: chunked\r\n\r\n")
            caller.flood(b"1\r\na\r\n" * 40_000, at_most=5_000_000)
            caller.answer()
            caller.flood(b"1\r\na\r\n" * 40_000, at_most=5_000_000)
    assert spent_seconds(process) - before < 1


def test_a_request_before_what_is_refused_is_answered_first(process: Process, caller: Caller) -> None:
    caller.send(GET + GET + b"GET /" + b"a" * 10_000)

    assert [caller.answer().status for _ in range(3)] == [200, 200, 414]
    assert caller.is_closed()


@pytest.mark.parametrize("requests", [1, 3])
def test_a_caller_that_sends_no_more_is_answered_and_closed(process: Process, caller: Caller, requests: int) -> None:
    caller.send(b"GET /v1/workspaces HTTP/1.1\r\nHost: x\r\n\r\n" * requests)
    caller.socket.shutdown(socket.SHUT_WR)

    assert [caller.answer().status for _ in range(requests)] == [401] * requests
    assert caller.is_closed()


def test_what_stands_behind_the_body_is_no_header(caller: Caller) -> None:
    caller.send(POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nRequest-Id: from-behind\r\n\r\n")
    answer = caller.answer()

    assert answer.status == 401
    assert answer.headers["request-id"] != "from-behind"


def test_only_so_many_requests_wait_on_a_connection(process: Process, caller: Caller) -> None:
    caller.send(GET * 5000)

    answers = [caller.answer() for _ in range(18)]
    assert [answer.status for answer in answers] == [200] * 17 + [503]
    assert answers[-1].problem["code"] == "overloaded"
    assert caller.is_closed()


def test_what_asks_for_another_protocol_is_answered_as_http_and_closed(process: Process, caller: Caller) -> None:
    caller.send(
        GET[:-2] + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n" + b"\x00" * 100
    )

    assert caller.answer().status == 200
    assert caller.is_closed()
    assert not process.found("upgrade")
