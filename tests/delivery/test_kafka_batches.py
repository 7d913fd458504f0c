"""Records that are produced together: each has its own acknowledgement, whatever the broker answers for the batch, and
none is sent after its delivery has ended."""

import asyncio
import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.structs import TopicPartition

from delivery.sending import LOCAL
from kronos.delivery import kafka, kafka_client
from kronos.delivery.destinations import BrokerError, KafkaCluster, Message
from kronos.delivery.kafka import KafkaTransport
from kronos.delivery.kafka_client import KafkaClient, Pending
from kronos.delivery.progress import Progress
from kronos.delivery.resolver import SystemResolver
from stopped_clock import StoppedClock
from worker.scripted import turns

Answered = Sequence[tuple[str, Sequence[tuple[int, ...]]]]


class Broker:
    """A broker's connection, which answers each request with the next answer, or the error that it meets."""

    def __init__(self, *answers: Answered | Exception) -> None:
        self._answers = list(answers)
        self.sent: list[Any] = []
        self.closes: list[object] = []
        self._request_timeout = 0.0

    async def send(self, request: Any) -> Any:
        self.sent.append(request)
        answer = self._answers.pop(0) if self._answers else [("orders", [(0, 0, 40)])]
        await asyncio.sleep(0)
        if isinstance(answer, Exception):
            raise answer
        return SimpleNamespace(topics=answer)

    def close(self, reason: object = None) -> None:
        self.closes.append(reason)

    @property
    def partitions(self) -> list[list[tuple[str, int]]]:
        """The topics and partitions of each request."""
        return [[(topic, each[0]) for topic, of in request._topics for each in of] for request in self.sent]


def client() -> KafkaClient:
    return KafkaClient(KafkaCluster(bootstrap=(("127.0.0.1", 9092),)), LOCAL, SystemResolver(), None)


def record(partition: int = 0, *, size: int = 1, needs_all: bool = True, topic: str = "orders") -> Pending:
    return Pending(
        partition=TopicPartition(topic, partition),
        message=Message(pairs=(("a", b"b"),), key=b"k", value=bytes(size)),
        needs_all=needs_all,
        ends_at=time.monotonic() + 60,
        progress=Progress(),
        acknowledged=asyncio.get_running_loop().create_future(),
    )


async def ends(of: KafkaClient, broker: Any, *records: Pending) -> list[int | tuple[str, bool]]:
    """Produce all of them in one turn of the event loop. Return each one's offset, or its error and whether it may have
    been stored."""
    for each in records:
        of.produce(broker, each)
    async with asyncio.timeout(60):
        found = await asyncio.gather(*(each.acknowledged for each in records), return_exceptions=True)
    return [(each.kind, each.is_unknown) if isinstance(each, BrokerError) else each for each in found]  # type: ignore[misc]


async def test_records_of_one_turn_are_one_request_and_each_has_its_own_offset() -> None:
    broker = Broker([("orders", [(0, 0, 40), (1, 0, 7)])])
    first, second, other = record(), record(), record(1)
    assert await ends(client(), broker, first, other, second) == [40, 7, 41]
    assert broker.partitions == [[("orders", 0), ("orders", 1)]]
    assert all(each.progress.is_sent for each in (first, second, other))


async def test_records_of_different_topics_share_a_request() -> None:
    broker = Broker([("orders", [(0, 0, 40)]), ("bills", [(0, 0, 5)])])
    assert await ends(client(), broker, record(), record(topic="bills")) == [40, 5]
    assert len(broker.sent) == 1


async def test_records_that_need_all_replicas_and_those_that_do_not_are_separate_requests() -> None:
    broker = Broker([("orders", [(0, 0, 40)])], [("orders", [(0, 0, 50)])])
    assert await ends(client(), broker, record(needs_all=False), record(), record(needs_all=False)) == [50, 40, 51]
    assert [request._required_acks for request in broker.sent] == [-1, 1]


async def test_a_request_may_take_as_long_as_the_longest_of_its_deliveries_and_ten_seconds_at_least() -> None:
    broker, short, long = Broker(), record(), record()
    short.ends_at, long.ends_at = time.monotonic() - 5, time.monotonic() + 100
    await ends(client(), broker, short, long)
    assert 90 < broker._request_timeout <= 100
    assert 90_000 < broker.sent[0]._timeout <= 100_000
    late = record()
    late.ends_at = time.monotonic() - 5
    await ends(client(), broker, late)
    assert (broker._request_timeout, broker.sent[1]._timeout) == (10.0, 1)


async def test_a_delivery_that_ended_before_its_request_is_not_sent() -> None:
    """Another attempt may send it: then it would arrive twice."""
    broker, ended, waiting = Broker(), record(), record()
    of = client()
    of.produce(broker, ended)  # type: ignore[arg-type]  # what is used of a connection
    ended.acknowledged.cancel()
    assert await ends(of, broker, waiting) == [40]
    assert (ended.progress.is_sent, waiting.progress.is_sent) == (False, True)
    alone = record()
    of.produce(broker, alone)  # type: ignore[arg-type]
    alone.acknowledged.cancel()
    await turns()
    assert len(broker.sent) == 1


