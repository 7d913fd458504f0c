"""Deliveries and reads while old weeks of the history are on one, two and three Citus nodes, and while they are moved.
`bin/bench distribution --bin-dir /opt/citus/bin`, with an installation of PostgreSQL with Citus (docs/scaling.md)

All servers run on this machine, so nodes add no cores. The report therefore gives CPU time of the worker and its
sessions, and ratios, measured in turns. Readers request pages of executions, and explanations for the weeks that move.
"""

import asyncio
import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median, quantiles

import click

from bench import citus_nodes, common, deliver, machine
from bench.common import Instance
from kronos import database, endpoints, workspaces
from kronos.model import Json
from kronos.pool import Pool

_WORKSPACES, _JOBS = 20, 3
_MOVED, _KEPT = (8, 7, 6), 5  # weeks ago
_READ_SECONDS = 3.0
_WEEK = timedelta(weeks=1)
_INPUT = {"order": 4711, "customer": "someone", "note": "x" * 400}
_FILL_JOBS = """
with new as (
    select endpoint.*, gen_random_uuid() as job_id, n, kronos.parse_cron('7 * * * *') as schedule
      from kronos.endpoints as endpoint cross join generate_series(1, %(jobs)s) as n
     where endpoint.name = 'old'
), made as (
    insert into kronos.jobs (job_id, first_version_id, workspace_id, name, endpoint_id, trigger, cron, timezone,
                             schedule, alarm, description, created_at, ticks_from)
    select job_id, job_id, workspace_id, 'job-' || n, endpoint_id, 'CRON', '7 * * * *', 'UTC', schedule,
           '7 * * * *', '', %(since)s, %(since)s
      from new
    returning job_id, workspace_id, schedule
)
insert into kronos.pointers (job_id, workspace_id, next_tick_at)
select job_id, workspace_id, kronos.next_tick(schedule, %(upto)s) from made
"""
_FILL_WEEK = """
insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, status,
    scheduled_at, run_at, created_at, started_at, completed_at, attempt_count, max_attempts, input)
select kronos.tick_id(job.job_id, tick), job.workspace_id, job.job_id, job.endpoint_id, 1, 'SCHEDULE',
       'SUCCESS', tick, tick, tick, tick, tick + interval '1 s', 1, 5, %(input)s
  from kronos.jobs as job
 cross join lateral kronos.next_ticks(job.schedule, %(begins)s::timestamptz - interval '1 microsecond', 168) as tick
 where job.trigger = 'CRON' and job.name like 'job-%%' and tick < %(upto)s
"""


class Reader(threading.Thread):
    """Reads pages and explanations of old weeks over HTTP, one after the other, fifteen per second, until told to
    end."""

    def __init__(self, port: int, key: str, asked: list[tuple[str, str, datetime]], ends: datetime) -> None:
        super().__init__(daemon=True)
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = {"Authorization": f"Bearer {key}"}
        self._asked, self._ends, self._over = asked, ends, threading.Event()
        self.took: dict[str, list[float]] = {"list": [], "explain": [], "execution": []}
        self.failed: list[str] = []

    def run(self) -> None:
        """All of it."""
        try:
            self._read_on()
        except Exception as error:  # in a thread: the error is raised by `end`
            self.failed.append(repr(error))

    def _read_on(self) -> None:
        dice = Random(1)
        while not self._over.wait(1 / 15):
            workspace, job, tick = dice.choice(self._asked)
            begin = f"/v1/workspaces/{workspace}"
            page = self._get("list", f"{begin}/executions?limit=50&scheduled_before={_iso(self._ends)}")
            if page and page["data"]:
                self._get("execution", f"{begin}/executions/{dice.choice(page['data'])['execution_id']}")
            self._get("explain", f"{begin}/jobs/{job}/explain?at={_iso(tick)}")

    def _get(self, what: str, path: str) -> Json:
        began = time.perf_counter()
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        self.took[what].append((time.perf_counter() - began) * 1000)
        if answer.status != 200:
            self.failed.append(f"{answer.status} {body[:300].decode()}")
            return None
        return json.loads(body)

    def end(self) -> None:
        """Stop, and wait until it has stopped."""
        self._over.set()
        self.join()


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


