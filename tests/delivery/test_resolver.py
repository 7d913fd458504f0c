"""Name resolution: a server that never answers delays only its own names, and no shutdown. Address families are tried
according to RFC 8305."""

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from delivery.sending import delivery, error_type
from delivery.servers import Names, Receiver, answer, full_backlog
from kronos.delivery.egress import EgressPolicy
from kronos.delivery.http import HttpTransport
from kronos.delivery.resolver import SystemResolver
from looking import starved

# This module has its own loops: conftest.py runs each test on two kinds, and the session's loop belongs to all folders.
pytestmark = pytest.mark.asyncio(loop_scope="module")

BOTH = EgressPolicy.parse("127.0.0.0/8,::1")


@pytest.fixture
def deaf() -> Iterator[tuple[SystemResolver, socket.socket]]:
    """A resolver whose server receives queries and never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.setblocking(False)
        host, port = server.getsockname()
        yield SystemResolver(servers=[host], port=port), server


class NameServer(asyncio.DatagramProtocol):
    """Answers each query with `address` and the TTL `ttl`, in seconds. Queries for `slow_name` are answered
    `slow_seconds` after the first of them."""

    slow_name, slow_seconds = b"slow", 2.2

    def __init__(self) -> None:
        self.address, self.ttl = "127.0.0.1", 0
        self.questions = 0
        self._slow_at: float | None = None

    # the base class's is a datagram transport
    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, sender: tuple[str, int]) -> None:
        self.questions += 1
        loop = asyncio.get_running_loop()
        if self.slow_name not in data:
            self._answer(data, sender)
        else:
            self._slow_at = self._slow_at or loop.time() + self.slow_seconds
            loop.call_at(self._slow_at, self._answer, data, sender)

    def _answer(self, data: bytes, sender: tuple[str, int]) -> None:
        end = data.index(b"\0", 12) + 5
        is_a = data[end - 4 : end - 2] == b"\0\1"
        record = b"\xc0\x0c\0\1\0\1" + struct.pack(">IH", self.ttl, 4) + socket.inet_aton(self.address) if is_a else b""
        self._transport.sendto(
            data[:2] + b"\x81\x80\0\1" + struct.pack(">HHH", is_a, 0, 0) + data[12:end] + record, sender
        )


@asynccontextmanager
async def name_server() -> AsyncIterator[tuple[NameServer, SystemResolver]]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    host, port = transport.get_extra_info("sockname")
    resolver = SystemResolver(servers=[host], port=port)
    try:
        yield server, resolver
    finally:
        await resolver.close()
        transport.close()


async def test_a_name_that_is_answered_late_is_known_all_the_same() -> None:
    """c-ares waits as long as its server's recent answers took, a quarter of a second at first: three tries used to
    give up after 1.4 s."""
    async with name_server() as (_, resolver):
        for number in range(10):
            assert await resolver.resolve(f"n{number}.example.com") == ["127.0.0.1"]
        assert await resolver.resolve("slow.example.com") == ["127.0.0.1"]


async def test_an_answer_is_kept_as_long_as_its_record_says() -> None:
    async with name_server() as (server, resolver):
        assert await resolver.resolve("moves.example.com") == ["127.0.0.1"]
        server.address, server.ttl = "127.0.0.2", 300
        assert await resolver.resolve("moves.example.com") == ["127.0.0.2"], "the first answer's record said 0 s"
        asked, server.address = server.questions, "127.0.0.3"
        assert (await resolver.resolve("moves.example.com"), server.questions) == (["127.0.0.2"], asked)


async def test_names_that_hang_hold_up_no_other_name_and_no_end(deaf: tuple[SystemResolver, socket.socket]) -> None:
    """When a lookup held a thread, forty of them stopped a worker, and delayed its shutdown for 20 s."""
    resolver, server = deaf
    async with Receiver(answer()) as receiver:
        async with HttpTransport(BOTH, resolver=resolver) as transport:
            hanging = [
                asyncio.create_task(
                    transport.deliver(delivery(f"http://n{n}.example.com/", timeout=timedelta(seconds=60)))
                )
                for n in range(40)
            ]
            for _ in range(80):  # for both families of each
                await asyncio.wait_for(asyncio.get_running_loop().sock_recv(server, 4096), 60)
            for _ in range(5):
                assert (await transport.deliver(delivery(f"http://localhost:{receiver.port}/"))).status == "SUCCESS"
            assert not any(task.done() for task in hanging)
            for task in hanging:
                task.cancel()
            began, before = time.monotonic(), starved()
        assert time.monotonic() - began < 15 + starved() - before
        await asyncio.gather(*hanging, return_exceptions=True)
    assert resolver._under_way == {}


async def test_deliveries_to_one_name_share_one_question(deaf: tuple[SystemResolver, socket.socket]) -> None:
    resolver, server = deaf
    async with HttpTransport(BOTH, resolver=resolver) as transport:
        outcomes = await asyncio.gather(
            *(
                transport.deliver(delivery("http://same.example.com/", timeout=timedelta(seconds=0.3)))
                for _ in range(50)
            )
        )
    assert {(outcome.status, error_type(outcome)) for outcome in outcomes} == {("TIMED_OUT", "timeout")}
    questions = 0
    while True:
        try:
            server.recv(4096)
        except BlockingIOError:
            break
        questions += 1
    assert 1 <= questions <= 4  # for both families, and once again


async def test_a_receiver_on_one_family_only_is_reached_by_a_name_that_has_both() -> None:
    async with Receiver(answer()) as receiver:
        names = Names({"dual.test": ["::1", "127.0.0.1"]})
        async with HttpTransport(BOTH, resolver=names) as transport:
            outcome = await transport.deliver(delivery(f"http://dual.test:{receiver.port}/"))
    assert outcome.status == "SUCCESS"


@pytest.mark.parametrize("policy", ["127.0.0.0/8", "127.0.0.0/8,::1"])
async def test_localhost_is_reached_on_ipv4_whatever_the_hosts_file_says(policy: str) -> None:
    async with Receiver(answer()) as receiver, HttpTransport(EgressPolicy.parse(policy)) as transport:
        assert (await transport.deliver(delivery(f"http://localhost:{receiver.port}/"))).status == "SUCCESS"


async def test_an_address_that_does_not_answer_costs_a_quarter_of_a_second_and_not_the_delivery() -> None:
    with full_backlog() as (host, port):
        async with (
            Receiver(answer(), host="127.0.0.2", port=port),
            HttpTransport(BOTH, resolver=Names({"half.test": [host, "127.0.0.2"]})) as transport,
        ):
            outcome = await transport.deliver(delivery(f"http://half.test:{port}/", timeout=timedelta(seconds=30)))
    assert outcome.status == "SUCCESS"
    assert timedelta(seconds=0.2) < outcome.duration < timedelta(seconds=20)
