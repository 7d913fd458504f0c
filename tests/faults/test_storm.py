"""A storm of random failures while hundreds of executions are delivered over HTTP, Redis and Kafka. The receivers are
the judges.

Workers are killed, stopped and told to end; sessions are ended, and backends killed, which takes all of PostgreSQL
down; the connection to it is cut; the Redis server is killed; Kafka's brokers are down or failing. One worker's log is
on a full disk.

`--storm 20000` delivers as many: docs/delivery.md has the results.
"""

import asyncio
import logging
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest

from delivery import kafka_mock, redis_server
from delivery.kafka_mock import PRODUCE, MockCluster
from delivery.redis_server import RedisProcess
from delivery.servers import Receiver, Talk, answer
from depth import depth
from factory import EndpointRow, add_endpoint, add_executions
from faults.cut_way import CutWay, cut_way
from faults.own_server import own_server
from killing import signalled
from kronos.embedded.cluster import Cluster
from worker.running import Worker, workers

FULL_DISK = Path("/dev/full")
USUAL = depth(250, deep=500)  # executions, without --storm
A_SECOND = 100  # executions that are created; the storm lasts twice as long as that takes
T = TypeVar("T")
_log = logging.getLogger(__name__)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A separate and durable server: what it acknowledged must survive its crashes."""
    with own_server(durable=True) as made:
        yield made


async def _asked(url: str, ask: Callable[[psycopg.Connection], T]) -> T:
    """The answer of `ask`, retried while the server is down: only for reads."""
    deadline = time.monotonic() + 30
    while True:
        try:
            with psycopg.connect(url, autocommit=True, connect_timeout=3) as connection:
                return ask(connection)
        except psycopg.OperationalError:
            assert time.monotonic() < deadline, "PostgreSQL did not come back"
            await asyncio.sleep(0.05)


async def _feed(url: str, endpoints: list[EndpointRow], dice: random.Random, executions: int) -> set[str]:
    """Create the executions over half of the storm; return those that PostgreSQL acknowledged, at least that many."""
    acknowledged: set[str] = set()
    while len(acknowledged) < executions:
        try:
            with psycopg.connect(url, autocommit=True, connect_timeout=3) as connection:
                while len(acknowledged) < executions:
                    made = add_executions(connection, dice.choice(endpoints), 10, is_told=dice.random() < 0.5)
                    acknowledged.update(map(str, made))
                    await asyncio.sleep(10 / A_SECOND)
        except psycopg.OperationalError:
            await asyncio.sleep(0.1)
    return acknowledged


class Brokers:
    """A Redis server that keeps what it acknowledged, and a Kafka cluster of three: those that this machine has."""

    def __init__(self, folder: Path) -> None:
        kept = ("--appendonly", "yes", "--appendfsync", "always")
        self.redis = RedisProcess(folder, *kept).start() if redis_server.BINARY else None
        self.kafka = None if kafka_mock.IS_MISSING else MockCluster(3)
        if self.kafka is not None:
            self.kafka.topic("storm", replicas=3)
        for is_missing, why in ((self.redis is None, redis_server.MISSING), (self.kafka is None, kafka_mock.MISSING)):
            if is_missing:
                _log.warning("the storm goes without it: %s", why)

    def close(self) -> None:
        if self.redis is not None:
            self.redis.stop()
        if self.kafka is not None:
            self.kafka.__exit__()

    def calm(self) -> None:
        """Every broker runs, and accepts messages."""
        if self.kafka is not None:
            for broker in (1, 2, 3):
                self.kafka.up(broker)

    def received(self) -> list[dict[str, str]]:
        """The headers of each message that they hold."""
        found = [fields for _, fields in self.redis.entries("storm")] if self.redis is not None else []
        if self.kafka is not None and (count := self.kafka.count("storm")):
            records = self.kafka.records("storm", count)
            found += [{name: value.decode() for name, value in record.headers()} for record in records]
        return found

    async def kill_redis(self) -> None:
        """Kill Redis, like a machine that loses power and comes back immediately."""
        if self.redis is not None:
            self.redis.kill()
            await asyncio.to_thread(self.redis.start)

    async def fail_kafka(self, dice: random.Random) -> None:
        """Take a broker down for a moment, or let it answer with errors; the partition's leader moves."""
        if self.kafka is not None:
            broker = dice.randrange(1, 4)
            self.kafka.refuse(PRODUCE, [dice.choice([-1, 6, 7, 19, 20]) for _ in range(dice.randrange(4))])
            self.kafka.down(broker)
            await asyncio.sleep(dice.uniform(0, 0.5))
            self.kafka.up(broker)
            self.kafka.leader("storm", 0, dice.randrange(1, 4))


@pytest.fixture
def brokers(tmp_path: Path) -> Iterator[Brokers]:
    """Closed after the workers."""
    made = Brokers(tmp_path)
    yield made
    made.close()


