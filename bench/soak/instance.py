"""The `kronos up` under test, in a separate home, and its processes."""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import common
from kronos.embedded import running
from kronos.embedded.home import Home

_READY_SECONDS = 180.0


class Soaked:
    """A running `kronos up`. Its workers are numbered from 1."""

    def __init__(self, home: Path, process: subprocess.Popen[bytes], port: int) -> None:
        self.home = home
        self.process = process
        self._port = port
        told = running.find(Home(home))
        if told is None:
            raise RuntimeError("kronos up is not ready")
        self.url, self.database_url = told.url, told.database_url
        self.key = told.admin_key_file.read_text(encoding="utf-8").strip()

    @property
    def log(self) -> Path:
        """The folder of its processes' logs."""
        return self.home / "log"

    def pids(self) -> dict[str, int]:
        """The pids of running processes by name: up, api, worker-1 …, postgres."""
        found = {"up": self.process.pid}
        for path in Path(f"/proc/{self.process.pid}/task").glob("*/children"):
            for pid in path.read_text().split():
                if name := _name(int(pid), self._port):
                    found[name] = int(pid)
        return found

    def send(self, name: str, number: signal.Signals) -> bool:
        """Send a signal to a process. Returns whether it was running."""
        pid = self.pids().get(name)
        if pid is not None:
            os.kill(pid, number)
        return pid is not None

    def backends(self) -> list[int]:
        """Return PostgreSQL's processes except the postmaster."""
        postmaster = self.pids().get("postgres")
        if postmaster is None:
            return []
        path = Path(f"/proc/{postmaster}/task/{postmaster}/children")
        return [int(pid) for pid in path.read_text().split()] if path.exists() else []


def _name(pid: int, first_port: int) -> str | None:
    """What a child of `kronos up` is, by the port of its metrics: the API has the first, the workers those that follow.
    None for one that has just ended, or that is none of them."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").split("\0")
        environment = Path(f"/proc/{pid}/environ").read_text(encoding="utf-8", errors="replace").split("\0")
    except OSError:
        return None
    if "serve" in words:
        return "api"
    if "worker" in words:
        port = next((int(each.partition("=")[2]) for each in environment if each.startswith("KRONOS_METRICS_PORT=")), 0)
        return f"worker-{port - first_port}"
    return "postgres" if "-D" in words else None


def _free_ports(count: int) -> int:
    """Return the first of this many consecutive free ports."""
    for first in random.SystemRandom().sample(range(20_000, 30_000), 100):
        with contextlib.ExitStack() as held, contextlib.suppress(OSError):
            for port in range(first, first + count):
                held.enter_context(socket.create_server(("127.0.0.1", port)))
            return first
    raise RuntimeError("no ports are free")


@contextmanager
def soaked(home: Path, workers: int) -> Iterator[Soaked]:
    """Provide a `kronos up` with this many workers; it and all its processes end with the block."""
    port = _free_ports(1 + workers)
    settings = {
        "KRONOS_LOG_FORMAT": "json",
        "KRONOS_EGRESS_ALLOW": "127.0.0.0/8",
        "KRONOS_METRICS_PORT": str(port),
        "KRONOS_RATE_LIMIT": "off",
        "KRONOS_RETENTION_SUCCESS_DAYS": "1",
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KRONOS_", "PG"))}
    command = [sys.executable, "-m", "kronos", "up", "--home", str(home), "--port", "0", "--workers", str(workers)]
    with (home / "up.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env=kept | settings,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            common.wait_until(
                lambda: running.find(Home(home)) is not None,
                "kronos up is not ready",
                seconds=_READY_SECONDS,
                every=0.2,
            )
            yield Soaked(home, process, port)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(120)


def log_lines(soaked_one: Soaked) -> Iterator[dict[str, object]]:
    """What the instance's own processes wrote, but PostgreSQL; a line that is none of ours is left out."""
    for file in sorted(soaked_one.log.glob("*.log*")):
        if file.name.startswith("postgres"):
            continue
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("{"):
                yield json.loads(line) | {"file": file.name.split(".")[0]}
