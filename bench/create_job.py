"""Creating CRON jobs and one-shots, and triggering a job, over HTTP with 8 connections and one API process. `python -m
bench.create_job`

References, in turns: the same two writes by pgbench, one statement per transaction; a FastAPI route that returns a
constant.
"""

import json
import re
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import click

from bench import common, machine
from bench.common import ENDPOINT, WORKSPACE, Instance

_CONSTANT = "FastAPI, a constant"
# The row and its entry as written by the API; scheduled in February, so that none becomes due during the run.
_PGBENCH = """
with job as (
    insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, input, cron,
        timezone, schedule, alarm,
                             description)
    select fresh.job_id, fresh.job_id, endpoint.workspace_id, endpoint.endpoint_id, 'CRON',
           '{"order": 4711, "customer": "someone"}',
           '0 0 1 2 *', 'UTC', '(1,1,2,4,127,t,0,0,0,f,,,UTC,SHIFT,FIRST,,,)', '0 0 1 2 *',
               'At 00:00 on day 1 of the month in February'
      from (select gen_random_uuid() as job_id) as fresh, kronos.endpoints as endpoint
     where endpoint.name = 'sink'
    returning job_id, workspace_id
), pointer as (
    insert into kronos.pointers (job_id, workspace_id, next_tick_at) select job_id, workspace_id, '2100-02-01' from job
)
select cron.schedule('kronos:' || job_id, '0 0 1 2 *', 'select kronos.fire(''' || job_id || ''')') from job;
"""


def _body(cron: str) -> str:
    return json.dumps(
        {"endpoint": ENDPOINT, "trigger": "CRON", "cron": cron, "input": {"order": 4711, "customer": "someone"}}
    )


_ONE_SHOT = json.dumps({"endpoint": ENDPOINT, "trigger": "IMMEDIATE", "input": {"order": 4711, "customer": "someone"}})


def _new_texts() -> Iterator[str]:
    """Yield every minute of February, each once."""
    for day in range(1, 29):
        for hour in range(24):
            for minute in range(60):
                yield f"{minute} {hour} {day} 2 *"


