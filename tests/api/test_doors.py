"""Raw sockets against an API process: what a stranger may send, hold and leave unread, and that nobody else notices.

No request here needs PostgreSQL: there is none.
"""

import json
import os
import re
import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from api_process import Process, serving, wait_for
from kronos.api.doors import address_of
from kronos.api.protocol import MAX_CHUNKS

NO_DATABASE = "postgresql://nobody@127.0.0.1:1/none"
CONNECTIONS, PER_ADDRESS = 40, 30
GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /v1/workspaces HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture(scope="module")
def process() -> Iterator[Process]:
    """With limits that a test can wait for."""
    with serving(
        NO_DATABASE,
        KRONOS_HEAD_SECONDS="1",
        KRONOS_IDLE_SECONDS="2",
        KRONOS_WRITE_SECONDS="1",
        KRONOS_MAX_CONNECTIONS=str(CONNECTIONS),
        KRONOS_MAX_CONNECTIONS_PER_ADDRESS=str(PER_ADDRESS),
    ) as process:
        yield process


@dataclass
class Answer:
    """An answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes
    rest: bytes

    @property
    def problem(self) -> dict[str, Any]:
        """Its problem document, checked."""
        assert self.headers["content-type"] == "application/problem+json", self
        document: dict[str, Any] = json.loads(self.body)
        assert document["status"] == self.status
        assert document["request_id"] == self.headers["request-id"]
        return document


class Caller:
    """One connection, from any address of the loopback network."""

    def __init__(self, process: Process, *, source: str = "127.0.0.1") -> None:
        url = httpx.URL(process.url)
        self.socket = socket.create_connection((url.host, url.port), timeout=20, source_address=(source, 0))
        self._received = b""

    def close(self) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def flood(self, data: bytes, *, at_most: int) -> int:
        """Send it again and again until an answer is there, the connection is closed, or so many bytes were taken; how many."""
        sent = 0
        try:
            while sent < at_most and not self.is_readable():
                self.socket.sendall(data)
                sent += len(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it is closed
        return sent

    def is_readable(self) -> bool:
        self.socket.setblocking(False)
        try:
            self.socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        finally:
            self.socket.settimeout(20)
        return True

    def answer(self) -> Answer:
        """The next answer."""
        while b"\r\n\r\n" not in self._received:
            self._read()
        head, _, rest = self._received.partition(b"\r\n\r\n")
        lines = head.decode("ascii").split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
        length = int(headers["content-length"])
        while len(rest) < length:
            received = self._received
            self._read()
            rest += self._received[len(received) :]
        self._received = rest[length:]
        return Answer(int(lines[0].split(" ")[1]), headers, rest[:length], self._received)

    def _read(self) -> None:
        data = self.socket.recv(65_536)
        assert data, f"the connection was closed after {self._received!r}"
        self._received += data

    def is_closed(self) -> bool:
        """Whether the other side ends the connection, within 20 s, without another byte."""
        try:
            return self.socket.recv(65_536) == b""
        except ConnectionResetError:
            return True


@pytest.fixture
def caller(process: Process) -> Iterator[Caller]:
    with closing(Caller(process)) as caller:
        yield caller


def asked(process: Process, *, source: str = "127.0.0.1") -> int:
    """The status of a well-behaved caller's request, from a connection of its own."""
    with closing(Caller(process, source=source)) as caller:
        caller.send(GET)
        return caller.answer().status


