"""Records of Kafka topics, sent to librdkafka's mock cluster, whose brokers answer with given errors, and to scripted
brokers."""

import asyncio
import io
import json
import os
import socket
import struct
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from delivery.kafka_mock import IS_MISSING, MISSING, PRODUCE, MockCluster
from delivery.scripted_broker import ScriptedBroker
from delivery.sending import LOCAL, error_type, response, stored_request, told
from delivery.servers import Names
from kronos.delivery.destinations import KafkaCluster, KafkaTopic, Message, Sasl, Tls
from kronos.delivery.egress import EgressPolicy
from kronos.delivery.outcome import Outcome
from kronos.delivery.streams import Streams
from served import served
from worker.running import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.skipif(IS_MISSING, reason=MISSING)]
RECORD = Message(pairs=(("team", b"sales"), ("Idempotency-Key", b"01938e2a")), key=b"7", value=b'{"id":7}')
_NUMBERS = count(1)
SECONDS = 20.0  # no test waits this long


@pytest.fixture(scope="session")
def brokers() -> Iterator[MockCluster]:
    """Three brokers for all tests of the file; each test starts with a new topic."""
    with MockCluster(3) as made:
        yield made


@pytest.fixture
def cluster(brokers: MockCluster) -> Iterator[MockCluster]:
    """The cluster with a new topic of one partition, led by the first broker. All brokers are restored afterwards."""
    brokers.current = f"orders-{next(_NUMBERS)}"
    brokers.topic(brokers.current, replicas=3)
    brokers.leader(brokers.current, 0, 1)
    yield brokers
    for broker in (1, 2, 3):
        brokers.slow(broker, 0)
        brokers.up(broker)


def on(cluster: MockCluster, **changes: Any) -> KafkaTopic:
    return to(cluster.bootstrap, **{"topic": cluster.current, **changes})


def to(bootstrap: list[str], **changes: Any) -> KafkaTopic:
    servers = tuple((host, int(port)) for host, _, port in (each.rpartition(":") for each in bootstrap))
    of_cluster: Any = {name: changes.pop(name) for name in list(changes) if name in KafkaCluster.__dataclass_fields__}
    return KafkaTopic(
        **{
            "cluster": KafkaCluster(bootstrap=servers, **of_cluster),
            "topic": "orders",
            "connect_seconds": SECONDS,
            **changes,
        }
    )


async def deliver(where: KafkaTopic, *, seconds: float = SECONDS, policy: EgressPolicy = LOCAL) -> Outcome:
    async with Streams(policy) as streams:
        return await streams.deliver(where, RECORD, seconds=seconds)


async def test_a_record_has_key_value_and_headers_and_its_place_is_the_output(cluster: MockCluster) -> None:
    async with Streams(LOCAL) as streams:
        outcomes = [await streams.deliver(on(cluster), RECORD, seconds=SECONDS) for _ in range(2)]
        leader = on(cluster, needs_all=False)
        outcomes.append(await streams.deliver(leader, RECORD, seconds=SECONDS))
    assert [response(outcome) for outcome in outcomes] == [
        {"topic": cluster.current, "partition": 0, "offset": offset} for offset in range(3)
    ]
    assert stored_request(outcomes[0]) == {
        "type": "KAFKA",
        "bootstrap_servers": cluster.bootstrap,
        "topic": cluster.current,
        "headers": ["team", "Idempotency-Key"],
        "body_bytes": 41,
    }
    records = cluster.records(cluster.current, 3)
    assert {(record.key(), record.value()) for record in records} == {(b"7", b'{"id":7}')}
    assert {tuple(record.headers()) for record in records} == {tuple(RECORD.pairs)}


