"""Real worker processes, and waits for their work that do not stop the receivers in this process."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

import forked
from looking import looks


class Worker:
    """A `kronos worker` process; its log lines are in `log`."""

    def __init__(self, database_url: str, log: Path, **settings: object) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("KRONOS_")}
        environment |= {
            "KRONOS_DATABASE_URL": database_url,
            "KRONOS_EGRESS_ALLOW": "127.0.0.0/8",
            "KRONOS_LOG_LEVEL": "DEBUG",
            **{f"KRONOS_{name.upper()}": str(value) for name, value in settings.items()},
        }
        self._log = log
        with log.open("a") as lines:
            self.process = forked.start(
                ["worker"],
                environment,
                stdout=lines,
                stderr=lines,
                modules=["kronos.cli.processes", "kronos.worker.main"],
            )

    @property
    def log(self) -> str:
        return self._log.read_text()

    async def started(self) -> None:
        await until(lambda: "started" in self.log or self.process.poll() is not None, "the worker to start")
        assert self.process.poll() is None, self.log

    async def takes_signals(self) -> None:
        """Return once SIGTERM has its handler, as the kernel reports it: a worker's log may be on a full disk."""
        await until(self._takes_signals, "the worker to have its handlers", seconds=60)
        assert self.process.poll() is None, f"the worker ended with {self.process.returncode}"

    def _takes_signals(self) -> bool:
        if self.process.poll() is not None:
            return True
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (caught,) = [line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")]
        return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)

    async def ends(self, *, seconds: float = 60) -> int:
        """Its exit code, once it has ended."""
        await until(lambda: self.process.poll() is not None, "the worker to end", seconds=seconds)
        return self.process.wait(0)

    def tell(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(number)


def seconds_without_a_core(pid: int) -> float:
    """How long a process's first thread was ready but had no core: the machine's time, not its own."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


@contextmanager
def workers() -> Iterator[Callable[..., Worker]]:
    """Start workers; none of them outlives the block."""
    started: list[Worker] = []

    def start(database_url: str, log: Path, **settings: object) -> Worker:
        started.append(Worker(database_url, log, **settings))
        return started[-1]

    try:
        yield start
    finally:
        for worker in started:
            worker.process.kill()
        for worker in started:
            worker.process.wait(60)


def seem_rung(superuser: psycopg.Connection) -> None:
    """Make it look as if pg_cron had just rung. In a copy it never does, and after 90 s it counts as silent."""
    superuser.execute("update kronos.heartbeats set rang_at = clock_timestamp()")


def keep_from_ringing(superuser: psycopg.Connection) -> None:
    """While this connection lives, no worker rings, as if another one were doing it. Otherwise each rings when it
    starts and until pg_cron is heard, which in a copy never happens: jobs would tick and internal jobs run."""
    superuser.execute("select pg_advisory_lock(hashtext('kronos.ring_if_silent'))")


async def until(holds: Callable[[], object], what: str, *, seconds: float = 60) -> None:
    """Return once `holds()` is true; fail with `what` after `seconds`."""
    for pause in looks(seconds):
        if holds():
            return
        await asyncio.sleep(pause)
    assert holds(), f"waited {seconds:g} s for {what}"
