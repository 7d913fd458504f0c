"""A storm: workers are killed, stopped and told to end, and backends killed, at random while a thousand executions are
delivered. The receiver is the judge.
"""

import asyncio
import logging
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest

from delivery.servers import Receiver, Talk, answer
from factory import EndpointRow, add_endpoint, add_executions
from kronos import migrations
from kronos.embedded.cluster import Cluster
from worker.running import Worker, workers

EXECUTIONS = 1000
STORM_SECONDS = 20
T = TypeVar("T")
_log = logging.getLogger(__name__)


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A server of this test's own, and durable: what it acknowledged must outlive its crashes."""
    made = Cluster(tmp_path_factory.mktemp("storm"), durable=True)
    made.start()
    try:
        migrations.migrate(made.superuser_url)
        yield made
    finally:
        made.destroy()


async def _asked(url: str, ask: Callable[[psycopg.Connection], T]) -> T:
    """`ask`'s answer, however often the server goes away meanwhile: so nothing that writes is asked this way."""
    deadline = time.monotonic() + 30
    while True:
        try:
            with psycopg.connect(url, autocommit=True, connect_timeout=3) as connection:
                return ask(connection)
        except psycopg.OperationalError:
            assert time.monotonic() < deadline, "PostgreSQL did not come back"
            await asyncio.sleep(0.05)


async def _feed(url: str, endpoints: list[EndpointRow], dice: random.Random) -> set[str]:
    """Creates the executions over half of the storm; returns those that PostgreSQL acknowledged, a thousand or more."""
    acknowledged: set[str] = set()
    while len(acknowledged) < EXECUTIONS:
        try:
            with psycopg.connect(url, autocommit=True, connect_timeout=3) as connection:
                while len(acknowledged) < EXECUTIONS:
                    made = add_executions(connection, dice.choice(endpoints), 10, is_told=dice.random() < 0.5)
                    acknowledged.update(map(str, made))
                    await asyncio.sleep(STORM_SECONDS / 2 / (EXECUTIONS / 10))
        except psycopg.OperationalError:
            await asyncio.sleep(0.1)
    return acknowledged


class _Killer:
    """Kills, stops, ends, and starts workers again."""

    def __init__(self, url: str, start: Callable[[], Worker], dice: random.Random) -> None:
        self._url, self._start, self._dice = url, start, dice
        self.workers = [start() for _ in range(3)]
        self.killed: Counter[str] = Counter()

    @property
    def is_enough(self) -> bool:
        """Chance, and a server that recovers slowly, may leave too few kills for a storm."""
        return self.killed["worker"] > 3 and self.killed["backend"] > 0

    async def rage(self) -> None:
        ends_at = time.monotonic() + STORM_SECONDS
        while time.monotonic() < ends_at or (not self.is_enough and time.monotonic() < ends_at + 60):
            await asyncio.sleep(self._dice.uniform(0.3, 1.5))
            (what,) = self._dice.choices([self._kill, self._stand_still, self._end, self._kill_backend], [6, 4, 4, 6])
            await what()

    async def _kill(self) -> None:
        place = self._dice.randrange(3)
        self.workers[place].tell(signal.SIGKILL)
        self.workers[place].process.wait(10)
        self.workers[place] = self._start()
        self.killed["worker"] += 1

    async def _stand_still(self) -> None:
        """As a machine that sleeps, perhaps beyond its leases; what it then does with them is judged."""
        worker = self._dice.choice(self.workers)
        worker.tell(signal.SIGSTOP)
        self.killed["stopped"] += 1
        asyncio.get_running_loop().call_later(self._dice.choice([0.3, 3.0, 8.0]), worker.tell, signal.SIGCONT)

    async def _end(self) -> None:
        """In order, within no time, and in three of ten cases at once. A worker that has not started yet has no
        handler."""
        place = self._dice.randrange(3)
        ending, self.workers[place] = self.workers[place], self._start()
        ending.tell(signal.SIGTERM)
        if self._dice.random() < 0.3:
            ending.tell(signal.SIGTERM)
        self.killed["ended"] += 1

    async def _kill_backend(self) -> None:
        pids = await _asked(
            self._url,
            lambda connection: connection.execute(
                "select pid from pg_stat_activity where backend_type = 'client backend' and application_name like "
                "'kronos-worker-%'"
            ).fetchall(),
        )
        if pids:
            try:
                os.kill(self._dice.choice(pids)[0], signal.SIGKILL)
            except ProcessLookupError:
                return  # its worker ended it first
            self.killed["backend"] += 1


