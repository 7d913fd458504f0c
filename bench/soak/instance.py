"""The `kronos up` that is soaked, in a home of its own, and its processes."""

import json
import os
import signal
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
    """A running `kronos up`. Its workers have numbers from 1."""

    def __init__(self, home: Path, process: subprocess.Popen[bytes]) -> None:
        self.home = home
        self.process = process
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
        """The living processes by name: up, api, worker-1 …, postgres."""
        found = {"up": self.process.pid}
        for path in Path(f"/proc/{self.process.pid}/task").glob("*/children"):
            for pid in path.read_text().split():
                if name := _name(int(pid)):
                    found[name] = int(pid)
        return found

    def send(self, name: str, number: signal.Signals) -> bool:
        """A signal to a process, if it lives. Returns whether it did."""
        pid = self.pids().get(name)
        if pid is not None:
            os.kill(pid, number)
        return pid is not None

    def backends(self) -> list[int]:
        """PostgreSQL's processes but the postmaster."""
        postmaster = self.pids().get("postgres")
        if postmaster is None:
            return []
        path = Path(f"/proc/{postmaster}/task/{postmaster}/children")
        return [int(pid) for pid in path.read_text().split()] if path.exists() else []


def _name(pid: int) -> str | None:
    """What a child of `kronos up` is; None for one that has just ended, or that is none of them."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").split("\0")
        environment = Path(f"/proc/{pid}/environ").read_text(encoding="utf-8", errors="replace").split("\0")
    except OSError:
        return None
    if "serve" in words:
        return "api"
    if "worker" in words:
        port = next((int(each.partition("=")[2]) for each in environment if each.startswith("KRONOS_METRICS_PORT=")), 0)
        return f"worker-{port - METRICS_PORT}"
    return "postgres" if "-D" in words else None


METRICS_PORT = 19_464
"""The API's; the workers have those that follow, by which they are told apart."""


@contextmanager
def soaked(home: Path, workers: int) -> Iterator[Soaked]:
    """A `kronos up` with that many workers; ended in the end, and everything of it."""
    settings = {
        "KRONOS_LOG_FORMAT": "json",
        "KRONOS_EGRESS_ALLOW": "127.0.0.0/8",
        "KRONOS_METRICS_PORT": str(METRICS_PORT),
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
            yield Soaked(home, process)
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
