"""Deliveries of one worker to a sink on this machine, and the time from commit to arrival. `python -m bench.deliver`

References, in turns: the same HTTP client (aiohttp) by itself, and Kronos's transport without a database.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import click
import psycopg

from bench import common, machine
from bench.common import ENDPOINT, WORKSPACE, Instance
from kronos import database, jobs, new_jobs
from kronos.model import Json, JsonObject
from kronos.pool import Pool

_PLAIN = "aiohttp alone"
WARM_UPS = 10
"""Jobs that plan the statements before what is measured."""
_INPUT = {"order": 4711, "customer": "someone", "note": "x" * 150}
_BODY = json.dumps(_INPUT, separators=(",", ":"))
# Rows like the API's, created many at a time.
_ADD = """
select count(made.job_id)
  from (select set_config('kronos.workspace_id', workspace_id::text, true) as entered
          from kronos.workspaces
         where slug = %(workspace)s
        offset 0) as workspace
 cross join lateral kronos.make_one_shots(case when entered is not null then array_fill(%(endpoint)s::text,
     array[%(count)s]) end,
                                          array_fill(%(input)s::jsonb, array[%(count)s]),
                                              array_fill(null::timestamptz, array[%(count)s]),
                                          true) as made
"""


def add(connection: psycopg.Connection[tuple[Json, ...]], count: int, body: JsonObject) -> None:
    """Create this many jobs like the API, with one statement."""
    connection.execute(_ADD, {"workspace": WORKSPACE, "endpoint": ENDPOINT, "input": json.dumps(body), "count": count})


@contextmanager
def worker(one: Instance) -> Iterator[subprocess.Popen[str]]:
    """Provide `kronos worker` with its default settings."""
    log = one.home / "log" / "worker.log"
    with common.child(
        ["-m", "kronos", "worker"], log=log, environment=one.environment(egress_allow="127.0.0.0/8")
    ) as process:
        yield process


def await_listeners(connection: psycopg.Connection[tuple[Json, ...]], count: int) -> None:
    """Wait until this many workers listen."""
    listening = "select count(*) from pg_stat_activity where application_name = 'kronos-worker-listen' and query <> ''"
    common.wait_until(
        lambda: connection.execute(listening).fetchone() == (count,), "the workers do not listen; see their log"
    )


def await_end(connection: psycopg.Connection[tuple[Json, ...]]) -> None:
    """Wait until every execution has finished."""
    unfinished = "select 1 from kronos.execution_live limit 1"
    common.wait_until(
        lambda: connection.execute(unfinished).fetchone() is None,
        "the results are not stored",
        seconds=300,
        every=0.005,
    )


@contextmanager
def _worker(one: Instance) -> Iterator[subprocess.Popen[str]]:
    with one.connect() as connection, worker(one) as process:
        await_listeners(connection, 1)
        yield process


class Bench:
    """The contestants."""

    def __init__(
        self, one: Instance, sink: subprocess.Popen[str], senders: subprocess.Popen[str], sink_url: str, count: int
    ) -> None:
        self._one = one
        self._sink = sink
        self._senders = senders
        self._url = sink_url
        self._count = count
        self._connection = one.connect()

    def kronos(self) -> dict[str, float]:
        """Measure from the commit of all executions to the last stored result."""
        self._clean()
        with _worker(self._one) as worker:
            self._connection.execute("begin")
            add(self._connection, self._count, _INPUT)
            self._connection.execute("notify kronos_work")
            used, postgres = machine.cpu_seconds(worker.pid), machine.cpu_seconds(self._one.postgres_pid)
            self._connection.execute("commit")
            started = time.monotonic()
            common.wait_until(
                lambda: self._arrived() >= self._count, "the deliveries do not come to an end", seconds=300, every=0.05
            )
            await_end(self._connection)
            seconds = time.monotonic() - started
            used, postgres = (
                machine.cpu_seconds(worker.pid) - used,
                machine.cpu_seconds(self._one.postgres_pid) - postgres,
            )
        if (arrived := self._arrived()) != self._count:
            raise RuntimeError(f"{self._count} executions made {arrived} requests")
        return {
            "rate": self._count / seconds,
            "cpu": used / self._count * 1000,
            "postgres": postgres / self._count * 1000,
        }

    def plain(self) -> dict[str, float]:
        """Measure the bare client."""
        return self._send("plain")

    def transport(self) -> dict[str, float]:
        """Measure Kronos's transport: the client with its protections."""
        return self._send("transport")

    def _send(self, client: str) -> dict[str, float]:
        used = machine.cpu_seconds(self._senders.pid)
        order = {"client": client, "url": self._url, "body": _BODY, "count": self._count, "concurrency": 100}
        seconds = common.told(self._senders, order)
        return {
            "rate": self._count / seconds,
            "cpu": (machine.cpu_seconds(self._senders.pid) - used) / self._count * 1000,
        }

    def latencies(self, count: int) -> list[float]:
        """Return the sorted milliseconds from each job's commit to its request at the sink.

        The API's own operation creates one job every 50 ms."""
        self._clean()
        with _worker(self._one):
            committed = asyncio.run(trickle(self._one.url, count, _INPUT))
            common.wait_until(lambda: self._arrived() >= WARM_UPS + count, "the deliveries do not come to an end")
            await_end(self._connection)
        arrivals = common.told(self._sink, "arrivals")
        return sorted((arrivals[execution] - at) * 1000 for execution, at in committed.items())

    def _arrived(self) -> int:
        arrived: int = common.told(self._sink, "count")["count"]
        return arrived

    def _clean(self) -> None:
        common.told(self._sink, "forget")
        self._one.forget_jobs()