def _final(connection: psycopg.Connection) -> bool:
    return connection.execute("select exists (select from kronos.execution_live)").fetchone() == (False,)


@pytest.mark.faults
async def test_a_storm_loses_nothing_and_explains_every_repetition(cluster: Cluster, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    _log.warning("seed %d", seed)
    dice = random.Random(seed)

    async def receive(talk: Talk) -> None:
        await asyncio.sleep(dice.uniform(0, 0.05))
        await answer(status="200 OK" if dice.random() < 0.9 else "500 Oh")(talk)

    url = cluster.superuser_url
    async with Receiver(receive, keep=True) as receiver:
        with psycopg.connect(url, autocommit=True) as connection:
            endpoints = [
                add_endpoint(
                    connection,
                    url=receiver.url,
                    timeout_ms=1000,
                    max_attempts=100,
                    max_crashes=100,
                    max_in_flight=None if number % 2 else 5,
                )
                for number in range(6)
            ]
        with workers() as starting:
            logs = (tmp_path / f"worker-{number}.log" for number in count(1))
            killer = _Killer(
                url,
                lambda: starting(
                    url, next(logs), lease_seconds=1, shutdown_seconds=0.1, log_level="INFO", worker_concurrency=20
                ),
                dice,
            )
            _, acknowledged = await asyncio.gather(killer.rage(), _feed(url, endpoints, dice))
            await _all_final(url)
            for worker in killer.workers:
                worker.tell(signal.SIGCONT)
                await worker.started()  # before that it has no handler, and nothing to put in order
                worker.tell()
            assert [await worker.ends() for worker in killer.workers] == [0, 0, 0]
    assert killer.is_enough, killer.killed
    with psycopg.connect(url, autocommit=True) as connection:
        _judge(connection, receiver, acknowledged)


async def _all_final(url: str) -> None:
    deadline = time.monotonic() + 60
    while not await _asked(url, _final):
        assert time.monotonic() < deadline, "executions are still not final a minute after the storm"
        await asyncio.sleep(0.1)


def _judge(connection: psycopg.Connection, receiver: Receiver, acknowledged: set[str]) -> None:
    statuses = {
        str(row[0]): row[1]
        for row in connection.execute("select execution_id, status from kronos.execution_done where cause = 'API'")
    }
    assert acknowledged <= statuses.keys(), "an acknowledged execution is lost"
    assert set(statuses.values()) <= {"SUCCESS", "FAILED"}
    attempts = {  # the internal jobs' own are run by pg_cron
        (str(row[0]), row[1]): row[2]
        for row in connection.execute(
            "select execution_id, attempt_number, status from kronos.attempts where worker_id <> 'pg_cron'"
        )
    }
    seen = [
        (request.headers["idempotency-key"], int(request.headers["kronos-attempt"])) for request in receiver.requests
    ]
    assert all(
        request.headers["idempotency-key"] == request.headers["kronos-execution-id"] for request in receiver.requests
    )
    assert [one for one, times in Counter(seen).items() if times > 1] == [], "one attempt was sent twice"
    assert [one for one in seen if one not in attempts] == [], "a delivery without its attempt"
    succeeded = {execution_id for (execution_id, _), status in attempts.items() if status == "SUCCESS"}
    assert {one for one, status in statuses.items() if status == "SUCCESS"} == succeeded
    assert [one for one, status in attempts.items() if status == "SUCCESS" and one not in set(seen)] == [], (
        "a success nobody received"
    )
    gates = connection.execute("select count(*) from kronos.endpoint_gate where in_flight <> 0").fetchone()
    assert gates == (0,)
    numbers = connection.execute(
        "select execution_id::text, attempt_count from kronos.execution_done where cause = 'API'"
    ).fetchall()
    counted = Counter(execution_id for execution_id, _ in attempts)
    assert [each for each in numbers if counted[each[0]] != each[1]] == [], "an attempt without its row"
    _log.warning("%d executions, %d deliveries, attempts %s", len(statuses), len(seen), Counter(attempts.values()))
