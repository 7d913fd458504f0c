"""The contestants and their samples: the same rows, the same sink, one PostgreSQL, a new database for each sample."""

import asyncio
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import quantiles
from typing import Protocol

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from bench import common, deliver, machine
from bench.common import ENDPOINT, WORKSPACE, Instance
from bench.peers.installed import Installed
from kronos.model import Json

BULK = 1000
CONNECTIONS = 64
INPUT = {"number": 0, "order": 4711, "customer": "someone", "note": "x" * 140}
Sample = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The parts shared by all contestants."""

    one: Instance
    sink: subprocess.Popen[str]
    sink_url: str

    def arrived(self) -> int:
        """Return the requests at the sink since it was reset."""
        count: int = common.told(self.sink, "count")["count"]
        return count


class Contestant(Protocol):
    """One job queue on PostgreSQL. Rates are per second; `cpu` and `postgres` are µs of CPU time per unit."""

    def deliveries(self, count: int) -> Sample:
        """Deliver `count` waiting jobs over HTTP to the sink, until the database has nothing unfinished."""

    def enqueued(self, callers: int, seconds: float) -> Sample:
        """Create one job per call; each caller waits for its commit."""

    def bulk(self, count: int) -> Sample:
        """Create jobs in batches of BULK."""

    def pickups(self, count: int) -> Sample:
        """Measure from the commit of a single job to its request at the sink: p50 and p99 in ms; `start`: p50 to the
        first line of a peer's job."""


class Peer:
    """A peer, used by its own calls."""

    def __init__(self, place: Place, installed: Installed, program: str) -> None:
        self._place, self._installed, self._program = place, installed, program

    def deliveries(self, count: int) -> Sample:
        """One worker process."""
        with self._database() as url, self._process(url) as filler, self._process(url) as worker:
            common.told(filler, {"do": "fill", "count": count, "chunk": BULK})
            _settle(url)
            common.told(self._place.sink, "forget")
            with _spent(self._place.one, [worker.pid], count) as sample:
                seconds = common.told(
                    worker, {"do": "deliver", "count": count, "url": self._place.sink_url, "connections": CONNECTIONS}
                )
            if (arrived := self._place.arrived()) != count:
                raise RuntimeError(f"{count} jobs of {self._program} made {arrived} requests")
            return sample | {"rate": count / seconds["seconds"]}

    def enqueued(self, callers: int, seconds: float) -> Sample:
        """Create jobs with the documented call, in one process."""
        with self._database() as url, self._process(url) as sender:
            common.told(sender, {"do": "connect", "callers": callers})
            used, postgres = machine.cpu_seconds(sender.pid), machine.cpu_seconds(self._place.one.postgres_pid)
            did = common.told(sender, {"do": "enqueue", "callers": callers, "seconds": seconds})
            count = did["count"]
            return {
                "rate": count / did["seconds"],
                "cpu": (machine.cpu_seconds(sender.pid) - used) / count * 1e6,
                "postgres": (machine.cpu_seconds(self._place.one.postgres_pid) - postgres) / count * 1e6,
            }

    def bulk(self, count: int) -> Sample:
        """Create jobs with the peer's bulk call."""
        with self._database() as url, self._process(url) as sender:
            with _spent(self._place.one, [sender.pid], count) as sample:
                did = common.told(sender, {"do": "fill", "count": count, "chunk": BULK})
            return sample | {"rate": count / did["seconds"]}

    def pickups(self, count: int) -> Sample:
        """Measure until the request from the job's first line arrives at the sink."""
        common.told(self._place.sink, "forget")
        with self._database() as url, self._process(url) as worker, self._process(url) as sender:
            common.told(worker, {"do": "listen", "url": self._place.sink_url, "connections": CONNECTIONS})
            time.sleep(1)  # none of them reports when it listens
            commits = common.told(sender, {"do": "trickle", "count": count, "every_seconds": 0.05})["commits"]

            def starts() -> dict[str, float]:
                found: dict[str, float] = common.told(worker, {"do": "starts"})["starts"]
                return found

            def arrivals() -> dict[str, float]:
                found: dict[str, float] = common.told(self._place.sink, "arrivals")
                return found

            common.wait_until(lambda: set(commits) <= set(arrivals()), "the jobs' requests do not come")
            begun, came = starts(), arrivals()
            to_start = _percentiles([(begun[number] - at) * 1000 for number, at in commits.items()])
            return _percentiles([(came[number] - at) * 1000 for number, at in commits.items()]) | {
                "start": to_start["p50"]
            }

    @contextmanager
    def _database(self) -> Iterator[str]:
        name = f"peer_{self._program.partition('_')[0]}"
        with psycopg.connect(make_conninfo(self._place.one.url, dbname="postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
            try:
                url = make_conninfo(self._place.one.url, dbname=name)
                with self._process(url) as process:
                    common.told(process, {"do": "install"})
                yield url
            finally:
                connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))

    @contextmanager
    def _process(self, url: str) -> Iterator[subprocess.Popen[str]]:
        fields = psycopg.conninfo.conninfo_to_dict(url)
        password = f":{fields['password']}" if fields.get("password") else ""
        given = f"postgresql://{fields['user']}{password}@{fields['host']}:{fields['port']}/{fields['dbname']}"
        with common.program(self._installed.command(self._program, given)) as process:
            yield process