class Bench:
    """The contestants, on one instance."""

    def __init__(
        self, one: Instance, api: tuple[subprocess.Popen[str], int], constant_port: int, callers: subprocess.Popen[str]
    ) -> None:
        self.one = one
        self.api, self.api_port = api
        self.constant_port = constant_port
        self.callers = callers
        self.key = one.key_file.read_text().strip()
        self.connections = 8
        self.seconds = 5.0
        self._texts = _new_texts()
        self._known = [_body(text) for text in islice(self._texts, 60)]

    def _load(self, port: int, path: str, bodies: list[str], seconds: float) -> dict[str, float]:
        order = {
            "port": port,
            "path": path,
            "headers": f"Authorization: Bearer {self.key}\r\n",
            "bodies": bodies,
            "connections": self.connections,
            "seconds": seconds,
        }
        seen = common.told(self.callers, order)
        if seen["other"]:
            raise RuntimeError(f"the server answered {seen['statuses']}, for instance: {seen['other']}")
        return {
            "rate": seen["requests"] / seen["seconds"],
            "p50": seen["p50_ms"],
            "p99": seen["p99_ms"],
            "client": seen["cpu_seconds"] / seen["requests"] * 1000,
        }

    def _create(self, bodies: list[str], seconds: float) -> dict[str, float]:
        self._clean()
        return self._asked(f"/v1/workspaces/{WORKSPACE}/jobs", bodies, seconds)

    def _asked(self, path: str, bodies: list[str], seconds: float) -> dict[str, float]:
        server, postgres = machine.cpu_seconds(self.api.pid), machine.cpu_seconds(self.one.postgres_pid)
        seen = self._load(self.api_port, path, bodies, seconds)
        requests = seen["rate"] * seconds
        seen["server"] = (machine.cpu_seconds(self.api.pid) - server) / requests * 1000
        seen["postgres"] = (machine.cpu_seconds(self.one.postgres_pid) - postgres) / requests * 1000
        return seen

    def known(self) -> dict[str, float]:
        """Create jobs with cron expressions that the process has seen within the last minute."""
        return self._create(self._known, self.seconds)

    def new(self) -> dict[str, float]:
        """Create jobs with cron expressions that are all new."""
        return self._create([_body(text) for text in islice(self._texts, int(1500 * self.seconds))], self.seconds)

    def immediate(self) -> dict[str, float]:
        """Create one-shots while no worker is running."""
        return self._create([_ONE_SHOT], self.seconds)

    def trigger(self) -> dict[str, float]:
        """Trigger one CRON job while no worker is running."""
        self._clean()
        made = urllib.request.Request(
            f"http://127.0.0.1:{self.api_port}/v1/workspaces/{WORKSPACE}/jobs",
            data=self._known[0].encode(),
            headers={"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(made, timeout=30) as answer:
            job_id = json.loads(answer.read())["job_id"]
        return self._asked(f"/v1/workspaces/{WORKSPACE}/jobs/{job_id}/trigger", ["{}"], self.seconds)

    def constant(self) -> dict[str, float]:
        """Measure FastAPI's upper limit."""
        return self._load(self.constant_port, "/", self._known, self.seconds)

    def pgbench(self) -> dict[str, float]:
        """Measure PostgreSQL's upper limit."""
        self._clean()
        postgres = machine.cpu_seconds(self.one.postgres_pid)
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as script, tempfile.TemporaryDirectory() as logs:
            script.write(_PGBENCH)
            script.flush()
            prefix = f"{logs}/log"
            command = [
                str(self.one.cluster.installation.bin_dir / "pgbench"),
                "-n",
                "-M",
                "prepared",
                "-c",
                str(self.connections),
                "-j",
                "2",
            ]
            command += ["-T", str(int(self.seconds)), "-f", script.name, "-l", f"--log-prefix={prefix}", self.one.url]
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            latencies = sorted(
                int(line.split()[2]) / 1000 for path in Path(logs).iterdir() for line in path.read_text().splitlines()
            )
        found = re.search(r"tps = ([0-9.]+)", said)
        if found is None:
            raise RuntimeError(f"pgbench said {said}")
        return {
            "rate": float(found[1]),
            "p50": latencies[len(latencies) // 2],
            "p99": latencies[len(latencies) * 99 // 100],
            "postgres": (machine.cpu_seconds(self.one.postgres_pid) - postgres) / len(latencies) * 1000,
        }

    def warm_up(self) -> None:
        """Warm up connections, plans and caches."""
        self._create(self._known, 1)
        self._create([_ONE_SHOT], 1)
        self._load(self.constant_port, "/", self._known, 1)

    def _clean(self) -> None:
        """Delete all jobs except the internal ones, and silence these, so that none runs in only some samples."""
        self.one.forget_jobs()
        with self.one.connect() as connection:
            connection.execute("update cron.job set active = false")


@click.command(help=__doc__)
@click.option("--runs", default=5, show_default=True)
@common.tries
@click.option("--seconds", default=5.0, show_default=True, help="Seconds per sample.")
@click.option("--connections", default=8, show_default=True)
def main(runs: int, tries: int, seconds: float, connections: int) -> None:
    """Measure and print the table."""
    with common.instance() as one, ExitStack() as stack:
        api = stack.enter_context(common.served(one))
        port = stack.enter_context(common.constant())
        bench = Bench(one, api, port, stack.enter_context(common.child(["-m", "bench.callers"])))
        bench.seconds, bench.connections = seconds, connections
        bench.warm_up()
        contestants = {
            "Kronos": bench.known,
            _CONSTANT: bench.constant,
            "Kronos, every cron text new": bench.new,
            "Kronos, IMMEDIATE jobs": bench.immediate,
            "Kronos, runs by hand": bench.trigger,
            "pgbench, the same writes": bench.pgbench,
        }
        series = common.take_turns(contestants, runs=runs, tries=tries)
        columns = [
            ("rate", "requests/s", 0),
            ("p50", "p50 ms", 2),
            ("p99", "p99 ms", 2),
            ("server", "CPU ms a request, API", 3),
            ("postgres", "PostgreSQL", 3),
            ("client", "client", 3),
        ]
        note = f"{one.cluster.installation}, fsync on; {connections} connections, {seconds:g} s a sample."
        common.report("Create a CRON job over HTTP", series, columns, ratio=("rate", _CONSTANT), note=note)


if __name__ == "__main__":
    sys.exit(main())
