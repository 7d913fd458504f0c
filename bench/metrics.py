"""The cost of /metrics: a scrape with many jobs, executions, heartbeats, alert rules and workspaces, and a delivery
with and without metrics, in turns. `python -m bench.metrics`

For each part that an API process reads: the time reported by EXPLAIN ANALYZE, and the session's CPU time. For a
process: its CPU time per request to its port, and the response time.
"""

import asyncio
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from statistics import median

import click
from pydantic import SecretStr

from bench import common, deliver, history, machine, monitored
from bench.common import Instance
from kronos import gauges, seldom
from kronos.config import Settings
from kronos.database import InstanceView
from kronos.embedded import ports
from kronos.metrics import instance
from kronos.metrics.exposition import Exposition
from kronos.pool import Pool

_INPUT = {"order": 4711, "note": "x" * 150}
# A busy instance: a minute of finished executions, and a waiting queue.
_LATELY = """
update kronos.execution_done set completed_at = now() - random() * interval '50 s'
 where execution_id in (select execution_id from kronos.execution_done order by execution_id desc limit %(ended)s)
"""
_EACH = (
    "system_status()", "system_counts(10000)", "system_ends('60 s', 10000)", "system_queue(1000, 10000)",
    "system_retention()", "system_beats(10000)",
)  # fmt: skip
_SELDOM = ("system_alarm_quotas(50)", "system_partitions()")


def _parts(one: Instance, runs: int, found: dict[str, list[float]]) -> None:
    """Return the milliseconds of each part in PostgreSQL, and of a scrape's six parts together."""
    with one.connect() as connection:
        pid = connection.info.backend_pid
        for run in range(runs + 1):
            together = [0.0, 0.0]
            for part in (*_EACH, *_SELDOM):
                cpu = machine.session_seconds(pid)
                row = connection.execute(
                    f"explain (analyze, format json) select * from kronos.{part}".encode()
                ).fetchone()
                cpu = (machine.session_seconds(pid) - cpu) * 1000
                plan = row[0][0] if row else {}
                took = plan["Planning Time"] + plan["Execution Time"]
                if run:  # the first one compiles its functions
                    name = part.partition("(")[0]
                    found.setdefault(f"`{name}`, by EXPLAIN ANALYZE", []).append(took)
                    found.setdefault(f"`{name}`, CPU", []).append(cpu)
                if part in _EACH:
                    together = [together[0] + took, together[1] + cpu]
            if run:
                found.setdefault("a scrape's six, by EXPLAIN ANALYZE", []).append(together[0])
                found.setdefault("a scrape's six, CPU", []).append(together[1])


async def _whole(one: Instance, runs: int, found: dict[str, list[float]]) -> None:
    """What an API process does with them: time of what it reads, and CPU time of what it writes. Each is of a process
    that has read nothing yet, so what is read beside the scrapes begins with each of them."""
    async with Pool(one.url, size=2) as pool:
        view, settings = InstanceView(pool), Settings(database_url=SecretStr(one.url))
        for run in range(runs + 2):
            shown = Exposition(list)
            used, began = time.process_time(), time.perf_counter()
            read = await gauges.Gauges(settings).read(view, names=True)
            amid = time.perf_counter()
            shown.text("text/plain", read)
            if run >= 2:
                found.setdefault("all of a scrape read: time", []).append((amid - began) * 1000)
                found.setdefault("CPU of Python, read and written", []).append((time.process_time() - used) * 1000)
            await _beside(view, settings, found if run >= 2 else {})


async def _beside(view: InstanceView, settings: Settings, found: dict[str, list[float]]) -> None:
    """What is read each ten minutes, and how late the event loop was meanwhile: so long no request went on."""
    beside, late = seldom.Seldom(settings), [0.0]
    used, began = time.process_time(), time.perf_counter()
    beside.begin(view)
    while time.perf_counter() - began < 10 and not any(
        each.metric is instance.ALARM_QUOTA for each in beside.figures()
    ):
        asleep = time.perf_counter()
        await asyncio.sleep(0.001)
        late.append((time.perf_counter() - asleep) * 1000 - 1)
    found.setdefault("each ten minutes, beside: time", []).append((time.perf_counter() - began) * 1000)
    found.setdefault("each ten minutes, beside: CPU of Python", []).append((time.process_time() - used) * 1000)
    found.setdefault("each ten minutes, beside: event loop late, at most", []).append(max(late))


