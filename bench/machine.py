"""The machine's use during a measurement: CPU seconds of processes, and the share taken by others."""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process and all its descendants so far, including those that ended."""
    stats = _stats()
    return sum(_used(stats[one]) for one in _family(pid, stats)) / _TICKS


def session_seconds(pid: int) -> float:
    """Return the CPU seconds of one process, such as a session's, so far, to the nanosecond."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def _stats() -> dict[int, list[str]]:
    """Return /proc/<pid>/stat of each process, from the third field on: state, parent, …"""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            found[int(path.parent.name)] = path.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended, and is counted with its parent's ended children
    return found


def _family(pid: int, stats: dict[int, list[str]]) -> Iterable[int]:
    below: dict[int, list[int]] = {}
    for one, fields in stats.items():
        below.setdefault(int(fields[1]), []).append(one)
    waiting = [pid] if pid in stats else []
    while waiting:
        one = waiting.pop()
        yield one
        waiting += below.get(one, [])


def _used(fields: list[str]) -> int:
    """utime, stime, cutime, cstime."""
    return sum(int(fields[at]) for at in (11, 12, 13, 14))  # 14 to 17 in proc(5)


def _busy_ticks() -> tuple[int, int]:
    """Return the machine's (busy, all) ticks; a hypervisor's share counts as busy."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return sum(fields) - fields[3] - fields[4], sum(fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The machine's use between two readings."""

    seconds: float
    foreign: float
    """The share of the machine's CPU time, 0 to 1, that went neither to this benchmark nor idle."""
    load: float
    """Processes that ran or waited, averaged over the last minute: with our own."""

    @property
    def note(self) -> str:
        """Return a note on whether to trust the sample."""
        return f"others {self.foreign:.0%}, load {self.load:.1f}"


class Meter:
    """A stopwatch that also measures the CPU time taken by others."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._own = cpu_seconds(os.getpid())
        self._busy, self._all = _busy_ticks()

    def read(self) -> Reading:
        """Return the reading since the meter was created."""
        busy, everything = _busy_ticks()
        own = (cpu_seconds(os.getpid()) - self._own) * _TICKS
        spent = max(everything - self._all, 1)
        return Reading(
            seconds=time.monotonic() - self._started,
            foreign=max(0.0, (busy - self._busy - own) / spent),
            load=os.getloadavg()[0],
        )


def description() -> str:
    """Return the machine's processor, cores and memory."""
    info = Path("/proc/cpuinfo").read_text()
    model = next(
        (line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")),
        "unknown processor",
    )
    kib = int(
        next(line.split()[1] for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    )
    return f"{os.cpu_count()} cores of {model}, {kib / 2**20:.0f} GiB, Linux {os.uname().release}"