class Kronos:
    """Kronos's processes with default settings, as started by a user."""

    def __init__(self, place: Place, *, workers: int = 1, apis: int = 1, body: Json = None, path: str = "jobs") -> None:
        self._place, self._workers, self._apis = place, workers, apis
        self._body, self._path = body, path

    def deliveries(self, count: int) -> Sample:
        """Deliver with all headers, signatures, guards and records of a delivery."""
        one = self._place.one
        common.told(self._place.sink, "forget")
        one.forget_jobs()
        with ExitStack() as stack, one.connect() as connection:
            processes = [stack.enter_context(deliver.worker(one)) for _ in range(self._workers)]
            deliver.await_listeners(connection, self._workers)
            connection.execute("begin")
            deliver.add(connection, count, INPUT)
            connection.execute("notify kronos_work")
            with _spent(one, [process.pid for process in processes], count) as sample:
                began = time.monotonic()
                connection.execute("commit")
                # The sink first: polling PostgreSQL every 5 ms would read the delivered rows, and cost 11 us per
                # delivery.
                common.wait_until(
                    lambda: self._place.arrived() >= count,
                    "the deliveries do not come to an end",
                    seconds=300,
                    every=0.01,
                )
                deliver.await_end(connection)
                seconds = time.monotonic() - began
        if (arrived := self._place.arrived()) != count:
            raise RuntimeError(f"{count} executions made {arrived} requests")
        return sample | {"rate": count / seconds}

    def enqueued(self, callers: int, seconds: float) -> Sample:
        """Create jobs over HTTP, as users do; a peer's call involves no HTTP."""
        one = self._place.one
        one.forget_jobs()
        body = self._body or {"endpoint": ENDPOINT, "trigger": "IMMEDIATE", "input": INPUT}
        with ExitStack() as stack:
            apis = [stack.enter_context(common.served(one)) for _ in range(self._apis)]
            clients = [stack.enter_context(common.child(["-m", "bench.callers"])) for _ in apis]

            def load(length: float) -> list[Json]:
                for (_, port), client in zip(apis, clients, strict=True):
                    common.give(client, _load(one, port, self._path, body, max(1, callers // self._apis), length))
                return [common.told(client) for client in clients]

            load(1)
            pids = [process.pid for process, _ in apis]
            used, postgres = sum(map(machine.cpu_seconds, pids)), machine.cpu_seconds(one.postgres_pid)
            seen = load(seconds)
            used, postgres = (
                sum(map(machine.cpu_seconds, pids)) - used,
                machine.cpu_seconds(one.postgres_pid) - postgres,
            )
        refused = [each["other"] for each in seen if each["other"]]
        if refused:
            raise RuntimeError(f"the API answered {refused[0]}")
        count = sum(each["requests"] for each in seen)
        rate = sum(each["requests"] / each["seconds"] for each in seen)
        return {
            "rate": rate,
            "p99": max(each["p99_ms"] for each in seen),
            "cpu": used / count * 1e6,
            "postgres": postgres / count * 1e6,
        }

    def bulk(self, count: int) -> Sample:
        """Create jobs with the bulk statement, over one connection."""
        one = self._place.one
        one.forget_jobs()
        with one.connect() as connection, _spent(one, [], count) as sample:
            began = time.monotonic()
            for _ in range(0, count, BULK):
                deliver.add(connection, BULK, INPUT)
            seconds = time.monotonic() - began
        return sample | {"rate": count / seconds}

    def pickups(self, count: int) -> Sample:
        """Measure until the request arrives at the sink. No user code runs in a worker, so there is no earlier
        start."""
        one = self._place.one
        common.told(self._place.sink, "forget")
        one.forget_jobs()
        with deliver.worker(one), one.connect() as connection:
            deliver.await_listeners(connection, 1)
            committed = asyncio.run(deliver.trickle(one.url, count, INPUT))
            common.wait_until(
                lambda: self._place.arrived() >= deliver.WARM_UPS + count, "the deliveries do not come to an end"
            )
            deliver.await_end(connection)
        arrivals = common.told(self._place.sink, "arrivals")
        found = _percentiles([(arrivals[execution] - at) * 1000 for execution, at in committed.items()])
        return found | {"start": found["p50"]}


def _load(one: Instance, port: int, path: str, body: Json, connections: int, seconds: float) -> Json:
    return {
        "port": port,
        "path": f"/v1/workspaces/{WORKSPACE}/{path}",
        "headers": f"Authorization: Bearer {one.key_file.read_text().strip()}\r\n",
        "bodies": [json.dumps(body)],
        "connections": connections,
        "seconds": seconds,
    }


@contextmanager
def _spent(one: Instance, pids: list[int], count: int) -> Iterator[Sample]:
    """Measure the CPU time of the block, in µs for each of `count`; filled when the block ends."""
    sample: Sample = {}
    used, postgres = sum(map(machine.cpu_seconds, pids)), machine.cpu_seconds(one.postgres_pid)
    yield sample
    if pids:
        sample["cpu"] = (sum(map(machine.cpu_seconds, pids)) - used) / count * 1e6
    sample["postgres"] = (machine.cpu_seconds(one.postgres_pid) - postgres) / count * 1e6


def _settle(url: str) -> None:
    """Finish the cleanup after a fill, so that it does not count for a worker."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("vacuum analyze")
        connection.execute("checkpoint")


def _percentiles(milliseconds: list[float]) -> Sample:
    cut = quantiles(milliseconds, n=100)
    return {"p50": cut[49], "p99": cut[98]}
