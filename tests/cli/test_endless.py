"""Endless, partial and missing answers: a command ends, and says what it does not know."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

import click
import pytest

from cli.test_completion import by_protocol, known  # noqa: F401 - a fixture
from kronos.cli.client import Client, LostError
from kronos.cli.exits import Exit

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
Say = Callable[[Callable[[bytes], None]], None]


def bytes_of_a_body(say: Callable[[bytes], None]) -> None:
    say(_HEAD)
    while True:
        say(b" ")


def headers(say: Callable[[bytes], None]) -> None:
    say(b"HTTP/1.1 200 OK\r\n")
    while True:
        say(b"X")


def interim_answers(say: Callable[[bytes], None]) -> None:
    while True:
        say(b"HTTP/1.1 100 Continue\r\n\r\n")


ENDLESS = pytest.mark.parametrize("answer", [bytes_of_a_body, headers, interim_answers])


@contextmanager
def answering(answer: Say) -> Iterator[str]:
    """The address of a server that sends this answer, a little at a time, until the test ends."""
    is_over = Event()

    def serve(connection: socket.socket) -> None:
        def say(some: bytes) -> None:
            connection.sendall(some)
            if is_over.wait(0.02):
                raise OSError

        with connection, suppress(OSError):
            connection.recv(65_536)
            answer(say)

    def accept() -> None:
        with suppress(OSError):
            while True:
                Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        Thread(target=accept, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            is_over.set()
            listener.shutdown(socket.SHUT_RDWR)


@ENDLESS
def test_an_answer_without_end_is_given_up(answer: Say) -> None:
    with answering(answer) as url, pytest.raises(LostError, match=r"sent no complete response within 0\.3 s") as lost:
        Client(url=url, key="k", whole_seconds=0.3).call("GET", ("v1", "me"))
    assert (lost.value.exit_code, "may have taken effect" in lost.value.message) == (Exit.TIMED_OUT, False)


@ENDLESS
def test_a_tab_does_not_wait_for_one(answer: Say, known: dict[str, str]) -> None:  # noqa: F811
    with answering(answer) as url:
        env = known | {"KRONOS_URL": url, "KRONOS_API_KEY": "k", "KRONOS_WORKSPACE": "w"}
        assert by_protocol("kronos config get ", env) == []


@pytest.mark.parametrize(
    "answer", [lambda say: None, lambda say: say(b"HTTP/1.1 2"), lambda say: say(_HEAD + b'{"a": 1')]
)
def test_what_was_asked_to_be_done_and_has_no_answer_may_be_done(answer: Say) -> None:
    with answering(answer) as url:
        client = Client(url=url, key="k")
        with pytest.raises(LostError, match="may have taken effect: check before you repeat it") as lost:
            client.call("POST", ("v1", "jobs"), body={})
        assert lost.value.exit_code == Exit.TIMED_OUT
        with pytest.raises(LostError, match="cannot be reached") as read:
            client.call("GET", ("v1", "jobs"))
        assert read.value.exit_code == Exit.UNAVAILABLE


def test_what_was_never_sent_is_not_done() -> None:
    with pytest.raises(LostError, match="cannot be reached") as lost:
        Client(url="http://127.0.0.1:1", key="k").call("POST", ("v1", "jobs"), body={})
    assert (lost.value.exit_code, "may have" in lost.value.message) == (Exit.UNAVAILABLE, False)


@pytest.mark.parametrize("name", ["", ".", "..", "j/pause"])
def test_a_name_that_is_another_path_is_not_sent(name: str) -> None:
    with pytest.raises(click.ClickException, match="is neither a name nor an id") as refused:
        Client(url="http://127.0.0.1:1", key="k").call("DELETE", ("v1", "workspaces", "acme", "jobs", name))
    assert refused.value.exit_code == Exit.USAGE
