"""Shared parts of the benchmarks: a separate instance, child processes, samples in turns, and the final table."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import median

import click
import psycopg
from rich.console import Console

from bench import machine
from bench.machine import Meter, Reading
from kronos import database, endpoints, keys, migrations, workspaces
from kronos.embedded import ports
from kronos.embedded.cluster import Cluster
from kronos.model import Json
from kronos.pool import Pool

WORKSPACE, ENDPOINT = "bench", "sink"
# A sample that lost more CPU time than this to other processes is repeated, if --tries allows.
_FOREIGN_AT_MOST = 0.08
tries = click.option(
    "--tries", default=3, show_default=True, help="Maximum number of tries for a sample disturbed by other processes."
)
console = Console(stderr=True, highlight=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A migrated database on the benchmark's own cluster, with one workspace and one endpoint."""

    cluster: Cluster
    home: Path
    key_file: Path

    @property
    def url(self) -> str:
        """The URL of the database, as the cluster's superuser."""
        return self.cluster.superuser_url

    @property
    def postgres_pid(self) -> int:
        """The postmaster's pid."""
        if self.cluster.pid is None:
            raise RuntimeError("PostgreSQL has ended")
        return self.cluster.pid

    def forget_jobs(self) -> None:
        """Delete every job of the benchmark's workspace, with its entry and executions. The internal jobs stay.

        Foreign keys are not checked: nothing else refers to the rows, and the checks take a second for 1,000 jobs.
        """
        with self.connect() as connection, connection.transaction():
            connection.execute("set local session_replication_role = replica")
            connection.execute("truncate kronos.execution_live, kronos.execution_done, kronos.attempt")
            for table in ("pointers", "jobs"):
                connection.execute(
                    f"delete from kronos.{table} where workspace_id = (select workspace_id from kronos.workspaces "
                    "where slug = %s)",
                    [WORKSPACE],
                )
        with self.connect() as connection:
            connection.execute(
                "delete from cron.job where jobname not in (select 'kronos:' || job_id from kronos.jobs)"
            )
            connection.execute("vacuum analyze kronos.jobs, kronos.pointers, kronos.execution_live, cron.job")
            connection.execute("checkpoint")

    def connect(self) -> psycopg.Connection[tuple[Json, ...]]:
        """Return an autocommit connection of the superuser, to whom no policy applies."""
        return psycopg.connect(self.url, autocommit=True)

    def environment(self, **settings: str) -> dict[str, str]:
        """Return a Kronos process's environment: only `settings` and the database, independent of the caller's."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("KRONOS_")}
        return (
            inherited
            | {"KRONOS_DATABASE_URL": self.url}
            | {f"KRONOS_{name.upper()}": value for name, value in settings.items()}
        )


def with_endpoint(workspaces: str, name: str) -> str:
    """The statement that makes workspaces, by an insert that returns their ids, and an HTTP endpoint of this name, as
    SQL has it, in each."""
    return f"""
with workspace as (
    {workspaces}
), endpoint as (
    insert into kronos.endpoints (workspace_id, name, type)
    select workspace_id, {name}, 'HTTP' from workspace
    returning endpoint_id, workspace_id
), version as (
    insert into kronos.endpoint_versions (endpoint_id, version, workspace_id, spec, retry_policy, timeout_ms,
                                          max_attempts, max_crashes)
    select endpoint_id, 1, workspace_id, '{{"url": "http://127.0.0.1:9/"}}', '{{}}', 10000, 5, 3 from endpoint
)
insert into kronos.endpoint_gate (endpoint_id, workspace_id) select endpoint_id, workspace_id from endpoint
"""


def clock_of(connection: psycopg.Connection[tuple[Json, ...]]) -> datetime:
    """Return the time on PostgreSQL's clock."""
    row = connection.execute("select clock_timestamp()").fetchone()
    if row is None:
        raise RuntimeError("PostgreSQL has no clock")
    now: datetime = row[0]
    return now


