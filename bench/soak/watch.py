"""Memory and open files of the processes over time, and whether they grow."""

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.soak.instance import Soaked

_EACH_SECONDS = 5.0
_WARM_UP = 0.25
"""The first part of a process's life, in which it loads and fills its caches: its slope begins after it."""
_PAGE = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    """The growth of one process after its warm-up."""

    name: str
    lived_seconds: float
    memory_mb: float
    """The median of the last tenth."""
    memory_mb_per_hour: float
    files: float
    files_per_hour: float


class Watch:
    """Samples the processes every few seconds."""

    def __init__(self, soaked: Soaked) -> None:
        self._soaked = soaked
        self._seen: dict[tuple[str, int], list[tuple[float, float, int]]] = defaultdict(list)

    async def run(self, until: asyncio.Event) -> None:
        """Sample until the event is set."""
        while not until.is_set():
            self._look()
            try:
                await asyncio.wait_for(until.wait(), _EACH_SECONDS)
            except TimeoutError:
                continue

    def _look(self) -> None:
        for name, pid in self._soaked.pids().items():
            try:
                memory = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE / 1e6
                files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
            except OSError:
                continue  # it has just ended
            self._seen[name, pid].append((time.monotonic(), memory, files))

    def slopes(self) -> list[Slope]:
        """Return the slopes of the longest-running process of each kind."""
        longest: dict[str, list[tuple[float, float, int]]] = {}
        for (name, _), seen in self._seen.items():
            if len(seen) > len(longest.get(name, [])):
                longest[name] = seen
        return [_slope(name, seen) for name, seen in sorted(longest.items()) if len(seen) >= 8]


def _slope(name: str, seen: list[tuple[float, float, int]]) -> Slope:
    steady = seen[int(len(seen) * _WARM_UP) :]
    last = steady[-max(len(steady) // 10, 1) :]
    times = [at for at, _, _ in steady]
    return Slope(
        name=name,
        lived_seconds=seen[-1][0] - seen[0][0],
        memory_mb=median(memory for _, memory, _ in last),
        memory_mb_per_hour=_per_hour(times, [memory for _, memory, _ in steady]),
        files=median(files for _, _, files in last),
        files_per_hour=_per_hour(times, [float(files) for _, _, files in steady]),
    )


def _per_hour(times: list[float], values: list[float]) -> float:
    """Return the Theil-Sen estimate: the median of slopes between points half the time apart. Jumps do not distort
    it."""
    half = len(times) // 2
    pairs = range(len(times) - half)
    return median((values[n + half] - values[n]) / (times[n + half] - times[n]) for n in pairs) * 3600
