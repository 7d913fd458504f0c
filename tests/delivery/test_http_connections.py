"""Connections of HTTP deliveries: closed with the outcome, or kept for the next delivery, and what happens when one
breaks."""

import asyncio
import gc
import json
import logging
import socket
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import aiohappyeyeballs
import pytest

from delivery.sending import ENDLESS, HEAD_COMES, LOCAL, deliver, delivery, error_type, response, stored_request
from delivery.servers import Handler, Names, Receiver, Talk, answer, closing, dripping, once, silent
from depth import depth
from kronos.delivery.connection import Connection
from kronos.delivery.connections import Origin
from kronos.delivery.http import HttpTransport
from kronos.delivery.outcome import Outcome
from kronos.delivery.sending import Sending
from kronos.delivery.signing import Signer, signer
from served import served
from told import told
from worker.running import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(
    "handle",
    [
        pytest.param(silent, id="silence"),
        pytest.param(dripping(b"HTTP/1.1 200 O", b"k"), id="slow_status_line"),
        pytest.param(once(b"HTTP/1.1 100 Continue\r\n\r\n", then_wait=True), id="interim_answer_only"),
    ],
)
async def test_answer_that_does_not_come_in_time_is_timed_out_with_the_socket_closed(
    handle: Handler, sockets: list[socket.socket]
) -> None:
    outcome = await deliver(handle, timeout=timedelta(seconds=0.2))
    assert (outcome.status, error_type(outcome), outcome.retryable) == ("TIMED_OUT", "timeout", True)
    assert outcome.is_unknown  # the whole request was sent
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
    """Both loops reject a datagram socket before they take it over."""
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
    server = await asyncio.start_server(served(refuse), sock=listening, limit=4096)
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
        await asyncio.wait_for(arrived.wait(), 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [opened.fileno() for opened in sockets] == [-1]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_close_after_the_request_is_unknown_not_failed(method: str) -> None:
    outcome = await deliver(closing, method=method)
    assert (outcome.status, error_type(outcome), outcome.retryable) == ("UNKNOWN", "closed_without_answer", True)
    assert outcome.is_unknown


async def test_close_within_the_answers_header_is_unknown() -> None:
    outcome = await deliver(once(b"HTTP/1.1 200 O"))
    assert (outcome.status, error_type(outcome)) == ("UNKNOWN", "closed_without_answer")


async def test_close_before_the_body_is_sent_is_failed(sockets: list[socket.socket]) -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    server = await asyncio.start_server(served(reset), "127.0.0.1", 0, limit=8192)
    async with server, HttpTransport(LOCAL) as transport:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        outcome = await transport.deliver(delivery(url, body=b"x" * 2**20))
    assert (outcome.status, error_type(outcome), outcome.retryable) == ("FAILED", "closed_while_sending", True)
    assert not outcome.is_unknown


async def test_what_is_stopped_before_its_connection_is_begun_has_its_outcome_too(unanswering: str) -> None:
    async with HttpTransport(LOCAL) as transport:
        under_way = asyncio.create_task(transport.deliver(delivery(unanswering)))
        late = asyncio.create_task(transport.deliver(delivery(unanswering, timeout=timedelta())))
        await asyncio.sleep(0)
        for _ in range(2):  # if the process was just interrupted, the first call waits for what may have arrived
            transport._end_late_ones()
        transport.cut_off()
        async with asyncio.timeout(60):
            stopped, timed_out = await under_way, await late
    assert (error_type(stopped), stopped.is_unsent) == ("worker_stopped", True)
    assert timed_out.error == {"type": "timeout", "message": "no connection to the endpoint within 0 s"}


async def test_receiver_that_does_not_listen_is_a_connect_error() -> None:
    async with Receiver(answer()) as receiver:
        pass
    async with HttpTransport(LOCAL) as transport:
        outcome = await transport.deliver(delivery(receiver.url))
    assert (outcome.status, error_type(outcome), outcome.retryable) == ("FAILED", "connect", True)
    said = "the endpoint refused the connection: nothing listens on its port"
    assert outcome.error == {"type": "connect", "message": said}


@pytest.fixture
async def unanswering() -> AsyncIterator[str]:
    """The URL of a receiver that accepts connections and reads nothing."""
    loop = asyncio.get_running_loop()
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        listening.setblocking(False)
        loop.add_reader(listening.fileno(), lambda: taken.append(listening.accept()[0]))
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        loop.remove_reader(listening.fileno())
    for connection in taken:
        connection.close()


async def _aborted(transport: HttpTransport, url: str, *, is_begun: bool) -> Outcome:
    """The outcome of a delivery that was stopped immediately, or once its request was sent."""
    ended: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    one = delivery(url)
    sending = transport.send(
        transport.envelope(one.method, one.url, one.headers),
        execution_id=str(one.execution_id),
        job_id=str(one.job_id),
        attempt_number=one.attempt_number,
        scheduled_at=one.scheduled_at,
        body=one.body,
        seconds=600,
        expected=(),
        on_end=ended.set_result,
    )
    assert sending is not None
    if is_begun:
        await until(lambda: sending._connection is not None, "the request")
    sending.stop("cancelled")
    sending.stop("timeout")  # which changes nothing
    return await ended


async def _ends(transport: HttpTransport, url: str, kind: str) -> list[Outcome]:
    """Let a hundred deliveries end at once."""
    if kind == "timeouts":
        late = delivery(url, timeout=timedelta(seconds=0.05))
        return await asyncio.gather(*(transport.deliver(late) for _ in range(100)))
    return await asyncio.gather(*(_aborted(transport, url, is_begun=nth % 2 == 0) for nth in range(100)))


@pytest.mark.parametrize("kind", ["timeouts", "aborts"])
async def test_hundreds_of_timeouts_or_aborts_leave_no_socket_no_task_no_timer_and_no_memory(
    unanswering: str, sockets: list[socket.socket], kind: str
) -> None:
    async with HttpTransport(LOCAL) as transport:
        await _ends(transport, unanswering, kind)
        tasks = len(asyncio.all_tasks())
        sockets.clear()
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            outcomes = [
                one.status for _ in range(depth(4, deep=10)) for one in await _ends(transport, unanswering, kind)
            ]
            assert {opened.fileno() for opened in sockets} == {-1}
            assert len(asyncio.all_tasks()) == tasks
            if transport._timer is not None:  # of deliveries that ended before their timeout
                transport._timer.cancel()
                transport._end_late_ones()
            assert (transport._under_way, transport._timer, transport._connections._idle) == (set(), None, {})
            sockets.clear()
            gc.collect()
            left = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
    assert outcomes == (["TIMED_OUT"] * 2 if kind == "timeouts" else ["UNKNOWN", "FAILED"]) * (len(outcomes) // 2)
    assert left < 1_000 * len(outcomes)


def _has_head(sending: Sending) -> bool:
    connection = sending._connection
    return connection is not None and connection._answer is not None and connection._answer.head is not None


async def test_what_is_cancelled_once_it_was_answered_is_judged_by_its_answer() -> None:
    head = asyncio.Event()

    async def dripped(talk: Talk) -> None:
        await talk.send(b"HTTP/1.1 503 Busy\r\nContent-Length: 9\r\n\r\nno")
        head.set()
        await talk.is_gone()

    async with Receiver(dripped) as receiver, HttpTransport(LOCAL) as transport:
        ended: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        one = delivery(receiver.url)
        sending = transport.send(
            transport.envelope(one.method, one.url, one.headers),
            execution_id="e",
            job_id="j",
            attempt_number=1,
            scheduled_at=one.scheduled_at,
            body=b"{}",
            seconds=600,
            expected=(),
            on_end=ended.set_result,
        )
        assert sending is not None
        await head.wait()
        await until(lambda: _has_head(sending), "the status line")
        sending.stop("cancelled")
        outcome = await ended
    assert (outcome.status, error_type(outcome), response(outcome)["status"]) == ("FAILED", "http_status", 503)


async def test_each_delivery_ends_at_its_own_time_whenever_it_began(unanswering: str) -> None:
    ended: list[float] = []

    async def deliver_within(seconds: float) -> None:
        outcome = await transport.deliver(delivery(unanswering, timeout=timedelta(seconds=seconds)))
        assert (outcome.status, outcome.duration >= timedelta(seconds=seconds)) == ("TIMED_OUT", True)
        ended.append(seconds)

    async with HttpTransport(LOCAL) as transport:
        long = asyncio.create_task(deliver_within(600))
        await asyncio.gather(*map(deliver_within, (0.4, 0.1, 0.2, 0.1)))
        await deliver_within(0.05)
        assert sorted(ended) == [0.05, 0.1, 0.1, 0.2, 0.4]
        assert not long.done()
        long.cancel()
        with pytest.raises(asyncio.CancelledError):
            await long
        assert transport._under_way == set()


async def test_an_error_of_our_own_within_a_callback_ends_the_delivery_and_is_reported(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    address = ".".join("1234")

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError(address)

    monkeypatch.setattr("kronos.delivery.sending.answered", broken)
    with caplog.at_level(logging.ERROR, "kronos"):
        outcome = await deliver(answer())
    assert (outcome.status, error_type(outcome), outcome.retryable) == ("FAILED", "internal", True)
    line = told(caplog, "delivery.unforeseen")
    assert (line["level"], "unexpected ZeroDivisionError" in line["message"]) == ("ERROR", True)
    assert address not in caplog.text + json.dumps(outcome.error)


@pytest.mark.parametrize(
    "changes",
    [{}, {"method": "GET"}, {"body": b""}, {"headers": {"content-type": "a/b", "accept": "c/d", "X-Team": "e"}}],
)
@pytest.mark.parametrize("keys", [[], [signer("whsec_" + "A" * 32)]])
async def test_the_headers_that_are_stored_are_those_that_were_sent(
    changes: dict[str, Any], keys: list[Signer]
) -> None:
    async with Receiver(answer()) as receiver, HttpTransport(LOCAL) as transport:
        outcome = await transport.deliver(delivery(receiver.url, **changes), signing_keys=keys)
        (request,) = receiver.requests
    stored = stored_request(outcome)
    assert stored["headers"] == sorted(request.headers)
    assert (stored["method"], stored["body_bytes"]) == (request.line.split()[0], len(request.body))


async def test_an_error_of_our_own_as_the_request_is_written_ends_the_delivery_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    async with Receiver(answer(), keep=True) as receiver, HttpTransport(LOCAL) as transport:
        await transport.deliver(delivery(receiver.url))
        with monkeypatch.context() as patched:
            patched.setattr(Connection, "send", broken)
            kept, new = [await transport.deliver(delivery(receiver.url)) for _ in range(2)]
        assert (error_type(kept), error_type(new), transport._under_way) == ("internal", "internal", set())
        assert (await transport.deliver(delivery(receiver.url))).status == "SUCCESS"


async def test_of_connections_that_wait_for_the_next_delivery_so_many_are_kept() -> None:
    """The limit is over all hosts together: the connection that has waited longest is closed."""
    async with AsyncExitStack() as stack:
        receivers = [await stack.enter_async_context(Receiver(answer(), keep=True)) for _ in range(4)]
        transport = await stack.enter_async_context(HttpTransport(LOCAL, most_idle=2))
        for receiver in receivers:
            assert (await transport.deliver(delivery(receiver.url))).status == "SUCCESS"
        kept = transport._connections
        assert (kept._idle_count, sum(map(len, kept._idle.values()))) == (2, 2)
        for receiver in (receivers[3], receivers[2], receivers[0], receivers[0]):
            assert (await transport.deliver(delivery(receiver.url))).status == "SUCCESS"
        assert (kept._idle_count, sum(map(len, kept._idle.values()))) == (2, 2)
        assert [receiver.connections for receiver in receivers] == [2, 1, 1, 1]
