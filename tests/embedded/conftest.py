"""Homes for clusters and for `kronos up`; none of their processes outlives its test."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

import servers
from embedded.waiting import eventually
from kronos.embedded import logfiles, network, processes
from kronos.embedded.cluster import Cluster
from servers import copy_home


@contextmanager
def made_home() -> Iterator[Path]:
    """Create a directory that PostgreSQL's user can enter."""
    path = servers.in_memory() or Path(tempfile.mkdtemp(prefix="kronos-home-"))
    path.chmod(0o711)
    try:
        yield path
    finally:
        shutil.rmtree(path)


@pytest.fixture
def home() -> Iterator[Path]:
    """A new home that PostgreSQL's user can enter."""
    with made_home() as path:
        yield path


@pytest.fixture(scope="session")
def used_home() -> Path:
    """A home with a stopped cluster that is already created and migrated. Most tests begin with a copy of it: a first
    start takes 2 s more CPU."""
    return servers.used_home()


@pytest.fixture
def notes() -> list[str]:
    """The cluster's messages to the user at the terminal."""
    return []


@pytest.fixture
def cluster(home: Path, used_home: Path, notes: list[str]) -> Iterator[Cluster]:
    """A cluster that is created, and stopped."""
    copy_home(used_home, home)
    cluster = Cluster(home, durable=False, note=notes.append)
    yield cluster
    cluster.destroy()


@dataclass(frozen=True, slots=True, kw_only=True)
class Up:
    """A running `kronos up`."""

    home: Path
    process: subprocess.Popen[str]

    @property
    def told(self) -> dict[str, str | int]:
        """The content of run.json."""
        told: dict[str, str | int] = json.loads((self.home / "run.json").read_text())
        return told

    @property
    def url(self) -> str:
        """The address of its API."""
        return str(self.told["url"])

    def said(self) -> str:
        """Its standard error so far."""
        return (self.home / "up.err").read_text()

    def account(self) -> str:
        """Its state, for the message of a test that waits in vain: its output, its live processes, the last line of
        each log."""
        logs = [f"--- {log.name}\n{logfiles.end_of(log)}" for log in sorted((self.home / "log").glob("*.log"))]
        return "\n".join([self.said(), f"children: {self.children()}", str(network.readiness(self.url)), *logs])

    def await_ready(self, seconds: float = 60) -> str:
        """Wait for the line `ready URL` of its standard output, and return it."""
        out = self.home / "up.out"

        def is_ready() -> bool:
            assert self.process.poll() is None, f"kronos up ended with {self.process.returncode}: {self.said()}"
            return "ready " in out.read_text()

        try:
            eventually(is_ready, "kronos up is not ready", seconds=seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.said()}") from error
        return out.read_text().splitlines()[0]

    def children(self) -> dict[str, int]:
        """Its living children: api, worker, postgres, demo -> process id."""
        found = {}
        for pid in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
            try:
                words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has just ended
            names = {"serve": "api", "worker": "worker", "kronos.cli.demo": "demo"}
            name = next((names[word] for word in words if word in names), "postgres" if "-D" in words else None)
            if name is not None:
                found[name] = int(pid)
        return found


def processes_of(home: Path) -> list[int]:
    """All processes that belong to a home: its PostgreSQL's, and those started with its admin key file or `--home`."""
    cluster = (home / "postgres").resolve() / "data"
    return [*processes.postgres_processes(cluster), *_told_of(home)]


def _told_of(home: Path) -> list[int]:
    marks = (f"KRONOS_ADMIN_KEY_FILE={home}/".encode(), b"\0".join((b"--home", str(home).encode())))
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            try:
                seen = Path(f"/proc/{entry}/environ").read_bytes() + Path(f"/proc/{entry}/cmdline").read_bytes()
            except (FileNotFoundError, PermissionError, ProcessLookupError):
                continue  # it has ended, or is not ours
            if any(mark in seen for mark in marks):
                found.append(int(entry))
    return found


_BARE = ("sh", "-c", 'gone=$(mktemp -d) && cd "$gone" && rmdir "$gone" && exec "$@" <&-', "sh")


@contextmanager
def starting(home: Path) -> Iterator[Callable[..., Up]]:
    """Return a function that starts `kronos up --port 0` on this home, with more options and variables if given;
    `module` replaces kronos. `is_bare`: without a standard input, in a folder that was deleted."""
    started: list[subprocess.Popen[str]] = []

    def start(*options: str, module: str = "kronos", is_bare: bool = False, **variables: str) -> Up:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("KRONOS_")} | variables
        with (home / "up.out").open("w") as out, (home / "up.err").open("w") as err:
            process = subprocess.Popen(
                [
                    *(_BARE if is_bare else ()),
                    sys.executable,
                    "-m",
                    module,
                    "up",
                    "--home",
                    str(home),
                    "--port",
                    "0",
                    *options,
                ],
                stdout=out,
                stderr=err,
                text=True,
                env=environment,
            )
        started.append(process)
        return Up(home=home, process=process)

    try:
        yield start
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(60)
        eventually(lambda: not processes_of(home), lambda: f"processes of {home} are left: {processes_of(home)}")
        Cluster(home).destroy()


@pytest.fixture
def up(home: Path, used_home: Path) -> Iterator[Callable[..., Up]]:
    """Start `kronos up --port 0` on the test's home, with more options and variables if given; `module` replaces
    kronos.

    The home was used before.
    """
    copy_home(used_home, home)
    with starting(home) as start:
        yield start


@pytest.fixture
def first_up(home: Path) -> Iterator[Callable[..., Up]]:
    """Like `up`, on an empty home."""
    with starting(home) as start:
        yield start


@pytest.fixture
def is_clear(home: Path) -> Callable[[], bool]:
    """Whether no process of the test's home is left."""
    return lambda: not processes_of(home)
