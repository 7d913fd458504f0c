"""librdkafka's mock cluster, in this process: brokers on real sockets that speak Kafka, and fail on request.

confluent-kafka's wheel contains the library. Its Python part only sets the cluster's size; ctypes reaches the rest.
"""

import ctypes
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PRODUCE, METADATA = 0, 3


@lru_cache(maxsize=1)
def library() -> ctypes.CDLL | None:
    """librdkafka from confluent-kafka's wheel, or None where it is missing."""
    spec = find_spec("confluent_kafka")
    if spec is None or spec.origin is None:
        return None
    found = sorted(Path(spec.origin).parents[1].glob("confluent_kafka.libs/librdkafka*"))
    if not found:
        return None
    loaded = ctypes.CDLL(str(found[0]))
    for name in ("rd_kafka_new", "rd_kafka_mock_cluster_new"):
        getattr(loaded, name).restype = ctypes.c_void_p
    loaded.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    return loaded


MISSING = "librdkafka is not installed: it comes with confluent-kafka's wheel (requirements-dev.lock)"
IS_MISSING = library() is None


class MockCluster:
    """`with MockCluster(3) as cluster:` has three brokers, with ids 1, 2 and 3."""

    current = "orders"  # the topic that a test is about

    def __init__(self, brokers: int = 1) -> None:
        loaded = library()
        assert loaded is not None, MISSING
        self._library = loaded
        error = ctypes.create_string_buffer(512)
        self._client = ctypes.c_void_p(loaded.rd_kafka_new(0, None, error, ctypes.c_size_t(512)))
        assert self._client, error.value
        self._cluster = ctypes.c_void_p(loaded.rd_kafka_mock_cluster_new(self._client, brokers))
        assert self._cluster

    def __enter__(self) -> "MockCluster":
        return self

    def __exit__(self, *_: object) -> None:
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._client)

    @property
    def bootstrap(self) -> list[str]:
        return str(self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()).split(",")

    def topic(self, name: str, partitions: int = 1, replicas: int = 1) -> None:
        self._call("topic_create", name.encode(), partitions, replicas)

    def refuse(self, api: int, errors: Sequence[int]) -> None:
        """Answer the next requests of this kind with these errors."""
        codes = (ctypes.c_int * len(errors))(*errors)
        self._library.rd_kafka_mock_push_request_errors_array(
            self._cluster, ctypes.c_int16(api), ctypes.c_size_t(len(errors)), codes
        )

    def down(self, broker: int) -> None:
        self._call("broker_set_down", ctypes.c_int32(broker))

    def up(self, broker: int) -> None:
        self._call("broker_set_up", ctypes.c_int32(broker))

    def slow(self, broker: int, milliseconds: int) -> None:
        self._call("broker_set_rtt", ctypes.c_int32(broker), milliseconds)

    def leader(self, topic: str, partition: int, broker: int) -> None:
        self._call("partition_set_leader", topic.encode(), ctypes.c_int32(partition), ctypes.c_int32(broker))

    def advertise(self, broker: int, host: str, port: int) -> None:
        """Set the address that clients are given for this broker."""
        self._library.rd_kafka_mock_broker_set_host_port(self._cluster, ctypes.c_int32(broker), host.encode(), port)

    def records(self, topic: str, count: int, partitions: int = 1) -> list[Any]:
        """Return the topic's first records, as a consumer of another library reads them."""
        from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

        consumer = Consumer({"bootstrap.servers": ",".join(self.bootstrap), "group.id": "test"})
        try:
            consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(partitions)])
            found: list[Any] = []
            while len(found) < count:
                record = consumer.poll(10)
                assert record is not None, f"{len(found)} of {count} records"
                assert record.error() is None, record.error()
                found.append(record)
            return found
        finally:
            consumer.close()

    def count(self, topic: str) -> int:
        """Return how many records the topic's only partition has."""
        from confluent_kafka import Consumer, TopicPartition

        consumer = Consumer({"bootstrap.servers": ",".join(self.bootstrap), "group.id": "test"})
        try:
            first, behind = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=60)
            return int(behind - first)
        finally:
            consumer.close()

    def _call(self, name: str, *arguments: Any) -> None:
        error = getattr(self._library, f"rd_kafka_mock_{name}")(self._cluster, *arguments)
        assert error == 0, f"{name}: {error}"