def _asked(one: Instance, role: str, runs: int, found: dict[str, list[float]]) -> None:
    """A process of this role, asked at its own port: CPU time of a scrape, and the time of its answer. An API process
    keeps what it has read for ten seconds: it is the first answers' alone."""
    port, log = ports.free_port(), one.home / "log" / f"{role}.log"
    settings = {"metrics_port": str(port), "port": str(ports.free_port())}
    with common.child(["-m", "kronos", role], log=log, environment=one.environment(**settings)) as child:
        url = f"http://127.0.0.1:{port}/metrics"
        common.wait_until(lambda: _answer(url) is not None, f"the {role} does not answer; see its log")
        used = machine.cpu_seconds(child.pid)
        took = [took for _ in range(runs) if (took := _answer(url)) is not None]
        found[f"{role}: CPU of a scrape"] = [(machine.cpu_seconds(child.pid) - used) / runs * 1000]
        found[f"{role}: time of a scrape"] = [each * 1000 for each in took]


def _answer(url: str) -> float | None:
    """How long it took; None: nothing listens yet."""
    began = time.perf_counter()
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            answer.read()
    except OSError:
        return None
    return time.perf_counter() - began


@contextmanager
def _worker(one: Instance, port: int | None) -> Iterator[int]:
    more = {} if port is None else {"metrics_port": str(port)}
    log = one.home / "log" / "worker.log"
    variables = one.environment(egress_allow="127.0.0.0/8", **more)
    with one.connect() as connection, common.child(["-m", "kronos", "worker"], log=log, environment=variables) as child:
        deliver.await_listeners(connection, 1)
        yield child.pid


def _delivery(one: Instance, count: int, port: int | None) -> float:
    """Return the worker's CPU µs per delivery."""
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
@click.option("--heartbeats", default=10_000, show_default=True)
@click.option("--rules", default=1_000, show_default=True, help="Alert rules, with ten incidents each.")
@click.option("--workspaces", default=200, show_default=True, help="Workspaces that share all of these.")
@click.option("--turns", default=6, show_default=True, help="Samples of deliveries with and without metrics.")
@click.option("--count", default=10_000, show_default=True, help="Deliveries per sample.")
def main(
    runs: int, jobs: int, ticks: int, heartbeats: int, rules: int, workspaces: int, turns: int, count: int
) -> None:
    """Measure and print."""
    found: dict[str, list[float]] = {}
    with common.instance() as one:
        history.fill(one, history.Size(jobs=jobs, one_shots=100, ticks=ticks, days=350, width=7))
        with one.connect() as connection:
            connection.execute("set session_replication_role = replica")
            connection.execute(_LATELY, {"ended": 9000})
            deliver.add(connection, 9000, dict(_INPUT))
        monitored.fill(one, monitored.Watched(workspaces=workspaces, beats=heartbeats, beat_ticks=20, rules=rules))
        _parts(one, runs, found)
        asyncio.run(_whole(one, runs, found))
        _asked(one, "serve", runs, found)
        _asked(one, "worker", runs, found)
    if turns:
        _deliveries(found, turns=turns, count=count)
    print(f"\n{machine.description()}")
    print(
        f"{jobs:,} jobs, {ticks:,} executions, {heartbeats:,} heartbeats, {rules:,} rules, {workspaces:,} workspaces\n"
    )
    print("| | least | median | worst |\n| --- | --- | --- | --- |")
    for name, values in found.items():
        print(f"| {name} | {min(values):.2f} | {median(values):.2f} | {max(values):.2f} |")


def _deliveries(found: dict[str, list[float]], *, turns: int, count: int) -> None:
    """Measure deliveries with and without metrics, in turns."""
    with ExitStack() as stack:
        sink = stack.enter_context(common.child(["-m", "bench.sink"]))
        url = f"http://127.0.0.1:{common.told(sink)['port']}/deliveries"
        one = stack.enter_context(common.instance(sink_url=url))
        for turn in range(turns * 2):
            is_on = turn % 2 == 1
            name = "µs a delivery, with metrics" if is_on else "µs a delivery, without"
            found.setdefault(name, []).append(_delivery(one, count, ports.free_port() if is_on else None))


if __name__ == "__main__":
    sys.exit(main())
