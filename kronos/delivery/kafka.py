"""Produce records to topics of Kafka clusters, using aiokafka's client. Nothing is sent twice.

aiokafka provides the protocol, the metadata, TLS and SASL. The guard opens all connections, to the bootstrap brokers
and to those that the cluster advertises. aiokafka's producer is not used: it resends by itself, even after the deadline
(docs/decisions/0053-messages-are-sent-once-an-attempt.md).
"""

import asyncio
import time
from dataclasses import replace

from aiokafka.structs import TopicPartition

from kronos.delivery.destinations import KAFKA_PORTS, BrokerError, KafkaCluster, KafkaTopic, Message
from kronos.delivery.egress import EgressPolicy, Resolver
from kronos.delivery.kafka_client import KafkaClient, Pending
from kronos.delivery.kafka_connection import KafkaConnection
from kronos.delivery.kafka_errors import unreached
from kronos.delivery.progress import Progress
from kronos.delivery.trust import Trust
from kronos.model import JsonObject

_IDLE_SECONDS = 60.0
_SWEEP_SECONDS = 10.0
_MOST_CLUSTERS = 64


class KafkaTransport:
    """The clusters of one worker, with one client each."""

    def __init__(self, policy: EgressPolicy, resolver: Resolver) -> None:
        self._policy = replace(policy, ports=KAFKA_PORTS)
        self._resolver = resolver
        self._clients: dict[tuple[KafkaCluster, object], KafkaClient] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def deliver(
        self, to: KafkaTopic, message: Message, progress: Progress, trust: Trust | None, ends_at: float
    ) -> JsonObject:
        """Produce one record, and return its topic, partition and offset. Raises BrokerError, TimeoutError."""
        client = self._client(to.cluster, trust)
        client.uses += 1
        self._close_beyond(_MOST_CLUSTERS)
        try:
            partition, connection = await _reached(client, to, message.key)
            progress.is_connected = True
            await connection.drained()
            acknowledged: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            client.produce(
                connection,
                Pending(
                    partition=partition,
                    message=message,
                    needs_all=to.needs_all,
                    ends_at=ends_at,
                    progress=progress,
                    acknowledged=acknowledged,
                ),
            )
            offset = await acknowledged
        finally:
            client.uses -= 1
            client.used_at = time.monotonic()
        return {"topic": to.topic, "partition": partition.partition, "offset": offset}

    async def close(self) -> None:
        """Close every client."""
        if self._sweep is not None:
            self._sweep.cancel()
        clients = list(self._clients.values())
        self._clients.clear()
        await asyncio.gather(*(client.close() for client in clients), *self._closing)

    def _client(self, cluster: KafkaCluster, trust: Trust | None) -> KafkaClient:
        # If the trusted authorities change, a new client makes new connections with them.
        key = cluster, None if trust is None else trust.context
        if (client := self._clients.get(key)) is None:
            client = self._clients[key] = KafkaClient(cluster, self._policy, self._resolver, trust)
            if self._sweep is None:
                self._sweep = asyncio.get_running_loop().call_later(_SWEEP_SECONDS, self._close_old)
        return client

    def _close_beyond(self, most: int) -> None:
        if len(self._clients) <= most:
            return
        idle = [key for key, client in self._clients.items() if not client.uses]
        idle.sort(key=lambda key: self._clients[key].used_at)
        for key in idle[: len(self._clients) - most]:
            self._close_later(key)

    def _close_old(self) -> None:
        oldest = time.monotonic() - _IDLE_SECONDS
        for key in [key for key, client in self._clients.items() if not client.uses and client.used_at < oldest]:
            self._close_later(key)
        again = asyncio.get_running_loop().call_later(_SWEEP_SECONDS, self._close_old) if self._clients else None
        self._sweep = again

    def _close_later(self, key: tuple[KafkaCluster, object]) -> None:
        task = asyncio.create_task(self._clients.pop(key).close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _reached(client: KafkaClient, to: KafkaTopic, key: bytes | None) -> tuple[TopicPartition, KafkaConnection]:
    """Return the record's partition and the connection to its leader, within the connect timeout. Raises
    BrokerError."""
    try:
        async with asyncio.timeout(to.connect_seconds):
            return await client.partition_of(to, key)
    except BrokerError:
        raise
    except TimeoutError as error:
        why = f"no connection to the topic's leader within {to.connect_seconds:g} s"
        raise BrokerError("timeout", why) from error
    except Exception as error:
        raise unreached(error) from error