class _Killer:
    """Kills, stops, ends and restarts workers; of three, one reaches PostgreSQL through the proxy that is cut."""

    def __init__(
        self, url: str, way: CutWay, start: Callable[[], Worker], brokers: Brokers, dice: random.Random
    ) -> None:
        self._url, self._way, self._start, self._brokers, self._dice = url, way, start, brokers, dice
        self.workers = [start() for _ in range(3)]
        self.killed: Counter[str] = Counter()

    def lacking(self) -> list[Callable[[], Awaitable[None]]]:
        """What must still happen: by chance, or if the server recovers slowly, there may have been too little of it."""
        # A worker may have replaced the one that connects through the proxy: of three that are killed, one brings it.
        is_wanted = {
            self._kill: self.killed["worker"] <= 3 or self.killed["way"] == 0,
            self._kill_backend: self.killed["backend"] == 0,
            self._cut: self.killed["way"] == 0,
        }
        return [what for what, wanted in is_wanted.items() if wanted]

    async def rage(self, seconds: float) -> None:
        ends_at = time.monotonic() + seconds
        chances = {
            self._kill: 6,
            self._stand_still: 4,
            self._end: 4,
            self._kill_backend: 6,
            self._end_sessions: 4,
            self._cut: 4,
            self._kill_redis: 3,
            self._fail_kafka: 3,
        }
        while time.monotonic() < ends_at:
            await asyncio.sleep(self._dice.uniform(0.3, 1.5))
            (what,) = self._dice.choices(list(chances), list(chances.values()))
            await what()
        for _ in range(60):
            for each in self.lacking():
                await asyncio.sleep(self._dice.uniform(0.3, 1.5))
                await each()

    async def _kill(self) -> None:
        place = self._dice.randrange(3)
        self.workers[place].tell(signal.SIGKILL)
        self.workers[place].process.wait(60)
        self.workers[place] = self._start()
        self.killed["worker"] += 1

    async def _stand_still(self) -> None:
        """Stop a worker, like a sleeping machine, perhaps past its leases; what it then does with them is judged."""
        worker = self._dice.choice(self.workers)
        worker.tell(signal.SIGSTOP)
        self.killed["stopped"] += 1
        asyncio.get_running_loop().call_later(self._dice.choice([0.3, 3.0, 8.0]), worker.tell, signal.SIGCONT)

    async def _end(self) -> None:
        """End a worker in order with no time to finish, and in three of ten cases immediately. A worker that has not
        started yet has no handler."""
        place = self._dice.randrange(3)
        ending, self.workers[place] = self.workers[place], self._start()
        ending.tell(signal.SIGTERM)
        if self._dice.random() < 0.3:
            ending.tell(signal.SIGTERM)
        self.killed["ended"] += 1

    async def _cut(self) -> None:
        """Cut all connections through the proxy, with the bytes in transit."""
        self.killed["way"] += self._way.cut()

    async def _end_sessions(self) -> None:
        """End the workers' sessions, as an administrator does; the server continues."""
        ended = await _asked(self._url, _end_workers_sessions)
        self.killed["session"] += len(ended)

    async def _kill_redis(self) -> None:
        await self._brokers.kill_redis()
        self.killed["redis"] += 1

    async def _fail_kafka(self) -> None:
        await self._brokers.fail_kafka(self._dice)
        self.killed["kafka"] += 1

    async def _kill_backend(self) -> None:
        """Kill a worker's backend, as soon as there is one: newly started workers on a busy machine have none."""
        deadline = time.monotonic() + 60
        while not (pids := await _asked(self._url, _backends_of_workers)):
            assert time.monotonic() < deadline, "no worker has a connection"
            await asyncio.sleep(0.05)
        if signalled(self._dice.choice(pids)[0], signal.SIGKILL):  # otherwise its worker ended it first
            self.killed["backend"] += 1


def _backends_of_workers(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "select pid from pg_stat_activity where backend_type = 'client backend' and application_name like "
        "'kronos-worker-%'"
    ).fetchall()


def _end_workers_sessions(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'kronos-worker-%'"
    ).fetchall()


