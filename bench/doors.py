"""The cost of limits on connections and requests: the API served with them, and by servers without. `python -m
bench.doors`

hypercorn and granian take part if they are installed.
"""

import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from importlib.util import find_spec

import click

from bench import common, machine
from bench.common import ENDPOINT, WORKSPACE, Instance
from kronos.embedded import ports

_KRONOS = "Kronos"
_OTHERS = ("uvicorn", "hypercorn", "granian")


class Bench:
    """The contestants, on one instance."""

    def __init__(self, one: Instance, stack: ExitStack) -> None:
        self.one = one
        self.stack = stack
        self.callers = stack.enter_context(common.child(["-m", "bench.callers"]))
        self.key = one.key_file.read_text().strip()
        self.connections, self.seconds = 8, 4.0

    def started(self, server: str) -> tuple[subprocess.Popen[str], int]:
        """Provide an API process of the named server, and its port."""
        if server == _KRONOS:
            return self.stack.enter_context(common.served(self.one))
        port = ports.free_port()
        log = self.one.home / "log" / f"{server}.log"
        process = self.stack.enter_context(
            common.child(["-m", "bench.unbounded", server, str(port)], log=log, environment=self.one.environment())
        )
        common.wait_until(lambda: common.answers(port), f"{server} does not answer; see {log}")
        return process, port

    def sampler(self, process: subprocess.Popen[str], port: int, path: str) -> Callable[[], dict[str, float]]:
        """Return samples of GET requests to this path."""

        def sample() -> dict[str, float]:
            used = machine.cpu_seconds(process.pid)
            order = {
                "port": port,
                "method": "GET",
                "path": path,
                "headers": f"Authorization: Bearer {self.key}\r\n",
                "bodies": [""],
            }
            seen = common.told(self.callers, order | {"connections": self.connections, "seconds": self.seconds})
            if seen["other"]:
                raise RuntimeError(f"the server answered {seen['statuses']}, for instance: {seen['other']}")
            cpu = (machine.cpu_seconds(process.pid) - used) / seen["requests"] * 1_000_000
            return {
                "rate": seen["requests"] / seen["seconds"],
                "p50": seen["p50_ms"],
                "p99": seen["p99_ms"],
                "cpu": cpu,
            }

        return sample


@click.command(help=__doc__)
@click.option("--runs", default=3, show_default=True)
@common.tries
@click.option("--seconds", default=4.0, show_default=True, help="Seconds per sample.")
def main(runs: int, tries: int, seconds: float) -> None:
    """Measure and print the tables."""
    with common.instance() as one, ExitStack() as stack:
        bench = Bench(one, stack)
        bench.seconds = seconds
        servers = {name: bench.started(name) for name in (_KRONOS, *(name for name in _OTHERS if find_spec(name)))}
        for title, path in (
            ("GET /healthz", "/healthz"),
            ("GET with a key", f"/v1/workspaces/{WORKSPACE}/endpoints/{ENDPOINT}"),
        ):
            series = common.take_turns(
                {name: bench.sampler(*server, path) for name, server in servers.items()}, runs=runs, tries=tries
            )
            columns = [
                ("rate", "requests/s", 0),
                ("p50", "p50 ms", 2),
                ("p99", "p99 ms", 2),
                ("cpu", "server CPU, µs a request", 0),
            ]
            common.report(title, series, columns, ratio=("rate", "uvicorn"), note=f"{bench.connections} connections.")


if __name__ == "__main__":
    main()