def await_instant(connection: psycopg.Connection[tuple[Json, ...]], at: datetime) -> None:
    """Wait until an instant on PostgreSQL's clock."""
    while (remaining := (at - clock_of(connection)).total_seconds()) > 0:
        time.sleep(min(remaining, 1))  # in steps: PostgreSQL's clock decides, not this process's


@contextmanager
def instance(*, sink_url: str = "http://127.0.0.1:9/") -> Iterator[Instance]:
    """Provide a fresh instance with durable data (fsync on), like a user's. `sink_url`: its endpoint's URL."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that SIGTERM cleans up like Ctrl-C
    with tempfile.TemporaryDirectory(prefix="kronos-bench-") as directory:
        Path(directory).chmod(0o711)  # so that PostgreSQL's user can enter
        home = Path(directory) / "home"
        cluster = Cluster(home, note=console.print)
        with console.status("starting PostgreSQL"):
            cluster.start()
        try:
            migrations.migrate(cluster.superuser_url)
            made = Instance(cluster=cluster, home=home, key_file=home / "admin.key")
            with made.connect() as connection:
                # the reaper would share alarms from 2,000 jobs on, in the middle of what is measured
                connection.execute("update kronos.alarm_setting set wanted = 'own'")
            keys.ensure_admin_key(made.url, made.key_file)
            asyncio.run(_seed(made.url, sink_url))
            yield made
        finally:
            cluster.destroy()


async def _seed(url: str, sink_url: str) -> None:
    async with Pool(url, size=1) as pool:
        await workspaces.create(database.InstanceView(pool), slug=WORKSPACE, name="Benchmarks")
        await endpoints.create(
            database.WorkspaceView(pool, WORKSPACE),
            endpoints.NewEndpoint(
                name=ENDPOINT,
                type="HTTP",
                spec={"url": sink_url, "method": "POST"},
                timeout_ms=10_000,
                retry_policy=endpoints.RetryPolicy(),
            ),
        )


@contextmanager
def child(
    command: Sequence[str], *, log: Path | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Provide a Python process with pipes to its standard input and output, until the block ends. Its standard error
    goes to `log`, or to ours."""
    with program([sys.executable, "-P", *command], log=log, environment=environment) as process:
        yield process


@contextmanager
def program(
    command: Sequence[str], *, log: Path | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Like `child`, for any command."""
    with (log or Path(os.devnull)).open("a") as file:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=file if log else None,
            env=dict(environment) if environment is not None else None,
            cwd=Path(__file__).parents[1],
            text=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=30)


def told(process: subprocess.Popen[str], order: Json = None) -> Json:
    """Return the process's answer, a line of JSON, after sending `order`, if given."""
    if order is not None:
        give(process, order)
    if process.stdout is None:
        raise RuntimeError("the process has no pipes")
    if not (line := process.stdout.readline()):
        raise RuntimeError(f"{process.args!r} ended with {process.wait(timeout=10)}")
    answer: Json = json.loads(line)
    return answer


def give(process: subprocess.Popen[str], order: Json) -> None:
    """Send an order, a line of JSON; `told` reads the answer."""
    if process.stdin is None:
        raise RuntimeError("the process has no pipes")
    process.stdin.write(json.dumps(order) + "\n")
    process.stdin.flush()


@contextmanager
def served(one: Instance) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Provide `kronos serve` with its default settings: (process, port), once it responds."""
    port = ports.free_port()
    log = one.home / "log" / "api.log"
    with child(["-m", "kronos", "serve"], log=log, environment=one.environment(port=str(port))) as process:
        wait_until(lambda: answers(port), f"the API does not answer; see {log}")
        yield process, port


def answers(port: int) -> bool:
    """Whether an API responds at this port."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/openapi.json", timeout=5):
            return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


@contextmanager
def constant() -> Iterator[int]:
    """Provide the port of a FastAPI route that returns a constant, the reference for HTTP requests."""
    port = ports.free_port()
    with child(["-m", "bench.constant", str(port)]):
        wait_until(lambda: _is_posted(port), "the constant does not answer")
        yield port


