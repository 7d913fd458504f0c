"""A process that is kept running: restarted soon after it ends, and replaced if it hangs."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from pathlib import Path

from kronos import heartbeat
from kronos.embedded import logfiles
from kronos.embedded.errors import PASSING, explained
from kronos.embedded.processes import die_with_parent
from kronos.embedded.pulse import Pulse
from kronos.records import dataclass

_FIRST_DELAY_SECONDS = 0.25
_LONGEST_DELAY_SECONDS = 10.0
# More doublings than that delay needs. A float's exponent ends at 1024, which a process that ends at each start reaches
# within three hours.
_MOST_DOUBLINGS = 10
# A child that ran this long was healthy: its next end counts as the first again.
_WELL_AFTER_SECONDS = 30.0
# For a hung child to write down where it hangs.
_LAST_WORDS_SECONDS = 1.0


@dataclass(slots=True, kw_only=True)
class Restarts:
    """The delays between starts of a process that keeps ending."""

    failures: int = 0
    started_at: float = 0.0
    next_start_at: float = 0.0

    def started(self) -> None:
        """Record that it was started."""
        self.started_at = time.monotonic()

    def ended(self) -> float:
        """Record that it ended. Returns the seconds until the next start: 0.25, 0.5, 1, ... 10."""
        if time.monotonic() - self.started_at >= _WELL_AFTER_SECONDS:
            self.failures = 0
        delay: float = min(_LONGEST_DELAY_SECONDS, _FIRST_DELAY_SECONDS * 2.0 ** min(self.failures, _MOST_DOUBLINGS))
        self.failures += 1
        self.next_start_at = time.monotonic() + delay
        return delay


@dataclass(slots=True, kw_only=True)
class Child:
    """One such process. `log`: None if it writes to the terminal itself; `has_pulse`: it gives signs of life."""

    name: str
    command: Sequence[str]
    log: Path | None
    note: Callable[[str], None]
    has_pulse: bool = False
    # Descriptors that it inherits: the variable that names each -> our open descriptor.
    inherited: dict[str, int] = field(default_factory=dict)
    restarts: Restarts = field(default_factory=Restarts)
    process: subprocess.Popen[bytes] | None = None
    pulse: Pulse | None = None

    @property
    def is_running(self) -> bool:
        """Whether it is running now; reaps it if it has ended."""
        return self.process is not None and self.process.poll() is None

    @property
    def has_begun(self) -> bool:
        """Whether it is running, and has given a sign of life since its start."""
        return self.is_running and self.pulse is not None and self.pulse.has_beaten

    def start(self, environment: Mapping[str, str]) -> None:
        """Start it with this environment added to ours. Call it from the main thread, whose end also ends the child
        (SIGTERM). Raises OSError."""
        self._forget()
        if not self.has_pulse:
            self.process = self._popen(environment, {})
        else:
            readable, writable = os.pipe()
            os.set_blocking(readable, False)
            self.pulse = Pulse(readable)
            try:
                self.process = self._popen(environment, {heartbeat.VARIABLE: writable})
            finally:
                os.close(writable)
        self.restarts.started()

    def keep_running(self, environment: Mapping[str, str]) -> None:
        """Restart it if it has ended, after its delay, and report each end once. A failed start is retried the same
        way."""
        if self.is_running:
            return
        if self.process is not None:
            delay = self.restarts.ended()
            self.note(f"{self.name} {_how(self.process.returncode)}; it restarts in {delay:g} s{self._see_log()}")
            self._forget()
        if time.monotonic() >= self.restarts.next_start_at:
            try:
                self.start(environment)
            except PASSING as error:
                self.restarts.started()
                delay = self.restarts.ended()
                self.note(f"{self.name} cannot be started, next try in {delay:g} s: {explained(error)}")

    def end_if_hung(self, seconds: float, limit: float) -> None:
        """Kill it if it is running but gave no sign of life for `limit` seconds. `seconds`: the time since the last
        call."""
        if self.process is None or self.pulse is None or not self.is_running or not self.pulse.is_over(seconds, limit):
            return
        self.note(
            f"{self.name} has given no sign of life for {self.pulse.silent_seconds:.0f} s: it is "
            f"replaced{self._see_log()}"
        )
        self.process.send_signal(heartbeat.TELL_WHERE)
        try:
            self.process.wait(_LAST_WORDS_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()  # its event loop would have to handle SIGTERM, and a stopped process handles nothing
            self.process.wait()

    def seconds_to_start(self) -> float | None:
        """Return how long until its next start; None while it is running."""
        return None if self.is_running else max(0.0, self.restarts.next_start_at - time.monotonic())

    def ask_to_stop(self) -> None:
        """Ask it to finish its work and end (SIGTERM)."""
        if self.process is not None and self.is_running:
            self.process.terminate()

    def kill(self) -> None:
        """Kill it immediately, and reap it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self._forget()

    def end_of_log(self) -> str:
        """Return the last lines of its log."""
        return logfiles.end_of(self.log) if self.log is not None else ""

    def _popen(self, environment: Mapping[str, str], descriptors: Mapping[str, int]) -> "subprocess.Popen[bytes]":
        passed = {**self.inherited, **descriptors}
        named = {variable: str(descriptor) for variable, descriptor in passed.items()}
        log = logfiles.open_or_none(self.log, self.note) if self.log is not None else None
        try:
            return subprocess.Popen(  # noqa: S603 - the command is ours
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **environment, **named},
                pass_fds=tuple(passed.values()),
                start_new_session=True,  # Ctrl-C is only for this process, which stops its children in order
                preexec_fn=die_with_parent(signal.SIGTERM),
            )
        finally:
            if log is not None:
                log.close()

    def _forget(self) -> None:
        """Forget the process that has ended, or never started."""
        self.process = None
        if self.pulse is not None:
            self.pulse.close()
            self.pulse = None

    def _see_log(self) -> str:
        return f" ({self.log})" if self.log is not None else ""


def _how(return_code: int) -> str:
    if return_code < 0:
        named = {each.value: each.name for each in signal.Signals}  # not every number has a name
        return f"was ended by {named.get(-return_code, f'signal {-return_code}')}"
    return f"ended with exit code {return_code}"
