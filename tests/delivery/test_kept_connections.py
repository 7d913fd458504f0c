"""A kept connection carries the next delivery, and one that may be broken is never used."""

import asyncio

import pytest

from delivery.sending import LOCAL, delivery, error_type
from delivery.servers import (
    BlockingReceiver,
    Receiver,
    Talk,
    answer,
)
from kronos.delivery.answer import AnswerParser
from kronos.delivery.connection import Connection
from kronos.delivery.http import HttpTransport

pytestmark = pytest.mark.asyncio(loop_scope="module")


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
            await asyncio.wait_for(receiver.ended.acquire(), 60)
            assert receiver.connections == expected


async def test_kept_connection_that_closed_while_the_loop_stood_still_is_not_used_again() -> None:
    with BlockingReceiver() as receiver:
        async with HttpTransport(LOCAL) as transport:
            outcomes = []
            for _ in range(3):
                outcomes.append(await transport.deliver(delivery(receiver.url, method="GET")))
                assert receiver.closed.acquire(timeout=60)  # the loop must not see the close
    assert ([outcome.status for outcome in outcomes], receiver.requests) == (["SUCCESS"] * 3, 3)


class Heard:
    """Receives one answer."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[AnswerParser] = asyncio.get_running_loop().create_future()

    def ended(self, answer: AnswerParser, error: Exception | None) -> None:
        assert error is None
        self.answer.set_result(answer)


async def test_connection_on_which_something_came_unasked_is_not_used_again_before_it_is_closed() -> None:
    async with Receiver(answer(), keep=True) as receiver:
        _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", receiver.port)
        heard = Heard()
        try:
            connection.send(b"GET / HTTP/1.1\r\n\r\n", heard)
            await heard.answer
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