def _is_posted(port: int) -> bool:
    try:
        with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/", data=b"{}"), timeout=5):
            return True
    except (urllib.error.URLError, ConnectionError):
        return False


def wait_until(is_so: Callable[[], bool], otherwise: str, *, seconds: float = 120, every: float = 0.02) -> None:
    """Wait until `is_so()`. Raises TimeoutError(otherwise) after the time limit."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(otherwise)
        time.sleep(every)  # the condition is another process's


@dataclass(slots=True)
class Series:
    """One contestant's samples; each has a number per measure."""

    name: str
    samples: list[dict[str, float]] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)

    def median(self, measure: str) -> float:
        """Of all samples."""
        return median(sample[measure] for sample in self.samples)

    def shown(self, measure: str, digits: int) -> str:
        """median (min to max)"""
        values = [sample[measure] for sample in self.samples]
        return f"{median(values):,.{digits}f} ({min(values):,.{digits}f}-{max(values):,.{digits}f})"


Sampler = Callable[[], dict[str, float]]


def take_turns(contestants: Mapping[str, Sampler], *, runs: int, tries: int) -> dict[str, Series]:
    """Take `runs` samples of each, A B C A B C …, so that disturbances of the machine affect all alike."""
    series = {name: Series(name) for name in contestants}
    for run in range(1, runs + 1):
        for name, sampler in contestants.items():
            sample, reading = _quiet_sample(f"run {run} of {runs}: {name}", sampler, tries)
            series[name].samples.append(sample)
            series[name].readings.append(reading)
            numbers = ", ".join(f"{measure} {value:,.2f}" for measure, value in sample.items())
            console.print(f"run {run} of {runs}: {name}: {numbers} [{reading.note}]", markup=False)
    return series


def _quiet_sample(title: str, sampler: Sampler, tries: int) -> tuple[dict[str, float], Reading]:
    """The first of `tries` samples during which the machine was ours; if there is none, the one with the least
    disturbance."""
    taken: list[tuple[dict[str, float], Reading]] = []
    for _ in range(tries):
        with console.status(title):
            meter = Meter()
            sample = sampler()
            reading = meter.read()
        if reading.foreign <= _FOREIGN_AT_MOST:
            return sample, reading
        taken.append((sample, reading))
        console.print(f"{title}: disturbed ({reading.note})", markup=False)
    return min(taken, key=lambda one: one[1].foreign)


def report(
    title: str,
    series: Mapping[str, Series],
    columns: Sequence[tuple[str, str, int]],
    *,
    ratio: tuple[str, str],
    note: str = "",
) -> None:
    """Print a Markdown table: `columns` are (measure, heading, digits); `ratio` is (measure, name of the reference)."""
    measure, reference = ratio
    print(f"\n### {title}\n")
    print(
        f"{machine.description()}; median (min-max) of {len(series[reference].samples)} samples each, taken in turns. "
        f"{note}\n"
    )
    print("| | " + " | ".join(heading for _, heading, _ in columns) + f" | {measure} / {reference} |")
    print("|---|" + "---|" * (len(columns) + 1))
    for one in series.values():
        cells = [one.shown(name, digits) if name in one.samples[0] else "" for name, _, digits in columns]
        share = median(a[measure] / b[measure] for a, b in zip(one.samples, series[reference].samples, strict=True))
        print(f"| {one.name} | " + " | ".join(cells) + f" | {share:.2f} |")
    disturbed = [reading for one in series.values() for reading in one.readings if reading.foreign > _FOREIGN_AT_MOST]
    if disturbed:
        worst = max(reading.foreign for reading in disturbed)
        print(
            f"\n{len(disturbed)} samples were disturbed: other processes took up to {worst:.0%} of the machine. "
            "Compare the ratios only."
        )
    else:
        print(f"\nNo sample lost more than {_FOREIGN_AT_MOST:.0%} of the machine to other processes.")