def spent_seconds(process: Process) -> float:
    """Of CPU."""
    fields = Path(f"/proc/{process.child.pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def line_of(process: Process, answer: Answer) -> str:
    """The one line of the log that tells of an answer."""
    request_id = re.escape(answer.headers["request-id"])
    wait_for(lambda: process.found(rf"{request_id} "), "the answer's line in the log")
    lines = [line for line in process.lines if re.search(rf"{request_id} ", line)]
    assert len(lines) == 1
    return lines[0]


HEADERS = b"".join(b"X-%06d: %s\r\n" % (number, b"a" * 1000) for number in range(64))
ENDLESS = {
    "headers": (b"GET /healthz HTTP/1.1\r\nRequest-Id: mine-1\r\n", HEADERS, (431,)),
    "one-header": (b"GET /healthz HTTP/1.1\r\nX: ", b"a" * 65_536, (431,)),
    "small-headers": (b"GET /healthz HTTP/1.1\r\n", b"a: b\r\n", (431,)),
    "url": (b"GET /", b"a" * 65_536, (414,)),
    "query": (b"GET /healthz?", b"a" * 1000, (414,)),
    "blank-lines": (b"", b"\r\n" * 32_768, (431,)),
    "method": (b"", b"A" * 65_536, (400,)),
    # The key is asked for first, unless all of it is there before the request's turn comes.
    "trailers": (POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", HEADERS, (401, 431)),
    "chunk-extension": (POST + b"Transfer-Encoding: chunked\r\n\r\n1;", b"a" * 65_536, (401, 431)),
    "small-chunks": (POST + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n" * 40_000, (401, 413)),
    "body": (POST + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b" " * 65_536 + b"\r\n", (401,)),
}


CODES = {400: "invalid_request", 401: "unauthorized", 413: "payload_too_large", 414: "url_too_long", 431: "headers_too_large"}


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
def test_a_limit_is_the_same_however_the_request_is_cut(process: Process, request_head: bytes, status: int, piece: int) -> None:
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
    assert re.search(r"INFO kronos.api \S+ \S+ \S+ 400 ", line_of(process, answer))
    assert caller.is_closed()
    assert not process.found("(WARNING|ERROR) uvicorn|Traceback")


@pytest.mark.parametrize(
    ("hosts", "told"),
    [
        (b"", "the request has no Host header"),
        (b"Host: a\r\nHost: a\r\n", "the request has 2 Host headers"),
        (b"Host: a\r\nX: y\r\nhost: b\r\n", "the request has 2 Host headers"),
        *[
            (b"Host: %s\r\n" % odd, "the Host header is no host and port")
            for odd in (b"a b", b"a/b", b"a:b", b"u@a", b"[::1", b"a%2", b"a\xff", b"a,b:1:2")
        ],
    ],
)
def test_a_request_names_one_host(process: Process, caller: Caller, hosts: bytes, told: str) -> None:
    """RFC 9112 3.2: else a proxy before us and we may take it for different hosts' (what it is, we do not look at)."""
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
    """Each chunk is work on the loop, however little it holds: a megabyte in chunks of one byte would be a second of it."""
    for chunks, statuses in ((MAX_CHUNKS - 1, (200,)), (MAX_CHUNKS + 1, (200, 413))):
        with closing(Caller(process)) as caller:
            caller.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * chunks + b"0\r\n\r\n")
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
    caller.send(GET[:-2] + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n" + b"\x00" * 100)

    assert caller.answer().status == 200
    assert caller.is_closed()
    assert not process.found("upgrade")


@pytest.mark.parametrize("begun", [b"G", b"GET /healthz HTTP/1.1\r\nHost", b"\r\n"])
@pytest.mark.parametrize("is_second", [False, True])
def test_a_head_that_does_not_come_to_its_end_is_408(process: Process, caller: Caller, begun: bytes, is_second: bool) -> None:
    if is_second:
        caller.send(GET)
        assert caller.answer().status == 200
    began = time.monotonic()
    caller.send(begun)
    answer = caller.answer()

    assert (answer.status, answer.problem["code"]) == (408, "request_timeout")
    assert 0.9 < time.monotonic() - began < 10
    assert caller.is_closed()
    assert " 408 " in line_of(process, answer)


def test_a_head_that_drips_is_408(caller: Caller) -> None:
    caller.send(b"GET /healthz HTTP/1.1\r\nX: ")
    dripped = 0
    while not caller.is_readable():
        caller.send(b"a")
        dripped += 1
        assert dripped < 500, "it drips for ever"
        select.select([caller.socket], [], [], 0.05)
    assert caller.answer().status == 408


@pytest.mark.parametrize("first", [b"", GET])
def test_an_idle_connection_is_closed_without_a_word(process: Process, caller: Caller, first: bytes) -> None:
    if first:
        caller.send(first)
        assert caller.answer().status == 200
    began = time.monotonic()
    assert caller.is_closed()
    assert 1.5 < time.monotonic() - began < 12


def test_a_body_that_nobody_waits_for_is_not_waited_for(caller: Caller) -> None:
    caller.send(POST + b"Content-Length: 1000\r\n\r\n")
    assert caller.answer().status == 401
    assert caller.is_closed()


def test_a_body_behind_its_answer_leaves_the_connection_usable(caller: Caller) -> None:
    caller.send(POST + b"Content-Length: 100000\r\n\r\n" + b" " * 50_000)
    assert caller.answer().status == 401
    caller.send(b" " * 50_000 + GET)
    assert caller.answer().status == 200


def test_idle_connections_keep_nobody_out(process: Process) -> None:
    with ExitStack() as stack:
        idle = [stack.enter_context(closing(Caller(process, source=f"127.0.0.{2 + number % 5}"))) for number in range(10 * CONNECTIONS)]
        for each in idle[::3]:
            each.flood(b"GET /healthz HTTP/1.1\r\nX", at_most=1)  # some of them are closed already

        assert [asked(process) for _ in range(3)] == [200] * 3
        assert asked(process, source="127.0.0.3") == 200


def test_idle_connections_of_one_address_take_from_that_address_alone(process: Process) -> None:
    with ExitStack() as stack:
        other = stack.enter_context(closing(Caller(process, source="127.0.0.9")))
        other.send(GET)
        assert other.answer().status == 200
        for _ in range(3 * CONNECTIONS):
            stack.enter_context(closing(Caller(process)))
        assert asked(process) == 200

        other.send(GET)  # kept, though it has waited longest of all
        assert other.answer().status == 200


def busy(process: Process, source: str) -> Caller:
    """A connection whose request waits for PostgreSQL, which is not there: for seconds."""
    caller = Caller(process, source=source)
    caller.send(b"GET /v1/workspaces HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer kr_live_a_0123456789abcdef\r\n\r\n")
    return caller


def test_where_all_connections_are_busy_a_newcomer_is_told(process: Process) -> None:
    with ExitStack() as stack:

        def is_full(busy_address: str, newcomer: str) -> bool:
            """After one more: where the machine is slow, the first have been answered before the last has come."""
            stack.enter_context(closing(busy(process, busy_address)))
            return refused(process, newcomer)

        for _ in range(PER_ADDRESS - 1):
            stack.enter_context(closing(busy(process, "127.0.0.2")))
        wait_for(lambda: is_full("127.0.0.2", "127.0.0.2"), "the address to have no room")
        assert asked(process) == 200

        for _ in range(CONNECTIONS - PER_ADDRESS - 1):
            stack.enter_context(closing(busy(process, "127.0.0.3")))
        wait_for(lambda: is_full("127.0.0.3", "127.0.0.4"), "the process to have no room")
    wait_for(lambda: asked(process) == 200, "room again")


def refused(process: Process, source: str) -> bool:
    with closing(Caller(process, source=source)) as caller:
        caller.send(GET)
        answer = caller.answer()
        if answer.status == 200:
            return False
        assert (answer.status, answer.problem["code"], answer.headers["retry-after"]) == (503, "overloaded", "2")
        assert " 503 " in line_of(process, answer)
        return caller.is_closed()


def test_answers_that_are_not_read_are_given_up(process: Process) -> None:
    """/openapi.json is some 100 kB: sixteen of them, and a caller that reads none."""
    asked(process)
    before = process.resident_bytes()
    with ExitStack() as stack:
        callers = [stack.enter_context(closing(Caller(process))) for _ in range(12)]
        for caller in callers:
            caller.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            caller.send(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 16)
        for caller in callers:
            wait_for(partial(is_reset, caller), "the connection to be cut", 90)
        assert process.resident_bytes() - before < 16 * 1024 * 1024
    assert asked(process) == 200


def test_a_request_behind_an_answer_that_is_not_read_is_no_error(process: Process, caller: Caller) -> None:
    """Its connection is cut while it waits to be written: uvicorn tells that to the request that was read last, which is another."""
    caller.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    caller.send(
        b"".join(b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\nRequest-Id: unread-%d\r\n\r\n" % number for number in range(9))
    )
    wait_for(partial(is_reset, caller), "the connection to be cut", 90)
    with closing(Caller(process)) as other:
        other.send(GET)
        line_of(process, other.answer())
    served = [line for line in process.lines if "unread-" in line]
    assert 0 < len(served) < 9  # of which the last one waited
    assert process.found("Traceback|ASGI") is None, "".join(process.lines)[-1500:]


def is_reset(caller: Caller) -> bool:
    """Whether the other side has cut the connection, without reading of it."""
    return bool(caller.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)) or not is_writable(caller)


def is_writable(caller: Caller) -> bool:
    try:
        caller.send(b"\r\n")
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    ("host", "counts_for"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_an_address_of_ipv6_counts_for_its_network(host: str, counts_for: str) -> None:
    assert address_of(host) == counts_for