@pytest.mark.faults
async def test_a_storm_loses_nothing_and_explains_every_repetition(
    cluster: Cluster, brokers: Brokers, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    executions = pytestconfig.getoption("--storm") or USUAL
    seed = random.SystemRandom().randrange(10**6)
    _log.warning("seed %d", seed)
    dice = random.Random(seed)

    async def receive(talk: Talk) -> None:
        await asyncio.sleep(dice.uniform(0, 0.05))
        await answer(status="200 OK" if dice.random() < 0.9 else "500 Oh")(talk)

    url = cluster.superuser_url
    async with Receiver(receive, keep=True) as receiver, cut_way(url) as way:
        with psycopg.connect(url, autocommit=True) as connection:
            endpoints = [
                add_endpoint(
                    connection,
                    **target,
                    timeout_ms=1000,
                    max_attempts=100,
                    max_crashes=100,
                    max_in_flight=max_in_flight,
                )
                for target in _targets(receiver, brokers)
                for max_in_flight in (None, 5)
            ]
        with workers() as starting:
            numbers = count(1)

            def start() -> Worker:
                """Start a worker. Of each three, one connects through the proxy, and one logs to a full disk."""
                number = next(numbers)
                return starting(
                    way.url if number % 3 == 1 else url,
                    FULL_DISK if number % 3 == 2 else tmp_path / f"worker-{number}.log",
                    lease_seconds=1,
                    shutdown_seconds=0.1,
                    log_level="INFO",
                    worker_concurrency=20,
                )

            killer = _Killer(url, way, start, brokers, dice)
            _, acknowledged = await asyncio.gather(
                killer.rage(2 * executions / A_SECOND), _feed(url, endpoints, dice, executions)
            )
            brokers.calm()
            await _all_final(url)
            for worker in killer.workers:
                worker.tell(signal.SIGCONT)
                await worker.takes_signals()  # before that it has no handler, and nothing to end in order
                worker.tell()
            assert [await worker.ends() for worker in killer.workers] == [0, 0, 0]
    assert killer.lacking() == [], killer.killed
    with psycopg.connect(url, autocommit=True) as connection:
        requests = [
            {name: request.headers[name] for name in ("idempotency-key", "kronos-execution-id", "kronos-attempt")}
            for request in receiver.requests
        ]
        messages = [{name.lower(): value for name, value in each.items()} for each in brokers.received()]
        _log.warning("%d requests, %d messages; %s", len(requests), len(messages), killer.killed)
        _judge(connection, [*requests, *messages], acknowledged)


def _targets(receiver: Receiver, brokers: Brokers) -> Iterator[dict[str, Any]]:
    """Where an endpoint of each type delivers to."""
    yield {"url": receiver.url}
    if brokers.redis is not None:
        yield {"type": "REDIS_STREAM", "spec": {"redis_url": brokers.redis.url, "stream": "storm"}}
    if brokers.kafka is not None:
        yield {"type": "KAFKA", "spec": {"bootstrap_servers": brokers.kafka.bootstrap, "topic": "storm"}}


async def _all_final(url: str) -> None:
    """Wait until no execution is left; fail if none has ended for a minute."""
    fewest, deadline = None, 0.0
    while left := await _asked(url, _unfinished):
        if fewest is None or left < fewest:
            fewest, deadline = left, time.monotonic() + 60
        assert time.monotonic() < deadline, f"for a minute, none of the {left} executions left by the storm has ended"
        await asyncio.sleep(0.1)


def _unfinished(connection: psycopg.Connection) -> int:
    ((left,),) = connection.execute("select count(*) from kronos.execution_live").fetchall()
    return int(left)


def _judge(connection: psycopg.Connection, received: list[dict[str, str]], acknowledged: set[str]) -> None:
    statuses = {
        str(row[0]): row[1]
        for row in connection.execute("select execution_id, status from kronos.execution_done where cause = 'API'")
    }
    assert acknowledged <= statuses.keys(), "an acknowledged execution is lost"
    assert set(statuses.values()) <= {"SUCCESS", "FAILED"}
    attempts = {  # pg_cron runs the internal jobs' own
        (str(row[0]), row[1]): row[2]
        for row in connection.execute(
            "select execution_id, attempt_number, status from kronos.attempts where worker_id <> 'pg_cron'"
        )
    }
    seen = [(each["idempotency-key"], int(each["kronos-attempt"])) for each in received]
    assert all(each["idempotency-key"] == each["kronos-execution-id"] for each in received)
    assert [one for one, times in Counter(seen).items() if times > 1] == [], "one attempt was sent twice"
    assert [one for one in seen if one not in attempts] == [], "a delivery without its attempt"
    succeeded = {execution_id for (execution_id, _), status in attempts.items() if status == "SUCCESS"}
    assert {one for one, status in statuses.items() if status == "SUCCESS"} == succeeded
    assert [one for one, status in attempts.items() if status == "SUCCESS" and one not in set(seen)] == [], (
        "a success that no receiver got"
    )
    gates = connection.execute("select count(*) from kronos.endpoint_gate where in_flight <> 0").fetchone()
    assert gates == (0,)
    numbers = connection.execute(
        "select execution_id::text, attempt_count from kronos.execution_done where cause = 'API'"
    ).fetchall()
    counted = Counter(execution_id for execution_id, _ in attempts)
    assert [each for each in numbers if counted[each[0]] != each[1]] == [], "an attempt without its row"
    repeats = len(seen) - len({key for key, _ in seen})
    kinds = Counter(attempts.values())
    _log.warning("%d executions, %d deliveries, %d repeats, attempts %s", len(statuses), len(seen), repeats, kinds)
