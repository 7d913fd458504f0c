"""A process that is kept running: started again, soon, whenever it ends."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kronos.embedded.processes import die_with_parent

_FIRST_DELAY_SECONDS = 0.25
_LONGEST_DELAY_SECONDS = 10.0
# One that lived this long was well: its next end counts as the first again.
_WELL_AFTER_SECONDS = 30.0
_LARGEST_LOG_BYTES = 32 * 1024 * 1024


@dataclass(slots=True, kw_only=True)
class Backoff:
    """How long to wait before the next start of something that keeps ending."""

    failures: int = 0
    started_at: float = 0.0
    next_start_at: float = 0.0

    def started(self) -> None:
        """It runs from now on."""
        self.started_at = time.monotonic()

    def ended(self) -> float:
        """It has ended. Returns the seconds until it should be started again: 0.25, 0.5, 1, ... 10."""
        if time.monotonic() - self.started_at >= _WELL_AFTER_SECONDS:
            self.failures = 0
        delay: float = min(_LONGEST_DELAY_SECONDS, _FIRST_DELAY_SECONDS * 2.0**self.failures)
        self.failures += 1
        self.next_start_at = time.monotonic() + delay
        return delay


@dataclass(slots=True, kw_only=True)
class Child:
    """One such process. `log` is None for one that speaks to the terminal itself."""

    name: str
    command: Sequence[str]
    log: Path | None
    note: Callable[[str], None]
    backoff: Backoff = field(default_factory=Backoff)
    process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Whether it runs now; reaps it if it has ended."""
        return self.process is not None and self.process.poll() is None

    def start(self, environment: Mapping[str, str]) -> None:
        """Starts it with this environment added to ours. From the main thread, with which it dies (SIGTERM)."""
        log = self.log.open("ab") if self.log is not None else None
        try:
            self.process = subprocess.Popen(  # noqa: S603 - the command is ours
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **environment},
                start_new_session=True,  # Ctrl-C is for us alone: we stop our children in order
                preexec_fn=die_with_parent(signal.SIGTERM),
            )
        finally:
            if log is not None:
                log.close()
        self.backoff.started()

    def keep_running(self, environment: Mapping[str, str]) -> None:
        """Notices that it has ended, says so once, and starts it again when its delay is over."""
        if self.is_running:
            return
        if self.process is not None:
            delay = self.backoff.ended()
            self.note(f"{self.name} {_how(self.process.returncode)}; it starts again in {delay:g} s{self._see_log()}")
            self.process = None
        if time.monotonic() >= self.backoff.next_start_at:
            self.start(environment)

    def seconds_to_start(self) -> float | None:
        """How long until it is to be started again; None while it runs."""
        return None if self.is_running else max(0.0, self.backoff.next_start_at - time.monotonic())

    def ask_to_stop(self) -> None:
        """Asks it to finish what it is doing and end (SIGTERM)."""
        if self.process is not None and self.is_running:
            self.process.terminate()

    def kill(self) -> None:
        """Ends it at once and reaps it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def end_of_log(self) -> str:
        """The last lines it wrote."""
        if self.log is None or not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-10:])

    def _see_log(self) -> str:
        return f" ({self.log})" if self.log is not None else ""


def rotate(log: Path) -> None:
    """Moves a log's content to `<log>.1` once it is large.

    By copy and truncation, because the process goes on writing to its descriptor (in append mode): lines written
    between the two calls are lost.
    """
    if log.exists() and log.stat().st_size > _LARGEST_LOG_BYTES:
        shutil.copyfile(log, log.with_name(log.name + ".1"))
        os.truncate(log, 0)


def _how(return_code: int) -> str:
    if return_code < 0:
        return f"was ended by {signal.Signals(-return_code).name}"
    return f"ended with exit code {return_code}"
