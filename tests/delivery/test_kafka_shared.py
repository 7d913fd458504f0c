"""State that Kafka deliveries share, and through which one could break others: batches, connections, cluster
clients."""

import asyncio
import socket
import struct

import pytest

from delivery.kafka_mock import IS_MISSING, MISSING, PRODUCE, MockCluster
from delivery.scripted_broker import ScriptedBroker
from delivery.sending import LOCAL, error_type, response
from delivery.test_kafka import RECORD, SECONDS, to
from kronos.delivery import kafka
from kronos.delivery.destinations import KafkaTopic, Message
from kronos.delivery.outcome import Outcome
from kronos.delivery.streams import Streams
from served import served
from worker.running import until

pytestmark = pytest.mark.asyncio(loop_scope="module")
MEBIBYTE = 1024 * 1024


async def at_once(streams: Streams, where: KafkaTopic, *messages: Message) -> list[Outcome]:
    """Send all of them in one round of the event loop, over an open connection."""
    await streams.deliver(where, RECORD, seconds=SECONDS)
    return await asyncio.gather(*(streams.deliver(where, each, seconds=SECONDS) for each in messages))


def of(size: int) -> Message:
    return Message(pairs=(), value=bytes(size))


@pytest.mark.skipif(IS_MISSING, reason=MISSING)
@pytest.mark.parametrize("code", [2, 10, 18, 32, 44, 87])
async def test_one_record_that_a_broker_refuses_spoils_no_other(code: int) -> None:
    """A broker rejects a batch as a whole: its records are then sent separately, and each is stored once."""
    with MockCluster() as cluster:
        cluster.topic("orders")
        async with Streams(LOCAL) as streams:
            await streams.deliver(to(cluster.bootstrap), RECORD, seconds=SECONDS)
            cluster.refuse(PRODUCE, [code, code])
            outcomes = await asyncio.gather(
                *(streams.deliver(to(cluster.bootstrap), RECORD, seconds=SECONDS) for _ in range(3))
            )
        assert sorted(outcome.status for outcome in outcomes) == ["FAILED", "SUCCESS", "SUCCESS"]
        assert cluster.count("orders") == 3


async def test_a_batch_is_no_larger_than_brokers_take() -> None:
    async with ScriptedBroker() as broker, Streams(LOCAL) as streams:
        outcomes = await at_once(streams, to(broker.bootstrap), *[of(100 * 1024)] * 5, of(1), of(900 * 1024), of(1))
        assert {outcome.status for outcome in outcomes} == {"SUCCESS"}
        # Batches: 2 and 2, the fifth with the small one; the large one by itself; the last.
        assert broker.requests.count(0) == 1 + 5
        assert [response(outcome)["offset"] for outcome in outcomes] == [42, 43, 42, 43, 42, 43, 42, 42]


async def test_a_cluster_beyond_those_that_are_kept_is_delivered_to_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All other clients are in use: the delivery's own client used to be closed at its start, and it never ended."""
    monkeypatch.setattr(kafka, "_MOST_CLUSTERS", 1)
    ended: list[Outcome] = []
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with ScriptedBroker() as broker, Streams(LOCAL) as streams:
            where = to([f"127.0.0.1:{silent.getsockname()[1]}"])
            streams.send(where, RECORD, seconds=SECONDS, on_end=ended.append)
            await asyncio.sleep(0)
            assert (await streams.deliver(to(broker.bootstrap), RECORD, seconds=SECONDS)).status == "SUCCESS"
            assert not ended
            streams.cut_off()
            await until(lambda: ended, "the outcome of the other")


