"""Messages to a Redis server and to librdkafka's mock cluster on this machine: Kronos's transports compared with the
bare clients. `python -m bench.streams`

Each sample runs in a separate process, with 100 messages at a time, and reports its CPU seconds.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import click
import uvloop

from bench import common
from kronos.delivery.destinations import Destination, KafkaCluster, KafkaTopic, Message, RedisServer, RedisStream
from kronos.delivery.egress import EgressPolicy
from kronos.delivery.headers import identity_pairs
from kronos.delivery.streams import Streams
from kronos.embedded.ports import free_port

_BODY = json.dumps({"order": 4711, "customer": "someone", "note": "x" * 150}, separators=(",", ":")).encode()
_AT_ONCE = 100
Send = Callable[[], Awaitable[object]]


def _message() -> Message:
    own = identity_pairs(
        execution_id=str(uuid4()), job_id=str(uuid4()), attempt_number=1, scheduled_at=datetime.now(UTC)
    )
    return Message(pairs=(("input", _BODY), *own), value=_BODY)


async def _many(send: Send, count: int) -> dict[str, float]:
    await send()  # connects
    left = iter(range(count))

    async def sender() -> None:
        for _ in left:
            await send()

    started, used = time.monotonic(), time.process_time()
    await asyncio.gather(*(sender() for _ in range(_AT_ONCE)))
    seconds, used = time.monotonic() - started, time.process_time() - used
    return {"rate": count / seconds, "cpu": used / count * 1e6}


async def _ours(to: Destination, count: int) -> dict[str, float]:
    async with Streams(EgressPolicy.parse("127.0.0.0/8")) as streams:

        async def send() -> None:
            outcome = await streams.deliver(to, _message(), seconds=10)
            if outcome.status != "SUCCESS":
                raise RuntimeError(f"a delivery ended in {outcome}")

        return await _many(send, count)


async def _redis(server: str, count: int) -> dict[str, float]:
    return await _ours(RedisStream(server=RedisServer(host="127.0.0.1", port=int(server), db=0), stream="s"), count)


async def _redis_py(server: str, count: int) -> dict[str, float]:
    """Use redis-py as documented: one client and its pool."""
    import redis.asyncio

    client = redis.asyncio.Redis(port=int(server), protocol=2)
    try:
        return await _many(lambda: client.xadd("s", dict(_message().pairs)), count)
    finally:
        await client.aclose()


def _topic(servers: str) -> KafkaTopic:
    brokers = tuple((host, int(port)) for host, _, port in (each.rpartition(":") for each in servers.split(",")))
    return KafkaTopic(cluster=KafkaCluster(bootstrap=brokers), topic="t")


async def _kafka(servers: str, count: int) -> dict[str, float]:
    return await _ours(_topic(servers), count)


async def _aiokafka(servers: str, count: int) -> dict[str, float]:
    """Use aiokafka's producer as documented."""
    from aiokafka import AIOKafkaProducer

    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", enable_idempotence=True)
    await producer.start()
    try:

        async def send() -> None:
            message = _message()
            await producer.send_and_wait("t", message.value, headers=list(message.pairs))

        return await _many(send, count)
    finally:
        await producer.stop()


async def _confluent(servers: str, count: int) -> dict[str, float]:
    """Use librdkafka's producer, with its reports passed to the event loop."""
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": servers, "acks": "all", "enable.idempotence": True, "linger.ms": 0})
    loop, is_over = asyncio.get_running_loop(), False

    def poll() -> None:
        while not is_over:
            producer.poll(0.1)

    polling = loop.run_in_executor(None, poll)

    async def send() -> None:
        ended: asyncio.Future[None] = loop.create_future()
        message = _message()

        def answered(error: object, _: object) -> None:
            loop.call_soon_threadsafe(ended.set_result, None)
            if error is not None:
                raise RuntimeError(str(error))

        producer.produce("t", message.value, headers=list(message.pairs), on_delivery=answered)
        await ended

    try:
        return await _many(send, count)
    finally:
        is_over = True
        await polling


_SENDERS = {"redis": _redis, "redis-py": _redis_py, "kafka": _kafka, "aiokafka": _aiokafka, "confluent": _confluent}
_TITLES = {
    "Redis": {"redis": "Kronos's transport", "redis-py": "redis-py alone"},
    "Kafka": {
        "kafka": "Kronos's transport",
        "aiokafka": "aiokafka's producer",
        "confluent": "confluent-kafka's producer",
    },
}


@contextmanager
def _redis_server() -> Iterator[str]:
    port = str(free_port())
    with tempfile.TemporaryDirectory() as folder:
        command = ["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        with common.program(command, log=Path(folder) / "redis.log"):
            yield port


@contextmanager
def _brokers() -> Iterator[str]:
    with common.child(["-m", "bench.streams", "brokers"]) as process:
        if process.stdout is None:
            raise RuntimeError("it has a pipe")
        yield process.stdout.readline().strip()


def _serve_brokers() -> None:
    """Run three brokers with a topic of twelve partitions, until standard input ends."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from delivery.kafka_mock import MockCluster  # type: ignore[import-not-found, unused-ignore]  # of the tests

    with MockCluster(3) as cluster:
        cluster.topic("t", partitions=12, replicas=3)
        print(",".join(cluster.bootstrap), flush=True)
        sys.stdin.read()


def _sample(sender: str, server: str, count: int) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.streams", "send", sender, server, str(count)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


@click.command(help=__doc__)
@click.option("--runs", default=5, show_default=True)
@common.tries
@click.option("--count", default=10_000, show_default=True, help="Messages per sample.")
def main(runs: int, tries: int, count: int) -> None:
    """Measure and print the tables."""
    with ExitStack() as stack:
        servers = {"Redis": stack.enter_context(_redis_server()), "Kafka": stack.enter_context(_brokers())}
        time.sleep(1)  # neither reports when it listens, like in bench/peers/contest.py
        for kind, titles in reversed(_TITLES.items()):
            server = servers[kind]
            contestants = {
                title: (lambda sender=sender: _sample(sender, server, count))  # noqa: B023
                for sender, title in titles.items()
            }
            series = common.take_turns(contestants, runs=runs, tries=tries)
            columns = [("rate", "messages/s", 0), ("cpu", "CPU us a message, sender", 0)]
            reference = list(titles.values())[1]
            note = f"{count:,} messages of {len(_BODY)} bytes a sample, {_AT_ONCE} at once."
            common.report(f"Messages to {kind}", series, columns, ratio=("cpu", reference), note=note)


if __name__ == "__main__":
    if sys.argv[1:2] == ["send"]:
        _, _, wanted, where, many = sys.argv
        print(json.dumps(uvloop.run(_SENDERS[wanted](where, int(many)))))
    elif sys.argv[1:2] == ["brokers"]:
        _serve_brokers()
    else:
        sys.exit(main())
