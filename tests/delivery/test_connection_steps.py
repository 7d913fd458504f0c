"""A connection to a receiver, step by step: whose answer it is, what is known to be sent, and whether the next request
may use it."""

import socket
import ssl
from collections.abc import Iterator
from typing import Any

import pytest

from kronos.delivery import connection as module
from kronos.delivery.answer import AnswerParser, NotHttp
from kronos.delivery.connection import Connection, ConnectionEnded

_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Wire:
    """The event loop's transport over a real socket, whose other end is the receiver's."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.written: list[bytes] = []
        self.limits: dict[str, int] = {}
        self.waiting = 0
        self.is_aborted = self.is_ending = False

    def set_write_buffer_limits(self, **limits: int) -> None:
        self.limits = limits

    def get_extra_info(self, name: str) -> socket.socket:
        assert name == "socket"
        return self.ours

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def is_closing(self) -> bool:
        return self.is_ending

    def abort(self) -> None:
        self.is_aborted = True

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()


class Heard:
    """What a delivery hears of its end."""

    def __init__(self) -> None:
        self.ends: list[tuple[AnswerParser, Exception | None]] = []

    def ended(self, answer: AnswerParser, error: NotHttp | ConnectionEnded | None) -> None:
        self.ends.append((answer, error))

    @property
    def only(self) -> tuple[int | None, type[Exception] | None, bool]:
        """The status, the error and whether the body was cut off, of the only end."""
        ((answer, error),) = self.ends
        return answer.head.status if answer.head else None, type(error) if error else None, answer.is_cut


@pytest.fixture
def wire() -> Iterator[Wire]:
    made = Wire()
    yield made
    made.close()


@pytest.fixture
def raw() -> Iterator[Wire]:
    """The transport beneath TLS."""
    made = Wire()
    yield made
    made.close()


def over(wire: Any, *, raw: Any = None) -> Connection:
    """A connection that is made, over TLS if there is a transport beneath it."""
    made = Connection(_TLS, raw) if raw is not None else Connection()
    made.connection_made(wire)
    return made


def test_an_answer_ends_its_request_once_and_the_next_request_may_follow(wire: Wire) -> None:
    connection, first, second = over(wire), Heard(), Heard()
    for heard in (first, second):
        assert connection.is_reusable
        connection.send(b"request", heard)
        assert (connection.is_reusable, heard.ends) == (False, []), "its answer is awaited"
        connection.data_received(_OK[:20])
        connection.data_received(_OK[20:])
        assert heard.only == (200, None, False)
    assert wire.written == [b"request"] * 2
    assert (connection.is_reusable, len(first.ends)) == (True, 1)


@pytest.mark.parametrize("is_made", [False, True])
def test_a_request_over_a_connection_that_ended_meanwhile_ends_at_once_unsent(wire: Wire, is_made: bool) -> None:
    connection, heard = Connection(), Heard()
    if is_made:
        connection.connection_made(wire)  # type: ignore[arg-type]  # the part of a transport that is used
        connection.connection_lost(None)
    connection.send(b"request", heard)
    assert heard.only == (None, ConnectionEnded, False)
    assert wire.written == []


@pytest.mark.parametrize(
    ("received", "status", "error", "is_cut"),
    [
        (b"", None, ConnectionEnded, True),
        (b"HTTP/1.1 20", None, ConnectionEnded, True),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil it closes", 200, None, False),
        (_OK[:-1], 200, None, True),
        (b"SSH-2.0-x\r\n", None, NotHttp, False),
    ],
)
def test_what_came_before_the_end_of_a_connection_is_the_answer_or_there_is_none(
    wire: Wire, received: bytes, status: int | None, error: type[Exception] | None, is_cut: bool
) -> None:
    connection, heard = over(wire), Heard()
    connection.send(b"request", heard)
    if received:
        connection.data_received(received)
    connection.connection_lost(None)
    assert heard.only == (status, error, is_cut)
    assert (connection.is_sent, connection.is_reusable) == (True, False)


def test_a_response_that_is_not_http_ends_its_request_as_soon_as_it_is_recognized(wire: Wire) -> None:
    connection, heard = over(wire), Heard()
    connection.send(b"request", heard)
    connection.data_received(b"SSH-2.0-x\r\n\r\n")
    assert heard.only == (None, NotHttp, False)
    connection.connection_lost(None)
    assert len(heard.ends) == 1


def test_bytes_that_nobody_asked_for_end_the_connection_before_a_request_can_take_it(wire: Wire) -> None:
    connection, heard = over(wire), Heard()
    connection.data_received(_OK)
    assert (wire.is_aborted, connection.is_reusable) == (True, False)
    connection.send(b"request", heard)
    assert (wire.written, heard.only) == ([], (None, ConnectionEnded, False))


def test_a_second_answer_that_comes_with_the_first_is_no_later_requests(wire: Wire) -> None:
    connection, heard = over(wire), Heard()
    connection.send(b"request", heard)
    connection.data_received(_OK)
    connection.data_received(_OK)
    assert (len(heard.ends), wire.is_aborted, connection.is_reusable) == (1, True, False)


def test_what_the_socket_has_and_the_event_loop_has_not_read_ends_the_reuse(wire: Wire) -> None:
    connection = over(wire)
    wire.theirs.close()
    assert not connection.is_reusable


def test_a_request_is_sent_when_none_of_it_is_left_in_this_process(wire: Wire) -> None:
    connection = over(wire)
    assert wire.limits == {"high": 0, "low": 0}
    connection.send(b"request", Heard())
    assert connection.is_sent
    connection.pause_writing()
    wire.waiting = 3
    assert (connection.is_sent, connection.unsent_bytes) == (False, 3)
    connection.resume_writing()
    assert connection.is_sent


@pytest.mark.parametrize("is_paused", [False, True])
def test_whether_a_request_was_sent_is_still_known_when_its_connection_is_lost(wire: Wire, is_paused: bool) -> None:
    """A request that was not sent whole is no unknown delivery."""
    connection = over(wire)
    connection.send(b"request", Heard())
    if is_paused:
        connection.pause_writing()
    connection.connection_lost(ConnectionResetError())
    assert connection.is_sent is not is_paused


def test_a_connection_that_was_lost_while_idle_has_sent_nothing(wire: Wire) -> None:
    connection = over(wire)
    connection.connection_lost(None)
    assert not connection.is_sent


def test_beneath_tls_a_request_is_sent_when_the_socket_has_all_of_it(wire: Wire, raw: Wire) -> None:
    connection = over(wire, raw=raw)
    assert wire.limits == {"high": 1, "low": 0}
    connection.send(b"request", Heard())
    raw.waiting = 1
    assert not connection.is_sent
    raw.waiting = 0
    assert connection.is_sent
    raw.waiting, raw.is_ending = 1, True
    assert connection.is_sent, "a transport that closes says nothing of its buffer"


def test_an_interrupted_request_leaves_the_answer_so_far_and_hears_nothing_more(wire: Wire) -> None:
    for received, has_status in ((b"", False), (_OK[:10], False), (_OK[:-1], True)):
        connection, heard = over(wire), Heard()
        connection.send(b"request", heard)
        if received:
            connection.data_received(received)
        found = connection.interrupt()
        assert (found is not None) == has_status
        connection.connection_lost(None)
        assert (heard.ends, connection.interrupt()) == ([], None)


def test_when_something_last_moved_is_noted_only_for_deliveries_that_need_it(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "time", type("Stepped", (), {"monotonic": staticmethod(lambda: 5.0)}))
    connection = over(wire)
    connection.send(b"request", Heard())
    connection.data_received(_OK[:5])
    connection.resume_writing()
    assert connection.moved_at is None
    connection.moved_at = 1.0
    connection.data_received(_OK[5:6])
    assert connection.moved_at == 5.0
    connection.moved_at = 1.0
    connection.resume_writing()
    assert connection.moved_at == 5.0


def test_a_connection_that_was_never_made_can_be_aborted() -> None:
    connection = Connection()
    connection.abort()
    assert connection.unsent_bytes == 0