async def test_what_a_broker_does_not_read_is_bounded() -> None:
    """Records wait for the broker to read what was sent before, and are known to be unsent when it disconnects."""
    is_deaf, goes = asyncio.Event(), asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while length := await reader.read(4):
            (size,) = struct.unpack(">i", length)
            head = await reader.readexactly(8)
            key, _, correlation = struct.unpack(">hhi", head)
            if key == 0 and size > MEBIBYTE:
                is_deaf.set()
                await goes.wait()
                break
            body = broker.answer(key, await reader.readexactly(size - 8))
            assert body is not None
            answer = struct.pack(">i", correlation) + body
            writer.write(struct.pack(">i", len(answer)) + answer)
        writer.transport.abort()

    broker = ScriptedBroker()
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    listening.bind(("127.0.0.1", 0))
    server = await asyncio.start_server(served(talk), sock=listening)
    broker.port = listening.getsockname()[1]
    ended: list[Outcome] = []
    async with server, Streams(LOCAL) as streams:

        def send(count: int) -> None:
            for _ in range(count):
                streams.send(to(broker.bootstrap), of(MEBIBYTE), seconds=SECONDS, on_end=ended.append)

        assert (await streams.deliver(to(broker.bootstrap), RECORD, seconds=SECONDS)).status == "SUCCESS"
        send(16)  # in one round of the event loop, over the open connection
        await is_deaf.wait()
        send(16)
        for _ in range(20):
            await asyncio.sleep(0)
        goes.set()
        await until(lambda: len(ended) == 32, "all outcomes")
    assert [outcome.status for outcome in ended].count("UNKNOWN") == 16
    assert [(outcome.status, error_type(outcome)) for outcome in ended].count(("FAILED", "connect")) == 16


async def test_a_start_that_failed_after_all_had_left_is_no_later_deliverys() -> None:
    connected, goes = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await goes.wait()
        writer.transport.abort()

    first = await asyncio.start_server(served(silent), "127.0.0.1", 0)
    port = first.sockets[0].getsockname()[1]
    async with Streams(LOCAL) as streams:
        left = asyncio.create_task(streams.deliver(to([f"127.0.0.1:{port}"]), RECORD, seconds=SECONDS))
        await connected.wait()
        left.cancel()
        first.close()
        goes.set()
        await until(lambda: not any("bootstrap" in repr(task) for task in asyncio.all_tasks()), "the start to fail")
        broker = ScriptedBroker()
        broker.port = port
        second = await asyncio.start_server(broker.talk, "127.0.0.1", port)
        async with second:
            outcome = await streams.deliver(to([f"127.0.0.1:{port}"]), RECORD, seconds=SECONDS)
    assert outcome.status == "SUCCESS"


async def test_metadata_that_makes_no_sense_is_asked_for_again() -> None:
    """The client used to stop asking: it was no longer usable, and could not be closed."""
    asked = 0

    def reply(key: int, request: bytes) -> bytes | None:
        nonlocal asked
        asked += key == 3
        if key != 3 or asked > 2:
            return None
        topics = 0 if asked == 1 else -1  # none; null
        address = struct.pack(">h", 9) + b"127.0.0.1" + struct.pack(">ih", broker.port, -1)
        return struct.pack(">ii", 1, 1) + address + struct.pack(">ii", 1, topics)

    async with ScriptedBroker(reply=reply) as broker, Streams(LOCAL) as streams:
        first, second = [await streams.deliver(to(broker.bootstrap), RECORD, seconds=SECONDS) for _ in range(2)]
    assert (first.status, error_type(first), first.retryable) == ("FAILED", "bad_response", True)
    assert second.status == "SUCCESS"


class Ended:
    """A resolver whose lookups are cancelled from outside."""

    async def resolve(self, host: str) -> list[str]:
        raise asyncio.CancelledError

    async def close(self) -> None:
        pass


async def test_what_is_ended_by_nobody_of_the_worker_still_has_an_outcome() -> None:
    ended: list[Outcome] = []
    async with Streams(LOCAL, resolver=Ended()) as streams:
        streams.send(to(["kafka.test:9092"]), RECORD, seconds=SECONDS, on_end=ended.append)
        await until(lambda: ended, "the outcome")
    assert (ended[0].status, error_type(ended[0]), ended[0].retryable) == ("FAILED", "internal", True)