async def test_many_at_once_share_connections_and_each_has_its_own_offset(cluster: MockCluster) -> None:
    cluster.current += "-spread"
    cluster.topic(cluster.current, partitions=4, replicas=3)
    async with Streams(LOCAL) as streams:
        await streams.deliver(on(cluster), RECORD, seconds=SECONDS)
        before = len(os.listdir("/proc/self/fd"))
        records = [Message(pairs=(), key=b"%d" % number, value=b"%d" % number) for number in range(200)]
        where = on(cluster)
        outcomes = await asyncio.gather(*(streams.deliver(where, each, seconds=SECONDS) for each in records))
        assert len(os.listdir("/proc/self/fd")) <= before + 6  # three brokers, and both ends are in this process
    places = {(response(outcome)["partition"], response(outcome)["offset"]): number
              for number, outcome in enumerate(outcomes)}  # fmt: skip
    assert len(places) == 200
    found = cluster.records(cluster.current, 201, partitions=4)
    kept = {(each.partition(), each.offset()): int(each.value()) for each in found if each.key() == each.value()}
    assert kept == places


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (-1, ("UNKNOWN", "broker", True)),
        (7, ("UNKNOWN", "broker", True)),
        (20, ("UNKNOWN", "broker", True)),
        (2, ("FAILED", "broker", True)),
        (3, ("FAILED", "broker", True)),
        (5, ("FAILED", "broker", True)),
        (6, ("FAILED", "broker", True)),
        (19, ("FAILED", "broker", True)),
        (56, ("FAILED", "broker", True)),
        (89, ("FAILED", "broker", True)),
        (10, ("FAILED", "broker", False)),
        (17, ("FAILED", "broker", False)),
        (18, ("FAILED", "broker", False)),
        (87, ("FAILED", "broker", False)),
        (29, ("FAILED", "auth", False)),
        (31, ("FAILED", "auth", False)),
    ],
)
async def test_each_error_of_a_broker_is_named_and_nothing_is_sent_again(
    cluster: MockCluster, code: int, expected: tuple[str, str, bool]
) -> None:
    cluster.refuse(PRODUCE, [code])
    async with Streams(LOCAL) as streams:
        assert told(await streams.deliver(on(cluster), RECORD, seconds=SECONDS)) == expected
        # A second request of the first delivery would have taken this one's offset.
        after = await streams.deliver(on(cluster), RECORD, seconds=SECONDS)
    assert response(after)["offset"] == 0


async def test_a_leader_that_moves_costs_an_attempt_and_no_more(cluster: MockCluster) -> None:
    async with Streams(LOCAL) as streams:

        async def once() -> str:
            return (await streams.deliver(on(cluster), RECORD, seconds=SECONDS)).status

        assert await once() == "SUCCESS"
        cluster.leader(cluster.current, 0, 2)
        statuses = [await once(), await once()]
    assert statuses in (["FAILED", "SUCCESS"], ["SUCCESS", "SUCCESS"])


async def test_brokers_that_are_down_are_a_failure_and_those_that_are_back_are_delivered_to(
    cluster: MockCluster,
) -> None:
    async with Streams(LOCAL) as streams:

        async def once() -> Outcome:
            return await streams.deliver(on(cluster, connect_seconds=1.0), RECORD, seconds=SECONDS)

        async def is_delivered() -> None:
            """A busy machine may need more than a second to connect."""
            statuses: list[str] = []
            while "SUCCESS" not in statuses:
                statuses.append((await once()).status)
                assert len(statuses) < 50, statuses

        await is_delivered()
        for broker in (1, 2, 3):
            cluster.down(broker)
        down = await once()
        assert (down.status, down.retryable) in [("FAILED", True), ("UNKNOWN", True), ("TIMED_OUT", True)]
        for broker in (1, 2, 3):
            cluster.up(broker)
        await is_delivered()


async def test_nobody_home_is_a_connect_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert told(await deliver(to([f"127.0.0.1:{port}"]))) == ("FAILED", "connect", True)


async def test_a_timeout_before_it_is_sent_is_known_and_one_after_it_is_not(cluster: MockCluster) -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    try:
        bootstrap = [f"127.0.0.1:{silent.getsockname()[1]}"]
        assert told(await deliver(to(bootstrap), seconds=0.2)) == ("TIMED_OUT", "timeout", True)
        assert told(await deliver(to(bootstrap, connect_seconds=0.2))) == ("TIMED_OUT", "timeout", True)
    finally:
        silent.close()
    async with Streams(LOCAL) as streams:
        assert (await streams.deliver(on(cluster), RECORD, seconds=SECONDS)).status == "SUCCESS"
        cluster.slow(1, 60_000)
        for _ in range(100):  # if the machine stalls, the timeout may pass before the record is sent
            outcome = await streams.deliver(on(cluster), RECORD, seconds=0.1)
            if outcome.status == "UNKNOWN":
                break
        assert told(outcome) == ("UNKNOWN", "timeout", True)


