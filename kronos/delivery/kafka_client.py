"""One Kafka cluster of one worker: its brokers, the partition of a record, and batches of records."""

import asyncio
import random
import time
from collections.abc import Iterable, Iterator, Sequence

from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.cluster import ClusterMetadata
from aiokafka.conn import CloseReason
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.structs import TopicPartition

from kronos.delivery.destinations import BrokerError, KafkaCluster, KafkaTopic, Message
from kronos.delivery.egress import EgressPolicy, Resolver
from kronos.delivery.kafka_connection import SILENT_SECONDS, KafkaConnection
from kronos.delivery.kafka_errors import AUTH, OF_ONE_RECORD, PASSING, STALE, refusal
from kronos.delivery.progress import Progress
from kronos.delivery.trust import Trust
from kronos.delivery.wire import context_of
from kronos.records import dataclass

_METADATA_SECONDS = 300.0
_PAUSE_SECONDS = 0.05
_METADATA = "metadata"
"""A key among a client's failures that is not a broker: an invalid metadata response."""
# Brokers accept a batch of 1 MiB, unless configured for less, and reject a larger one as a whole.
_MOST_TOGETHER = 256 * 1024


@dataclass(slots=True, kw_only=True)
class Pending:
    """A record waiting for its acknowledgement."""

    partition: TopicPartition
    message: Message
    needs_all: bool
    ends_at: float
    progress: Progress
    acknowledged: asyncio.Future[int]