class Bench:
    """One Kronos, whose old weeks are in turn local and on nodes."""

    def __init__(self, one: Instance, sink: "subprocess.Popen[str]", count: int) -> None:
        self._one, self._sink, self._count = one, sink, count
        self._connection = one.connect()
        self._connection.execute("set timezone = 'UTC'")
        today = common.clock_of(self._connection).replace(hour=0, minute=0, second=0, microsecond=0)
        self._monday = today - timedelta(days=today.weekday())
        asyncio.run(self._seed())
        self._connection.execute("update kronos.retention set success_days = 400, failure_days = 400")
        self._connection.execute("update kronos.workspaces set created_at = now() - interval '20 weeks'")
        since = self._monday - _MOVED[0] * _WEEK
        self._connection.execute(_FILL_JOBS, {"jobs": _JOBS, "since": since, "upto": self._monday + _WEEK})
        for weeks in reversed(range(_KEPT + 1)):
            self._fill(weeks)

    async def _seed(self) -> None:
        async with Pool(self._one.url, size=1) as pool:
            for nth in range(_WORKSPACES):
                await workspaces.create(database.InstanceView(pool), slug=f"old-{nth}", name="Old")
                await endpoints.create(
                    database.WorkspaceView(pool, f"old-{nth}"),
                    endpoints.NewEndpoint(
                        name="old", type="HTTP", spec={"url": "http://127.0.0.1:9/", "method": "POST"},
                        timeout_ms=10_000, retry_policy=endpoints.RetryPolicy(),
                    ),
                )  # fmt: skip

    def _fill(self, weeks: int) -> None:
        """Create a week's rows, and its partitions if they do not exist."""
        begins = self._monday - weeks * _WEEK
        with self._connection.transaction():
            self._connection.execute("set local role kronos_owner")
            for parent in ("execution_done", "attempt"):
                name = f"{parent}_{begins:%Y%m%d}"
                if self._connection.execute("select to_regclass(%s)", [f"kronos.{name}"]).fetchone() == (None,):
                    self._connection.execute(
                        f"create table kronos.{name} partition of kronos.{parent} for values from "
                        f"('{self._floor(begins)}') to ('{self._floor(begins + _WEEK)}')".encode()
                    )
                    self._connection.execute("select kronos.key_partition(%s, %s)", [parent, name])
        with self._connection.transaction():
            self._connection.execute("set local session_replication_role = replica")
            self._connection.execute(
                _FILL_WEEK, {"begins": begins, "upto": begins + _WEEK, "input": json.dumps(_INPUT)}
            )
        self._connection.execute("analyze kronos.execution_done")

    def _floor(self, at: datetime) -> str:
        row = self._connection.execute("select kronos.uuid7_floor(%s)::text", [at]).fetchone()
        return str(row[0]) if row else ""

    def back(self) -> None:
        """Restore the old weeks locally, as if they had never been moved."""
        self._connection.execute("drop server if exists kronos_history cascade")
        for weeks in _MOVED:
            begins = self._monday - weeks * _WEEK
            for parent in ("execution_done", "attempt"):
                self._connection.execute(f"drop table if exists kronos.{parent}_{begins:%Y%m%d}".encode())
            self._fill(weeks)

    def move(self, url: str) -> "subprocess.Popen[str]":
        """Start the command that moves them."""
        return subprocess.Popen(
            [sys.executable, "-m", "kronos", "migrate", "--distributed", "--keep-weeks", str(_KEPT)],
            env=self._one.environment(history_url=url),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def delivered(self) -> dict[str, float]:
        """Measure one worker from the commit of all executions to the last stored result: deliveries per second, and
        CPU µs per delivery in the worker and in its sessions."""
        common.told(self._sink, "forget")
        with deliver.worker(self._one) as worker:
            deliver.await_listeners(self._connection, 1)
            self._connection.execute("begin")
            deliver.add(self._connection, self._count, _INPUT)
            self._connection.execute("notify kronos_work")
            sessions, own = self._sessions(), machine.cpu_seconds(worker.pid)
            self._connection.execute("commit")
            began = time.monotonic()
            common.wait_until(
                lambda: common.told(self._sink, "count")["count"] >= self._count, "they do not end", seconds=300
            )
            deliver.await_end(self._connection)
            seconds = time.monotonic() - began
            used = sum(now - sessions.get(pid, 0.0) for pid, now in self._sessions().items())
            own = machine.cpu_seconds(worker.pid) - own
        return {"rate": self._count / seconds, "worker": own / self._count * 1e6, "sessions": used / self._count * 1e6}

    def _sessions(self) -> dict[int, float]:
        found = self._connection.execute(
            "select pid from pg_stat_activity where application_name like 'kronos-worker%'"
        ).fetchall()
        return {pid: machine.session_seconds(pid) for (pid,) in found}

    @contextmanager
    def read(self, port: int) -> Iterator[Reader]:
        """Run readers during the work."""
        begins = self._monday - _MOVED[0] * _WEEK
        asked = self._connection.execute(
            "select workspace.slug, job.job_id::text, %s + n * interval '1 hour' + interval '7 minutes'"
            "  from kronos.jobs as job join kronos.workspaces as workspace using (workspace_id)"
            " cross join generate_series(1, 3 * 160, 37) as n where job.name like 'job-%%'",
            [begins],
        ).fetchall()
        ends = self._monday - _KEPT * _WEEK
        reader = Reader(port, self._one.key_file.read_text().strip(), asked, ends)
        reader.start()
        try:
            yield reader
        finally:
            reader.end()

    def ledger(self) -> tuple[int, int, int]:
        """Return the ticks of the moved weeks: all, unaccounted for, and accounted for twice."""
        row = self._connection.execute(
            "select sum(ledger.expected)::integer, sum(ledger.unaccounted)::integer, sum(ledger.surplus)::integer"
            "  from kronos.jobs as job"
            " cross join lateral kronos.check_ledger(job.job_id, %s, %s) as ledger where job.name like 'job-%%'",
            [self._monday - _MOVED[0] * _WEEK, self._monday - _KEPT * _WEEK],
        ).fetchone()
        return (row[0], row[1], row[2]) if row else (0, 0, 0)


Sample = dict[str, float]


def _reads(reader: Reader) -> Sample:
    if reader.failed:
        raise RuntimeError(f"a read failed: {reader.failed[0]}")
    cuts = {what: quantiles(took, n=100) if len(took) > 1 else [0.0] * 99 for what, took in reader.took.items()}
    return {f"{what} p{share}": cut[share - 1] for what, cut in cuts.items() for share in (50, 99)}


def _samples(bench: Bench, nodes: citus_nodes.Nodes, most: int, port: int) -> Iterator[tuple[str, Sample]]:
    """Take one sample of each, in turns."""
    bench.back()
    yield "here, nothing beside", bench.delivered()
    with bench.read(port) as reader:
        found = bench.delivered()
        time.sleep(_READ_SECONDS)  # for more samples of the reader, which is measured during this time
    yield "here, read beside", found | _reads(reader)
    for number in range(1, most + 1):
        bench.back()
        with bench.read(port) as reader:
            began, moving = time.monotonic(), bench.move(nodes.url(number))
            found, beside = bench.delivered(), moving.poll() is None
            said, _ = moving.communicate(timeout=300)
            if moving.returncode:
                raise RuntimeError(said)
        common.console.print(f"{said.splitlines()[-1]}; {time.monotonic() - began:.1f} s", markup=False)
        yield f"{number}, weeks go beside" if beside else f"{number}, weeks went within", found | _reads(reader)
        with bench.read(port) as reader:
            found = bench.delivered()
            time.sleep(_READ_SECONDS)  # as above
        yield f"{number}, weeks are there", found | _reads(reader)
        expected, unaccounted, surplus = bench.ledger()
        common.console.print(f"ledger of {expected:,} ticks: {unaccounted} unaccounted for, {surplus} twice")


@click.command(help=__doc__)
@click.option("--bin-dir", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--nodes", "most", default=3, show_default=True, help="Maximum number of nodes.")
@click.option("--runs", default=3, show_default=True)
@click.option("--count", default=10_000, show_default=True, help="Deliveries per sample.")
def main(bin_dir: Path, most: int, runs: int, count: int) -> None:
    """Measure and print."""
    with ExitStack() as stack:
        sink = stack.enter_context(common.child(["-m", "bench.sink"]))
        one = stack.enter_context(common.instance(sink_url=f"http://127.0.0.1:{common.told(sink)['port']}/deliveries"))
        nodes = stack.enter_context(citus_nodes.nodes(bin_dir, most))
        for number in range(1, most + 1):
            nodes.make(number)
        bench = Bench(one, sink, count)
        _, port = stack.enter_context(common.served(one))
        series: dict[str, list[Sample]] = {}
        for _ in range(runs):
            for name, sample in _samples(bench, nodes, most, port):
                common.console.print(f"{name}: {sample}", markup=False)
                series.setdefault(name, []).append(sample)
        reads = [f"{what} p{share}" for what in ("list", "execution", "explain") for share in (50, 99)]
        print(f"{machine.description()}; medians of {runs}, in turns; {count:,} deliveries each.\n")
        print("| old weeks | deliveries/s | worker, CPU µs | sessions, CPU µs | " + " | ".join(reads) + " |")
        print("|---" * (4 + len(reads)) + "|")
        for name, samples in series.items():
            cells = [
                f"{median(each[key] for each in samples):,.0f}" if key in samples[0] else ""
                for key in ("rate", "worker", "sessions", *reads)
            ]
            print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
