"""Time limits of a delivery: for connecting, and for silence."""

import asyncio
import json
import socket
import time
from datetime import timedelta
from typing import Any

import pytest

from delivery.sending import LOCAL, delivery, error_type, has_head, response
from delivery.servers import OK, Receiver, Talk, answer, full_backlog, once, silent
from kronos.delivery.http import HttpTransport
from kronos.delivery.outcome import Outcome
from kronos.delivery.sending import Sending, TimeLimits
from kronos.worker.claims import EndpointVersion
from kronos.worker.targets import HttpTarget, target
from served import served
from worker.running import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _begun(
    transport: HttpTransport,
    url: str,
    ended: "asyncio.Future[Outcome]",
    limits: TimeLimits,
    body: bytes = b"{}",
    seconds: float = 600,
) -> Sending:
    one = delivery(url)
    sending = transport.send(
        transport.envelope(one.method, one.url, one.headers),
        execution_id="e",
        job_id="j",
        attempt_number=1,
        scheduled_at=one.scheduled_at,
        body=body,
        seconds=seconds,
        expected=(),
        on_end=ended.set_result,
        limits=limits,
    )
    assert sending is not None
    return sending


async def _outcome(url: str, limits: TimeLimits) -> Outcome:
    async with HttpTransport(LOCAL) as transport:
        ended: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        await _begun(transport, url, ended, limits)
        return await ended


async def test_a_connection_that_is_not_there_in_its_time_is_timed_out_and_the_rest_of_the_time_is_not_waited(
    sockets: list[socket.socket],
) -> None:
    with full_backlog() as (_, port):
        sockets.clear()
        outcome = await _outcome(f"http://127.0.0.1:{port}/", TimeLimits(connect_seconds=0.05))
    assert outcome.status == "TIMED_OUT"
    assert outcome.error == {"type": "timeout", "message": "no connection to the endpoint within 0.05 s"}
    assert outcome.duration < timedelta(seconds=300)
    assert [opened.fileno() for opened in sockets] == [-1]


async def test_a_receiver_from_which_nothing_comes_is_timed_out_and_its_connection_closed(
    sockets: list[socket.socket],
) -> None:
    async with Receiver(silent) as receiver:
        outcome = await _outcome(receiver.url, TimeLimits(idle_seconds=0.05))
        assert [opened.fileno() for opened in sockets] == [-1]
    assert outcome.status == "TIMED_OUT"
    assert outcome.error == {"type": "timeout", "message": "no byte from the endpoint for 0.05 s"}


async def test_an_answer_that_stops_after_its_status_line_is_judged_by_it() -> None:
    begun = once(OK + b"Content-Length: 1000\r\n\r\nok", then_wait=True)
    async with Receiver(begun) as receiver, HttpTransport(LOCAL) as transport:
        ended: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        sending = await _begun(transport, receiver.url, ended, TimeLimits(idle_seconds=100))
        await until(lambda: has_head(sending), "the status line")
        assert sending._connection is not None
        sending._connection.moved_at = sending._started
        sending.late(sending._started + 100)
        outcome = await ended
    assert (outcome.status, response(outcome)["truncated"]) == ("SUCCESS", True)


async def test_each_byte_gives_the_next_its_whole_time_within_the_time_of_the_whole() -> None:
    step = asyncio.Event()

    async def stepwise(talk: Talk) -> None:
        await talk.send(b"HTTP/1.1 20")
        await step.wait()
        await talk.send(b"0 OK\r\nContent-Length: 0\r\n\r\n")

    async with Receiver(stepwise) as receiver, HttpTransport(LOCAL) as transport:
        ended: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        sending = await _begun(transport, receiver.url, ended, TimeLimits(idle_seconds=100))
        began = sending._started
        assert sending.deadline == began + 100
        await until(lambda: len(receiver.requests) == 1, "the request")
        connection = sending._connection
        assert connection is not None
        await until(lambda: connection.moved_at is not None and connection._answer is not None, "the first bytes")
        connection.moved_at = began + 90
        sending.late(began + 100)
        assert (sending.deadline, ended.done()) == (began + 190, False)
        connection.moved_at = began + 550
        sending.late(began + 560)
        assert (sending.deadline, ended.done()) == (began + 600, False)  # no later than the end of the whole delivery
        step.set()
        assert (await ended).status == "SUCCESS"