class KafkaClient(AIOKafkaClient):  # type: ignore[misc]  # untyped
    """One cluster of one worker."""

    def __init__(self, kafka: KafkaCluster, policy: EgressPolicy, resolver: Resolver, trust: Trust | None) -> None:
        super().__init__(
            bootstrap_servers=[f"{host}:{port}" for host, port in kafka.bootstrap],
            client_id="kronos",
            metadata_max_age_ms=int(_METADATA_SECONDS * 1000),
            request_timeout_ms=int(SILENT_SECONDS * 1000),
        )
        self.kafka, self.policy, self.resolver = kafka, policy, resolver
        self.context = None if trust is None else context_of(kafka.tls, trust)
        self.used_at = time.monotonic()
        self.uses = 0
        self._is_stale = False  # a broker reported stale metadata
        self._starting: asyncio.Task[None] | None = None
        self._locks: dict[int | str, asyncio.Lock] = {}
        self._failures: dict[int | str, Exception] = {}
        self._waiting: dict[KafkaConnection, list[Pending]] = {}
        self._requests: set[asyncio.Task[None]] = set()

    async def started(self) -> None:
        """Wait until the cluster's brokers are known. Raises the error of a failed start; a later call tries again."""
        if self._starting is None or _has_failed(self._starting):  # a failed start that no one awaited
            self._starting = asyncio.create_task(self.bootstrap())
        starting = self._starting
        try:
            # Shielded, so that a cancelled waiter does not cancel the start for others. Its own timeouts end it.
            await asyncio.shield(starting)
        except Exception:  # any error is re-raised; only the start is reset
            if self._starting is starting:
                self._starting = None
            raise

    async def bootstrap(self) -> None:
        """Query one bootstrap broker after the other for the cluster's brokers."""
        failure: Exception | None = None
        for host, port in random.sample(self.kafka.bootstrap, len(self.kafka.bootstrap)):
            try:
                async with asyncio.timeout(SILENT_SECONDS):
                    connection = await self._open(host, port)
                    try:
                        self.cluster.update_metadata(await connection.send(MetadataRequest([])))
                    except BaseException:
                        connection.close()
                        raise
            except Exception as error:
                failure = error
                continue
            if self.cluster.brokers():
                connection.close()
            else:
                self._conns["bootstrap", ConnectionGroup.DEFAULT] = connection
            self._sync_task = asyncio.create_task(self._md_synchronizer())
            return
        raise failure or KafkaError("no broker was named")

    async def _open(self, host: str, port: int) -> KafkaConnection:
        connection = KafkaConnection(
            host,
            port,
            cluster=self.kafka,
            policy=self.policy,
            resolver=self.resolver,
            context=self.context,
            on_close=self._on_connection_closed,
        )
        await connection.connect()
        return connection

    async def _get_conn(
        self,
        node_id: int | str,
        *,
        group: ConnectionGroup = ConnectionGroup.DEFAULT,
        no_hint: bool = False,
    ) -> KafkaConnection | None:
        """Like the base's: return a connection to a broker, or None with the reason in `_failures`. A broker that does
        not respond does not delay others."""
        kept = self._conns.get((node_id, group))
        if kept is not None and kept.connected():
            return kept  # type: ignore[no-any-return]  # it holds our connections
        async with self._locks.setdefault(node_id, asyncio.Lock()):
            kept = self._conns.pop((node_id, group), None)
            if kept is not None and kept.connected():
                self._conns[node_id, group] = kept
                return kept  # type: ignore[no-any-return]
            if (broker := self.cluster.broker_metadata(node_id)) is None:
                self.force_metadata_update()
                return None
            try:
                async with asyncio.timeout(SILENT_SECONDS):
                    made = await self._open(broker.host, broker.port)
            except Exception as error:
                self._failures[node_id] = error
                self.force_metadata_update()
                return None
            self._failures.pop(node_id, None)
            self._conns[node_id, group] = made
            return made

    async def _metadata_update(self, cluster_metadata: ClusterMetadata, topics: set[str]) -> bool:
        """Like the base's, but survives an invalid response: it would end the base's metadata task, and the metadata
        would never be refreshed again."""
        try:
            is_known = bool(await super()._metadata_update(cluster_metadata, topics))
        except Exception as error:
            self._failures[_METADATA] = error
            return False
        self._failures.pop(_METADATA, None)
        return is_known

    async def partition_of(self, to: KafkaTopic, key: bytes | None) -> tuple[TopicPartition, KafkaConnection]:
        """Return the partition for a record with this key, and the connection to its leader. Waits until the topic is
        known. Raises BrokerError."""
        await self.started()
        if self._is_stale:
            await self.force_metadata_update()
            self._is_stale = False
        last = "the cluster has no such topic (UNKNOWN_TOPIC_OR_PARTITION)"
        while (partitions := self.cluster.partitions_for_topic(to.topic)) is None:
            if to.topic in self.cluster.unauthorized_topics:
                raise BrokerError("auth", AUTH[29], is_retryable=False)
            self.add_topic(to.topic)
            known = await self.force_metadata_update()
            if self.cluster.partitions_for_topic(to.topic) is None:
                if known:
                    raise BrokerError("broker", last)
                if (failure := next(iter(self._failures.values()), None)) is not None:
                    raise failure
                await asyncio.sleep(_PAUSE_SECONDS)
        available = list(self.cluster.available_partitions_for_topic(to.topic) or ())
        number = DefaultPartitioner()(key, sorted(partitions), available)
        partition = TopicPartition(to.topic, number)
        leader = self.cluster.leader_for_partition(partition)
        if leader is None or leader == -1:
            self.force_metadata_update()
            raise BrokerError("broker", f"{PASSING[5]} (LEADER_NOT_AVAILABLE)")
        if (connection := await self._get_conn(leader)) is None:
            raise self._failures.get(leader) or BrokerError("connect", "no connection to the partition's leader")
        return partition, connection

    def produce(self, connection: KafkaConnection, pending: Pending) -> None:
        """Send a record together with others of the same event-loop iteration. `pending.acknowledged` receives its
        offset."""
        if (waiting := self._waiting.get(connection)) is not None:
            waiting.append(pending)
            return
        self._waiting[connection] = [pending]
        asyncio.get_running_loop().call_soon(self._send_waiting, connection)

    def _send_waiting(self, connection: KafkaConnection) -> None:
        waiting = [each for each in self._waiting.pop(connection) if not each.acknowledged.done()]
        for needs_all in (True, False):
            for together in _portions(each for each in waiting if each.needs_all is needs_all):
                self._begin_request(connection, together)

    def _begin_request(self, connection: KafkaConnection, records: Sequence[Pending]) -> None:
        task = asyncio.create_task(self._request(connection, records))
        self._requests.add(task)
        task.add_done_callback(self._requests.discard)

    async def _request(self, connection: KafkaConnection, records: Sequence[Pending]) -> None:
        by_partition: dict[TopicPartition, list[Pending]] = {}
        # A delivery that has ended meanwhile is not sent: it may already be another attempt's.
        if not (records := [each for each in records if not each.acknowledged.done()]):
            return
        for each in records:
            by_partition.setdefault(each.partition, []).append(each)
            each.progress.is_sent = True
        seconds = max(each.ends_at for each in records) - time.monotonic()
        topics: dict[str, list[tuple[int, bytes]]] = {}
        for partition, batch in by_partition.items():
            topics.setdefault(partition.topic, []).append((partition.partition, _batch(batch)))
        request = ProduceRequest(
            transactional_id=None,
            required_acks=-1 if records[0].needs_all else 1,
            timeout=max(int(seconds * 1000), 1),
            topics=list(topics.items()),
        )
        connection._request_timeout = max(seconds, SILENT_SECONDS)
        try:
            response = await connection.send(request)
            answers = {(topic, each[0]): each for topic, partitions in response.topics for each in partitions}
        except Exception as error:
            if isinstance(error, TimeoutError):
                connection.close(CloseReason.CONNECTION_TIMEOUT)
            why = (
                "the record was sent, then the connection closed without a response; whether it is stored is not known"
            )
            for each in records:
                _fail(each, BrokerError("closed_without_answer", why, is_unknown=True))
            return
        for partition, batch in by_partition.items():
            answer = answers.get((partition.topic, partition.partition))
            if len(batch) > 1 and answer is not None and answer[1] in OF_ONE_RECORD:
                # No record of a rejected batch is stored, and the cause may be a single record.
                for each in batch:
                    if not each.acknowledged.done():
                        self._begin_request(connection, [each])
            else:
                self._acknowledge(batch, answer)

    def _acknowledge(self, batch: Sequence[Pending], answer: Sequence[int] | None) -> None:
        if answer is None:
            error = BrokerError("bad_response", "the broker's response does not mention the record", is_unknown=True)
        elif (code := answer[1]) == 0:
            for place, each in enumerate(batch):
                if not each.acknowledged.done():
                    each.acknowledged.set_result(answer[2] + place)
            return
        else:
            if code in STALE:
                self._is_stale = True
            error = refusal(code)
        for each in batch:
            _fail(each, error)

    async def close(self) -> None:
        """Close every connection. Records still waiting end as unknown."""
        if self._starting is not None and not self._starting.done():
            self._starting.cancel()
        await asyncio.gather(self._starting or asyncio.sleep(0), return_exceptions=True)
        await super().close()
        await asyncio.gather(*self._requests, return_exceptions=True)


def _portions(records: Iterable[Pending]) -> Iterator[list[Pending]]:
    """Split the records, in order, into batches that a broker accepts."""
    portion: list[Pending] = []
    size = 0
    for each in records:
        if portion and size + each.message.bytes > _MOST_TOGETHER:
            yield portion
            portion, size = [], 0
        portion.append(each)
        size += each.message.bytes
    if portion:
        yield portion


def _has_failed(task: asyncio.Task[None]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


def _batch(records: Sequence[Pending]) -> bytes:
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=2**31 - 1,
    )
    for place, each in enumerate(records):
        message = each.message
        builder.append(place, None, key=message.key, value=message.value, headers=list(message.pairs))
    return bytes(builder.build())


def _fail(pending: Pending, error: BrokerError) -> None:
    if not pending.acknowledged.done():
        pending.acknowledged.set_exception(error)