async def test_after_a_thousand_timeouts_no_socket_and_no_task_is_left(cluster: MockCluster) -> None:
    tasks = len(asyncio.all_tasks())
    async with Streams(LOCAL) as streams:
        where = on(cluster)
        await streams.deliver(where, RECORD, seconds=SECONDS)
        before = len(os.listdir("/proc/self/fd"))
        cluster.slow(1, 60_000)
        for _ in range(10):
            outcomes = await asyncio.gather(*(streams.deliver(where, RECORD, seconds=0.05) for _ in range(100)))
            assert {outcome.status for outcome in outcomes} <= {"UNKNOWN", "TIMED_OUT"}
        assert len(os.listdir("/proc/self/fd")) <= before + 6  # three brokers, and both ends are in this process
    await until(lambda: len(asyncio.all_tasks()) <= tasks, "every task to end")


async def test_after_a_thousand_aborts_nothing_is_left_and_what_was_handed_over_may_still_go_out(
    cluster: MockCluster,
) -> None:
    tasks = len(asyncio.all_tasks())
    async with Streams(LOCAL) as streams:
        where = on(cluster)
        await streams.deliver(where, RECORD, seconds=SECONDS)
        before = len(os.listdir("/proc/self/fd"))
        cluster.slow(1, 60_000)

        async def once(rounds: int) -> Outcome:
            ended: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
            sending = streams.send(where, RECORD, seconds=SECONDS, on_end=ended.set_result)
            assert sending is not None
            for _ in range(rounds):
                await asyncio.sleep(0)
            sending.stop("cancelled")
            return await ended

        at_once, handed_over = await once(0), await once(20)
        for _ in range(10):
            outcomes = await asyncio.gather(*(once(nth) for nth in range(100)))
            assert {error_type(outcome) for outcome in outcomes} == {"cancelled"}
        assert len(os.listdir("/proc/self/fd")) <= before + 6  # three brokers, and both ends are in this process
    await until(lambda: len(asyncio.all_tasks()) <= tasks, "every task to end")
    assert (at_once.status, handed_over.status) == ("FAILED", "UNKNOWN")
    assert isinstance(handed_over.error, dict)
    assert "may still be sent" in handed_over.error["message"]


async def test_the_workers_end_is_an_outcome(cluster: MockCluster) -> None:
    ended: list[Outcome] = []
    async with Streams(LOCAL) as streams:
        await streams.deliver(on(cluster), RECORD, seconds=SECONDS)
        cluster.slow(1, 60_000)
        streams.send(on(cluster), RECORD, seconds=SECONDS, on_end=ended.append)
        for _ in range(20):
            await asyncio.sleep(0)
        streams.cut_off()
        await until(lambda: ended, "the outcome")
    assert (told(ended[0]), ended[0].is_cut_off, ended[0].is_unsent) == (
        ("UNKNOWN", "worker_stopped", True),
        True,
        False,
    )


@pytest.mark.parametrize("seconds", [0.05, SECONDS])
async def test_what_had_no_connection_at_the_workers_end_was_not_attempted_and_before_it_has_timed_out(
    seconds: float,
) -> None:
    """Its broker accepts connections and never answers, like a stopped one. An attempt whose connect timeout passed
    before the worker's end has failed."""
    ended: list[Outcome] = []
    async with Streams(LOCAL) as streams:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            where = to([f"127.0.0.1:{silent.getsockname()[1]}"], connect_seconds=seconds)
            streams.send(where, RECORD, seconds=SECONDS, on_end=ended.append)
            connection, _ = await asyncio.get_running_loop().run_in_executor(None, silent.accept)
            with connection:
                if seconds < SECONDS:
                    await until(lambda: ended, "the timeout")
                streams.cut_off()
                await until(lambda: ended, "the outcome")
    (outcome,) = ended
    expected = ("timeout", False, False) if seconds < SECONDS else ("worker_stopped", True, True)
    assert (error_type(outcome), outcome.is_cut_off, outcome.is_unsent) == expected


async def test_who_logs_in_by_sasl_is_let_in_and_others_are_refused_for_good() -> None:
    async with ScriptedBroker(users={"kronos": "canary-secret"}) as broker:
        right = await deliver(to(broker.bootstrap, sasl=Sasl(mechanism="PLAIN", username="kronos",
                                                             password="canary-secret")))  # fmt: skip
        wrong = await deliver(to(broker.bootstrap, sasl=Sasl(mechanism="PLAIN", username="kronos",
                                                             password="canary-wrong")))  # fmt: skip
        other = await deliver(to(broker.bootstrap, sasl=Sasl(mechanism="SCRAM-SHA-256", username="kronos",
                                                             password="canary-secret")))  # fmt: skip
    assert response(right) == {"topic": "orders", "partition": 0, "offset": 42}
    assert [told(wrong), told(other)] == [("FAILED", "auth", False)] * 2
    assert "canary" not in repr([right, wrong, other])