async def trickle(url: str, count: int, body: JsonObject) -> dict[str, float]:
    """Create one job every 50 ms with the API's own operation, after WARM_UPS others.

    Returns the monotonic time at which each of the `count` executions was committed: when its caller has the answer.
    """
    committed = {}
    new = new_jobs.NewJob(endpoint=ENDPOINT, trigger="IMMEDIATE", input=dict(body))
    async with Pool(url, size=1) as pool:
        view = database.WorkspaceView(pool, WORKSPACE)
        for nth in range(WARM_UPS + count):
            job, _ = await jobs.create(view, new)
            at = time.monotonic()
            if job.execution is None:
                raise RuntimeError(f"job {job.job_id} has no execution")
            if nth >= WARM_UPS:
                committed[str(job.execution["execution_id"])] = at
            await asyncio.sleep(0.05)
    return committed


@click.command(help=__doc__)
@click.option("--runs", default=5, show_default=True)
@common.tries
@click.option("--count", default=20_000, show_default=True, help="Deliveries per sample.")
@click.option("--latencies", default=300, show_default=True, help="Number of deliveries whose latency is measured.")
def main(runs: int, tries: int, count: int, latencies: int) -> None:
    """Measure and print the tables."""
    with ExitStack() as stack:
        sink = stack.enter_context(common.child(["-m", "bench.sink"]))
        url = f"http://127.0.0.1:{common.told(sink)['port']}/deliveries"
        one = stack.enter_context(common.instance(sink_url=url))
        bench = Bench(one, sink, stack.enter_context(common.child(["-m", "bench.senders"])), url, count)
        contestants = {
            "Kronos, one worker": bench.kronos,
            _PLAIN: bench.plain,
            "Kronos's transport alone": bench.transport,
        }
        series = common.take_turns(contestants, runs=runs, tries=tries)
        columns = [("rate", "deliveries/s", 0), ("cpu", "CPU ms a delivery, sender", 3), ("postgres", "PostgreSQL", 3)]
        note = (
            f"{one.cluster.installation}, fsync on; {count:,} deliveries of {len(_BODY)} bytes a sample, at most 100 "
            "at once."
        )
        common.report("Deliveries to a local sink", series, columns, ratio=("rate", _PLAIN), note=note)
        with common.console.status("latencies"):
            meter = machine.Meter()
            seen = bench.latencies(latencies)
            reading = meter.read()
        print("\n### From commit to the request at the sink\n")
        print(f"{len(seen)} jobs, one each 50 ms, NOTIFY on; {reading.note}.\n")
        print("| p50 ms | p90 ms | p99 ms | max ms |\n|---|---|---|---|")
        print(
            "| "
            + " | ".join(f"{seen[min(len(seen) * share // 100, len(seen) - 1)]:.1f}" for share in (50, 90, 99, 100))
            + " |"
        )


if __name__ == "__main__":
    sys.exit(main())
