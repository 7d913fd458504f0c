"""What /metrics costs: a scrape beside many jobs and executions, and a delivery with and without it, in turns.
`python -m bench.metrics`"""

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from statistics import median

import click

from bench import common, deliver, history, machine
from bench.common import WORKSPACE, Instance
from kronos import gauges
from kronos.database import InstanceView
from kronos.embedded import ports
from kronos.metrics.exposition import Exposition
from kronos.pool import Pool

_INPUT = {"order": 4711, "note": "x" * 150}
# A busy instance: a minute's executions behind, and a queue that waits.
_LATELY = """
update kronos.execution_done set completed_at = now() - random() * interval '50 s'
 where execution_id in (select execution_id from kronos.execution_done order by execution_id desc limit %(ended)s)
"""
_PARTS = ("kronos.system_status()", "kronos.system_counts(10000)", "kronos.system_ends('60 s', 10000)")


def _scrape(one: Instance, runs: int) -> dict[str, list[float]]:
    """Milliseconds of what a scrape reads and of what it writes, and of each part in PostgreSQL."""
    found: dict[str, list[float]] = {}
    with one.connect() as connection:
        for part in (*_PARTS, "kronos.system_queue(1000, 10000)", "kronos.system_retention()"):
            for run in range(runs):
                began = time.perf_counter()
                connection.execute(f"select * from {part}".encode())
                if run:
                    found.setdefault(part, []).append((time.perf_counter() - began) * 1000)
    asyncio.run(_whole(one, runs, found))
    return found


async def _whole(one: Instance, runs: int, found: dict[str, list[float]]) -> None:
    async with Pool(one.url, size=2) as pool:
        for run in range(runs + 2):
            shown = Exposition(list)
            began = time.perf_counter()
            read = await gauges.Gauges().read(InstanceView(pool), names=True)
            amid = time.perf_counter()
            shown.text("text/plain", read)
            if run >= 2:
                found.setdefault("all of it read", []).append((amid - began) * 1000)
                found.setdefault("written", []).append((time.perf_counter() - amid) * 1000)


@contextmanager
def _worker(one: Instance, port: int | None) -> Iterator[int]:
    more = {} if port is None else {"metrics_port": str(port)}
    log = one.home / "log" / "worker.log"
    variables = one.environment(egress_allow="127.0.0.0/8", **more)
    with one.connect() as connection, common.child(["-m", "kronos", "worker"], log=log, environment=variables) as child:
        deliver.await_listeners(connection, 1)
        yield child.pid


def _delivery(one: Instance, count: int, port: int | None) -> float:
    """µs of CPU of the worker for each delivery."""
    one.forget_jobs()
    with one.connect() as connection, _worker(one, port) as pid:
        deliver.add(connection, 500, dict(_INPUT))
        connection.execute("notify kronos_work")
        deliver.await_end(connection)
        used = machine.cpu_seconds(pid)
        deliver.add(connection, count, dict(_INPUT))
        connection.execute("notify kronos_work")
        deliver.await_end(connection)
        return (machine.cpu_seconds(pid) - used) / count * 1e6


@click.command(help=__doc__)
@click.option("--runs", default=30, show_default=True)
@click.option("--jobs", default=50_000, show_default=True)
@click.option("--ticks", default=1_000_000, show_default=True)
@click.option("--turns", default=6, show_default=True, help="Samples of deliveries, with metrics and without.")
@click.option("--count", default=10_000, show_default=True, help="Deliveries in a sample.")
def main(runs: int, jobs: int, ticks: int, turns: int, count: int) -> None:
    """Measure and print."""
    found: dict[str, list[float]] = {}
    with common.instance() as one:
        history.fill(one, history.Size(jobs=jobs, one_shots=100, ticks=ticks, days=350, width=7))
        with one.connect() as connection:
            connection.execute("set session_replication_role = replica")
            connection.execute(_LATELY, {"ended": 9000})
            deliver.add(connection, 9000, dict(_INPUT))
        found |= _scrape(one, runs)
    with ExitStack() as stack:
        sink = stack.enter_context(common.child(["-m", "bench.sink"]))
        url = f"http://127.0.0.1:{common.told(sink)['port']}/deliveries"
        one = stack.enter_context(common.instance(sink_url=url))
        for turn in range(turns * 2):
            is_on = turn % 2 == 1
            name = "µs a delivery, with metrics" if is_on else "µs a delivery, without"
            found.setdefault(name, []).append(_delivery(one, count, ports.free_port() if is_on else None))
    print(f"\n{machine.description()}; {WORKSPACE}: {jobs:,} jobs, {ticks:,} executions\n")
    print("| | median | worst |\n| --- | --- | --- |")
    for name, values in found.items():
        print(f"| {name} | {median(values):.2f} | {max(values):.2f} |")


if __name__ == "__main__":
    sys.exit(main())