@pytest.mark.parametrize("error", [ConnectionResetError(), TimeoutError(), ValueError("an answer that is none")])
async def test_without_an_answer_it_is_not_known_whether_records_are_stored(error: Exception) -> None:
    broker = Broker(error)
    found = await ends(client(), broker, record(), record(1))
    assert found == [("closed_without_answer", True)] * 2
    assert len(broker.closes) == isinstance(error, TimeoutError), "later answers would belong to earlier requests"


async def test_a_record_that_the_answer_does_not_mention_is_unknown_and_the_others_are_stored() -> None:
    broker = Broker([("orders", [(0, 0, 40)])])
    assert await ends(client(), broker, record(), record(1)) == [40, ("bad_response", True)]


async def test_a_refused_batch_is_sent_record_by_record_and_only_the_cause_fails() -> None:
    broker = Broker(
        [("orders", [(0, 10, -1)])],  # MESSAGE_TOO_LARGE
        [("orders", [(0, 0, 40)])],
        [("orders", [(0, 10, -1)])],
    )
    found = await ends(client(), broker, record(), record())
    assert (found[0], isinstance(found[1], tuple) and found[1][1], len(broker.sent)) == (40, False, 3)


async def test_of_a_refused_batch_a_delivery_that_has_ended_is_not_sent_again() -> None:
    ended, waiting = record(), record()

    class Cancelling(Broker):
        async def send(self, request: Any) -> Any:
            if not self.sent:
                ended.acknowledged.cancel()
            return await super().send(request)

    broker = Cancelling([("orders", [(0, 10, -1)])], [("orders", [(0, 0, 9)])])
    found = await ends(client(), broker, ended, waiting)
    assert isinstance(found[0], asyncio.CancelledError)
    assert (found[1], len(broker.sent)) == (9, 2)


async def test_an_error_of_the_partition_is_each_records_and_stale_metadata_are_read_again() -> None:
    of = client()
    found = await ends(of, Broker([("orders", [(0, 6, -1)])]), record(), record())  # NOT_LEADER_OR_FOLLOWER
    assert [each[1] for each in found if isinstance(each, tuple)] == [False, False]
    assert of._is_stale
    fresh = client()
    await ends(fresh, Broker([("orders", [(0, 7, -1)])]), record())  # REQUEST_TIMED_OUT
    assert not fresh._is_stale


@pytest.mark.parametrize(
    ("sizes", "batches"),
    [([], []), ([100], [1]), ([60, 40, 5], [2, 1]), ([60, 41], [1, 1]), ([300, 1], [1, 1]), ([1, 300, 1], [1, 1, 1])],
)
async def test_a_batch_is_as_large_as_brokers_take_and_no_record_is_left_out(
    monkeypatch: pytest.MonkeyPatch, sizes: list[int], batches: list[int]
) -> None:
    monkeypatch.setattr(kafka_client, "_MOST_TOGETHER", 100)
    records = [record() for _ in sizes]
    for each, size in zip(records, sizes, strict=True):
        each.message = Message(pairs=(), value=bytes(size))
    broker = Broker(*[[("orders", [(0, 0, 40 * number)])] for number in range(len(batches))])
    found = await ends(client(), broker, *records)
    assert found == [40 * number + place for number, count in enumerate(batches) for place in range(count)]


class Clusters:
    """The clients of a worker's clusters."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = StoppedClock()
        for module in (kafka, kafka_client):
            monkeypatch.setattr(module, "time", self.clock)
        self.transport = KafkaTransport(LOCAL, SystemResolver())
        self.closed: list[int] = []

    def use(self, number: int) -> KafkaClient:
        """Use the client of a cluster for a moment."""
        cluster = KafkaCluster(bootstrap=(("127.0.0.1", number),))
        found = self.transport._client(cluster, None)
        found.used_at = self.clock.now

        async def close() -> None:
            self.closed.append(number)

        found.close = close  # type: ignore[method-assign]
        return found


async def test_equal_clusters_share_a_client_which_is_closed_a_minute_after_its_last_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    of = Clusters(monkeypatch)
    first = of.use(1)
    of.clock.now += 30
    assert of.use(1) is first
    busy = of.use(2)
    busy.uses += 1
    of.clock.now += 60
    of.transport._close_old()
    await turns()
    assert of.closed == [], "a minute is not over"
    of.clock.now += 0.1
    of.transport._close_old()
    await turns()
    assert of.closed == [1], "the other one is in use"
    assert of.use(1) is not first
    await of.transport.close()
    assert sorted(of.closed) == [1, 1, 2]


async def test_beyond_the_number_that_is_kept_those_used_longest_ago_are_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    of = Clusters(monkeypatch)
    for number in (1, 2, 3, 4):
        of.clock.now += 1
        of.use(number)
    of.use(2).uses += 1
    of.clock.now += 1
    of.use(1)
    of.transport._close_beyond(4)
    await turns()
    assert of.closed == []
    of.transport._close_beyond(2)
    await turns()
    assert sorted(of.closed) == [3, 4]
    await of.transport.close()