async def test_bytes_that_the_receiver_takes_count_too() -> None:
    """A receiver that reads a large request slowly is not idle. One that reads nothing is."""
    over = asyncio.Event()

    async def reading_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(OK + b"Content-Length: 0\r\n\r\n")
        await over.wait()
        writer.transport.abort()

    server = await asyncio.start_server(served(reading_one), "127.0.0.1", 0, limit=1024)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server, HttpTransport(LOCAL) as transport:
        first: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        await _begun(transport, url, first, TimeLimits())
        assert (await first).status == "SUCCESS"
        ((kept,),) = transport._connections._idle.values()
        assert kept._transport is not None
        kept._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        ended: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        sending = await _begun(transport, url, ended, TimeLimits(idle_seconds=100), b"x" * 1024 * 1024, 1e9)
        assert sending._connection is kept
        assert not kept.is_sent
        now = time.monotonic() + 100
        sending._unsent_bytes = kept.unsent_bytes + 1  # as if more bytes had been left at the last check
        sending.late(now)
        assert (sending.deadline, ended.done()) == (now + 100, False)
        while not ended.done():  # once the system's buffers are full, no more bytes leave
            now += 100
            sending.late(now)
            await asyncio.sleep(0)
        outcome = await ended
        over.set()
    assert outcome.error == {"type": "timeout", "message": "no byte from the endpoint for 100 s"}


async def test_a_kept_connection_has_no_time_to_be_made_in_and_waits_as_the_next_delivery_says() -> None:
    async with Receiver(answer(), keep=True) as receiver, HttpTransport(LOCAL) as transport:
        for limits in (TimeLimits(idle_seconds=60), TimeLimits(connect_seconds=0.000001), TimeLimits()):
            ended: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
            await _begun(transport, receiver.url, ended, limits)
            outcome = await ended
            assert (outcome.status, error_type(outcome)) == ("SUCCESS", None)
    assert receiver.connections == 1


@pytest.mark.parametrize(
    ("spec", "limits"),
    [
        ({}, TimeLimits()),
        ({"connect_timeout_ms": None, "idle_timeout_ms": None}, TimeLimits()),
        ({"connect_timeout_ms": 1500}, TimeLimits(connect_seconds=1.5)),
        ({"connect_timeout_ms": 1, "idle_timeout_ms": 900_000}, TimeLimits(connect_seconds=0.001, idle_seconds=900)),
    ],
)
async def test_a_spec_says_them_in_milliseconds(spec: dict[str, Any], limits: TimeLimits) -> None:
    version = EndpointVersion("e", 1, "HTTP", json.dumps({"url": "http://x/", **spec}), "{}", "w", [], [])
    made = target(version)
    assert isinstance(made, HttpTarget)
    assert made.limits == limits


@pytest.mark.parametrize("has_answered", [True, False])
@pytest.mark.parametrize("late_by", [0.05, 600.0])
async def test_an_answer_that_came_while_the_worker_was_stopped_counts(has_answered: bool, late_by: float) -> None:
    """A lease outlives its timeout. After SIGSTOP, or after the machine slept, the event loop runs its timers before it
    reads: the attempt used to be TIMED_OUT, and was sent again."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        async with HttpTransport(LOCAL) as transport:
            ended: asyncio.Future[Outcome] = loop.create_future()
            sending = await _begun(transport, f"http://127.0.0.1:{server.getsockname()[1]}/", ended, TimeLimits())
            receiver, _ = await loop.sock_accept(server)
            with receiver:
                assert await loop.sock_recv(receiver, 65536)
                # no await from here on: like a process that is stopped
                if has_answered:
                    receiver.send(OK + b"Content-Length: 2\r\n\r\nok")
                transport._timer_at, sending.deadline = time.monotonic() - late_by, 0.0
                sending._started -= 600
                transport._end_late_ones()
                outcome = await ended
    assert outcome.status == ("SUCCESS" if has_answered else "TIMED_OUT")


async def test_nothing_is_sent_once_its_time_is_over_though_its_connection_is_there() -> None:
    """The connection opened while the worker was stopped, perhaps for longer than its lease: another worker may be
    sending the delivery."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        async with HttpTransport(LOCAL) as transport:
            ended: asyncio.Future[Outcome] = loop.create_future()
            sending = await _begun(transport, f"http://127.0.0.1:{server.getsockname()[1]}/", ended, TimeLimits())
            sending._started -= 600
            receiver, _ = await loop.sock_accept(server)
            with receiver:
                assert await loop.sock_recv(receiver, 65536) == b""
            outcome = await ended
    assert (outcome.status, outcome.is_unknown) == ("TIMED_OUT", False)
    assert outcome.error == {"type": "timeout", "message": "no connection to the endpoint within 600 s"}
