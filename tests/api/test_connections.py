"""Raw sockets to an API process: how long a connection may be idle, how many there may be, and unread answers."""

import select
import socket
import time
from contextlib import ExitStack, closing
from functools import partial

import httpx
import pytest

from api_callers import CONNECTIONS, GET, PER_ADDRESS, POST, Caller, asked, line_of
from api_process import Process, wait_for
from conftest import PLAIN
from kronos.api.doors import address_of
from looking import starved


@pytest.mark.parametrize("begun", [b"G", b"GET /healthz HTTP/1.1\r\nHost", b"\r\n"])
@pytest.mark.parametrize("is_second", [False, True])
def test_a_head_that_does_not_come_to_its_end_is_408(
    process: Process, caller: Caller, begun: bytes, is_second: bool
) -> None:
    if is_second:
        caller.send(GET)
        assert caller.answer().status == 200
    began, before = time.monotonic(), starved()
    caller.send(begun)
    answer = caller.answer()

    assert (answer.status, answer.problem["code"]) == (408, "request_timeout")
    assert 0.9 < time.monotonic() - began < 10 + starved() - before
    assert caller.is_closed()
    assert " 408 " in line_of(process, answer)


def test_a_head_that_drips_is_408(caller: Caller) -> None:
    caller.send(b"GET /healthz HTTP/1.1\r\nX: ")
    dripped = 0
    while not caller.is_readable():
        caller.send(b"a")
        dripped += 1
        assert dripped < 500, "the client can drip forever"
        select.select([caller.socket], [], [], 0.05)
    assert caller.answer().status == 408


@pytest.mark.parametrize("first", [b"", GET])
def test_an_idle_connection_is_closed_without_a_word(process: Process, first: bytes) -> None:
    began, before = time.monotonic(), starved()
    with closing(Caller(process)) as caller:
        if first:
            caller.send(first)
            assert caller.answer().status == 200
        assert caller.is_closed()
    assert 1.5 < time.monotonic() - began < 12 + starved() - before


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
        idle = [
            stack.enter_context(closing(Caller(process, source=f"127.0.0.{2 + number % 5}")))
            for number in range(10 * CONNECTIONS)
        ]
        for each in idle[::3]:
            each.flood(b"GET /healthz HTTP/1.1\r\nX", at_most=1)  # some of them are already closed

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

        other.send(GET)  # not closed, although it has been idle longest
        assert other.answer().status == 200


def busy(process: Process, source: str) -> Caller:
    """A connection whose request waits for seconds for PostgreSQL, which is not running."""
    caller = Caller(process, source=source)
    caller.send(b"GET /v1/workspaces HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer kr_live_a_0123456789abcdef\r\n\r\n")
    return caller


def test_where_all_connections_are_busy_a_newcomer_gets_an_answer(process: Process) -> None:
    with ExitStack() as stack:

        def is_full(busy_address: str, newcomer: str) -> bool:
            """Add one more connection: on a slow machine, the first ones may be answered before the last one
            arrives.
            """
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
    """The page's styles have 150 kB or more. Each caller requests them sixteen times and reads nothing."""

    def has_styles() -> bool:
        """Request them; connections of the test before this may still be open. The first request reads the file."""
        styles = httpx.get(f"{process.url}/docs/swagger-ui.css", verify=PLAIN, timeout=60)
        return styles.status_code == 200 and len(styles.content) > 150_000

    wait_for(has_styles, "the styles")
    before = process.resident_bytes()
    with ExitStack() as stack:
        callers = [stack.enter_context(closing(Caller(process))) for _ in range(12)]
        for caller in callers:
            caller.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            caller.send(b"GET /docs/swagger-ui.css HTTP/1.1\r\nHost: x\r\n\r\n" * 16)
        for caller in callers:
            wait_for(partial(is_reset, caller), "the connection to be cut", 90)
        assert process.resident_bytes() - before < 48 * 1024 * 1024  # far less than was requested
    assert asked(process) == 200


def is_reset(caller: Caller) -> bool:
    """Whether the server has cut the connection, without reading from it."""
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


def test_a_request_behind_an_answer_that_is_not_read_is_no_error(process: Process) -> None:
    """Its connection is cut while it waits to be written. uvicorn reports that to the request that was read last, which
    is a different one.
    """
    wait_for(lambda: asked(process) == 200, "room")
    with closing(Caller(process)) as caller:
        caller.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        caller.send(
            b"".join(
                b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\nRequest-Id: unread-%d\r\n\r\n" % number
                for number in range(9)
            )
        )
        wait_for(partial(is_reset, caller), "the connection to be cut", 90)
    with closing(Caller(process)) as other:
        other.send(GET)
        line_of(process, other.answer())
    served = [line for line in process.lines if "unread-" in line]
    assert 0 < len(served) < 9  # the last of them was waiting
    assert process.found("Traceback|ASGI") is None, "".join(process.lines)[-1500:]
