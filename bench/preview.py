"""The time of a preview of 10 runs over HTTP, in UTC and in zones with daylight saving time. `python -m bench.preview`

One connection sends one request at a time, like a person typing an expression, so that a single preview is measured and
not a queue. The reference, in turns, is a FastAPI route that returns a constant.
"""

import json
import random
import subprocess
import sys
from contextlib import ExitStack

import click

from bench import common, machine
from bench.common import Instance

_CONSTANT = "FastAPI, a constant"
_ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "America/Santiago",
    "Pacific/Chatham",
    "Asia/Kolkata",
]


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
        self.connections = 1
        self.seconds = 5.0
        self._random = random.Random(4711)  # the same texts in every run

    def _load(self, port: int, path: str, bodies: list[dict[str, object]], seconds: float) -> dict[str, float]:
        order = {
            "port": port,
            "path": path,
            "headers": f"Authorization: Bearer {self.key}\r\n",
            "bodies": [json.dumps(body) for body in bodies],
            "connections": self.connections,
            "seconds": seconds,
        }
        seen = common.told(self.callers, order)
        if seen["other"]:
            raise RuntimeError(f"the server answered {seen['statuses']}, for instance: {seen['other']}")
        return {"rate": seen["requests"] / seen["seconds"], "p50": seen["p50_ms"], "p99": seen["p99_ms"]}

    def _preview(self, bodies: list[dict[str, object]]) -> dict[str, float]:
        server, postgres = machine.cpu_seconds(self.api.pid), machine.cpu_seconds(self.one.postgres_pid)
        seen = self._load(self.api_port, "/v1/schedules/preview", bodies, self.seconds)
        requests = seen["rate"] * self.seconds
        seen["server"] = (machine.cpu_seconds(self.api.pid) - server) / requests * 1000
        seen["postgres"] = (machine.cpu_seconds(self.one.postgres_pid) - postgres) / requests * 1000
        return seen

    def _cron(self) -> str:
        """Return a typical expression: some minutes of some hours, often of some days."""
        pick = self._random.choice
        minutes = pick(
            [
                str(self._random.randrange(60)),
                f"{self._random.randrange(30)},{self._random.randrange(30, 60)}",
                "*/5",
                "*/7",
            ]
        )
        hours = pick([str(self._random.randrange(24)), "9-17", "*", "*/2", "2,3"])
        days, weekdays = pick(
            [
                ("*", "*"),
                ("*", "1-5"),
                ("*", str(self._random.randrange(7))),
                ("1", "*"),
                ("L", "*"),
                ("13", "5"),
                ("*", "5#2"),
            ]
        )
        return f"{minutes} {hours} {days} * {weekdays}"

    def utc(self) -> dict[str, float]:
        """Preview expressions in UTC."""
        return self._preview([{"cron": self._cron()} for _ in range(3000)])

    def zones(self) -> dict[str, float]:
        """Preview expressions in zones, all but one with daylight saving time, with each policy."""
        pick = self._random.choice
        return self._preview(
            [
                {
                    "cron": self._cron(),
                    "timezone": pick(_ZONES),
                    "dst_gap": pick(["SHIFT", "SHIFT_BY_GAP", "SKIP"]),
                    "dst_overlap": pick(["FIRST", "BOTH"]),
                    "after": f"2026-{self._random.randrange(1, 13):02}-{self._random.randrange(1, 29):02}T12:00:00Z",
                }
                for _ in range(3000)
            ]
        )

    def intervals(self) -> dict[str, float]:
        """Preview intervals in zones."""
        return self._preview(
            [
                {"every": f"{self._random.randrange(1, 3000)}m", "timezone": self._random.choice(_ZONES)}
                for _ in range(3000)
            ]
        )

    def constant(self) -> dict[str, float]:
        """Measure the reference."""
        return self._load(self.constant_port, "/", [{"cron": "0 9 * * 1"}], self.seconds)

    def warm_up(self) -> None:
        """Warm up connections and plans."""
        self._load(
            self.api_port, "/v1/schedules/preview", [{"cron": self._cron(), "timezone": zone} for zone in _ZONES], 1
        )
        self._load(self.constant_port, "/", [{"cron": "0 9 * * 1"}], 1)


@click.command(help=__doc__)
@click.option("--runs", default=5, show_default=True)
@common.tries
@click.option("--seconds", default=5.0, show_default=True, help="Seconds per sample.")
@click.option("--connections", default=1, show_default=True)
def main(runs: int, tries: int, seconds: float, connections: int) -> None:
    """Measure and print the table."""
    with common.instance() as one, ExitStack() as stack:
        api = stack.enter_context(common.served(one))
        port = stack.enter_context(common.constant())
        bench = Bench(one, api, port, stack.enter_context(common.child(["-m", "bench.callers"])))
        bench.seconds, bench.connections = seconds, connections
        bench.warm_up()
        contestants = {"UTC": bench.utc, _CONSTANT: bench.constant, "zones": bench.zones, "intervals": bench.intervals}
        series = common.take_turns(contestants, runs=runs, tries=tries)
        columns = [
            ("p50", "p50 ms", 2),
            ("p99", "p99 ms", 2),
            ("rate", "requests/s", 0),
            ("server", "CPU ms a request, API", 3),
            ("postgres", "PostgreSQL", 3),
        ]
        note = f"{one.cluster.installation}; {connections} at a time, {seconds:g} s a sample."
        common.report("Preview of 10 runs over HTTP", series, columns, ratio=("p99", _CONSTANT), note=note)


if __name__ == "__main__":
    sys.exit(main())