async def test_a_broker_that_asks_for_endless_work_is_refused() -> None:
    def reply(key: int, request: bytes) -> bytes | None:
        if key != 36:
            return None
        nonce = request[4:].decode().rpartition("r=")[2]
        first = f"r={nonce}x,s=c2FsdA==,i=2000000000".encode()
        return struct.pack(">hh", 0, -1) + struct.pack(">i", len(first)) + first

    async with ScriptedBroker(mechanism="SCRAM-SHA-512", reply=reply) as broker:
        sasl = Sasl(mechanism="SCRAM-SHA-512", username="u", password="p")
        outcome = await deliver(to(broker.bootstrap, sasl=sasl))
    assert told(outcome) == ("FAILED", "bad_response", True)


@pytest.mark.parametrize(
    "answer",
    [b"", b"\0\0", b"\xff" * 64, struct.pack(">hi", 0, 2**31 - 1), struct.pack(">hi", 35, 0)],
    ids=["nothing", "cut", "garbage", "endless", "another version"],
)
async def test_an_answer_that_is_none_is_named(answer: bytes) -> None:
    async with ScriptedBroker(reply=lambda key, _: answer) as broker:
        outcome = await deliver(to(broker.bootstrap, connect_seconds=1.0))
    assert (outcome.status in ("FAILED", "TIMED_OUT"), outcome.retryable) == (True, True)


@pytest.mark.parametrize("size", [2**31 - 1, -1, 20_000])
async def test_an_announced_answer_that_is_too_large_is_not_waited_for(size: int) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(struct.pack(">i", size))
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(served(talk), "127.0.0.1", 0)
    async with server:
        outcome = await deliver(to([f"127.0.0.1:{server.sockets[0].getsockname()[1]}"]))
    assert told(outcome) == ("FAILED", "connect", True)


async def test_a_produce_that_is_never_answered_is_unknown_when_the_broker_goes() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            (size,) = struct.unpack(">i", await reader.readexactly(4))
            request = io.BytesIO(await reader.readexactly(size))
            key, _, correlation = struct.unpack(">hhi", request.read(8))
            if key == 0:
                writer.close()
                return
            request.seek(8)
            body = broker.answer(key, request.read())
            assert body is not None
            answer = struct.pack(">i", correlation) + body
            writer.write(struct.pack(">i", len(answer)) + answer)

    broker = ScriptedBroker()
    server = await asyncio.start_server(served(talk), "127.0.0.1", 0)
    broker.port = server.sockets[0].getsockname()[1]
    async with server:
        outcome = await deliver(to(broker.bootstrap))
    assert told(outcome) == ("UNKNOWN", "closed_without_answer", True)


async def test_a_broker_without_tls_is_no_broker_with_it(cluster: MockCluster) -> None:
    outcome = await deliver(on(cluster, tls=Tls(), connect_seconds=2.0))
    assert outcome.status in ("FAILED", "TIMED_OUT")
    assert error_type(outcome) in ("tls", "connect", "timeout")


async def test_an_advertised_address_that_may_not_be_reached_is_not_connected_to() -> None:
    async with ScriptedBroker() as canary, ScriptedBroker(advertises=("127.0.0.1", canary.port)) as broker:
        only_2 = EgressPolicy.parse("127.0.0.2")
        names = Names({"kafka.test": ["127.0.0.2"]})
        # The first broker is at an allowed address; it sends clients elsewhere.
        relay = await asyncio.start_server(lambda r, w: broker.talk(r, w), "127.0.0.2", 0)
        async with relay, Streams(only_2, resolver=names) as streams:
            bootstrap = [f"kafka.test:{relay.sockets[0].getsockname()[1]}"]
            outcome = await streams.deliver(to(bootstrap), RECORD, seconds=SECONDS)
        assert (told(outcome), canary.connections) == (("FAILED", "address_blocked", False), 0)
        assert "127.0.0" not in json.dumps(outcome.error)
