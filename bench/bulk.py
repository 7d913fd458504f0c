"""Creating many jobs: by SQL in an application's transaction, over HTTP, and one by one. `python -m bench.bulk`

Measures in turns, on a separate instance: the bare statement; kronos.enqueue_many and kronos.enqueue, called from
Python like an application does (documents written by orjson, one round trip each); POST …/jobs:batch with one and two
connections.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import click
import orjson
import psycopg

from bench import common, deliver, machine
from bench.common import ENDPOINT, WORKSPACE, Instance
from kronos import sql_grants
from kronos.model import Json

BULK = 1000
_ROLE = "bench_app"
INPUT = {"number": 0, "order": 4711, "customer": "someone", "note": "x" * 140}
_JOB = {"endpoint": ENDPOINT, "trigger": "IMMEDIATE", "input": INPUT}
Sample = dict[str, float]


@contextmanager
def application(one: Instance) -> Iterator[psycopg.Connection[tuple[Json, ...]]]:
    """Return a connection of an application whose role may create jobs."""
    with psycopg.connect(one.url, prepare_threshold=0) as connection:
        if connection.execute("select 1 from pg_roles where rolname = %s", [_ROLE]).fetchone() is None:
            connection.execute(f"create role {_ROLE} login")
        connection.commit()
        sql_grants.grant(one.url, WORKSPACE, _ROLE)
        connection.execute(f"set session authorization {_ROLE}")
        connection.commit()
        yield connection


@contextmanager
def spent(one: Instance, count: int) -> Iterator[Sample]:
    """Measure the CPU time in µs for each of `count`, of this process and of PostgreSQL."""
    used, postgres = time.process_time(), machine.cpu_seconds(one.postgres_pid)
    began = time.monotonic()
    sample: Sample = {}
    yield sample
    sample["rate"] = count / (time.monotonic() - began)
    sample["cpu"] = (time.process_time() - used) / count * 1e6
    sample["postgres"] = (machine.cpu_seconds(one.postgres_pid) - postgres) / count * 1e6


def many(one: Instance, count: int) -> Sample:
    """Create jobs with kronos.enqueue_many, one transaction per thousand."""
    one.forget_jobs()
    with application(one) as connection:
        call = "select kronos.enqueue_many(%s::jsonb)"
        jobs = [{"endpoint": ENDPOINT, "input": INPUT}] * BULK
        connection.execute(call, ["[]"])
        with spent(one, count) as sample:
            for _ in range(0, count, BULK):
                connection.execute(call, [orjson.dumps(jobs).decode()])
                connection.commit()
    return sample


def each(one: Instance, count: int, *, commits: bool) -> Sample:
    """Create jobs with kronos.enqueue, in one transaction or in one each."""
    one.forget_jobs()
    with application(one) as connection, spent(one, count) as sample:
        for _ in range(count):
            connection.execute("select kronos.enqueue(%s, %s::jsonb)", [ENDPOINT, orjson.dumps(INPUT).decode()])
            if commits:
                connection.commit()
        connection.commit()
    return sample


def plain(one: Instance, count: int) -> Sample:
    """Run the bare statement, without documents from a client."""
    one.forget_jobs()
    with one.connect() as connection, spent(one, count) as sample:
        for _ in range(0, count, BULK):
            deliver.add(connection, BULK, INPUT)
    return sample


class OverHttp:
    """POST …/jobs:batch at one API process."""

    def __init__(self, one: Instance, api: tuple[subprocess.Popen[str], int], caller: subprocess.Popen[str]) -> None:
        self._one, (self._api, self._port), self._caller = one, api, caller

    def batches(self, connections: int, seconds: float) -> Sample:
        """Create a thousand jobs per call."""
        self._one.forget_jobs()
        order = {
            "port": self._port,
            "path": f"/v1/workspaces/{WORKSPACE}/jobs:batch",
            "headers": f"Authorization: Bearer {self._one.key_file.read_text().strip()}\r\n",
            "bodies": [json.dumps({"jobs": [_JOB] * BULK})],
            "connections": connections,
            "seconds": seconds,
        }
        used, postgres = machine.cpu_seconds(self._api.pid), machine.cpu_seconds(self._one.postgres_pid)
        seen = common.told(self._caller, order)
        if seen["other"]:
            raise RuntimeError(f"the API answered {seen['other'][:500]}")
        count = seen["requests"] * BULK
        return {
            "rate": count / seen["seconds"],
            "cpu": (machine.cpu_seconds(self._api.pid) - used) / count * 1e6,
            "postgres": (machine.cpu_seconds(self._one.postgres_pid) - postgres) / count * 1e6,
        }


@click.command(help=__doc__)
@click.option("--runs", default=3, show_default=True)
@common.tries
@click.option("--count", default=20_000, show_default=True, help="Jobs per sample by SQL.")
@click.option("--seconds", default=3.0, show_default=True, help="Seconds per sample over HTTP.")
def main(runs: int, tries: int, count: int, seconds: float) -> None:
    """Measure and print the table."""
    with common.instance() as one, ExitStack() as stack:
        api = stack.enter_context(common.served(one))
        http = OverHttp(one, api, stack.enter_context(common.child(["-m", "bench.callers"])))
        http.batches(1, 1)
        contestants: dict[str, Callable[[], Sample]] = {
            "the statement alone": lambda: plain(one, count),
            "kronos.enqueue_many": lambda: many(one, count),
            "kronos.enqueue, in one transaction": lambda: each(one, count // 4, commits=False),
            "kronos.enqueue, a transaction each": lambda: each(one, count // 8, commits=True),
            "jobs:batch, one connection": lambda: http.batches(1, seconds),
            "jobs:batch, two connections": lambda: http.batches(2, seconds),
        }
        series = common.take_turns(contestants, runs=runs, tries=tries)
        columns = [("rate", "jobs/s", 0), ("cpu", "CPU µs a job, client or API", 1), ("postgres", "PostgreSQL", 1)]
        note = f"{one.cluster.installation}, fsync on; 1,000 jobs a call, 200 bytes of input."
        common.report("Many jobs at once", series, columns, ratio=("rate", "the statement alone"), note=note)


if __name__ == "__main__":
    sys.exit(main())
