"""What each file of tests takes, for tests/durations.txt: `bin/test --taken`, as root, where nothing else runs.

Each of pytest's processes moves into a control group of its own (cpuacct, of cgroup v1), so that the PostgreSQL, the
browser and all else that its tests start are counted with it. What the first file of a process takes has in it what is
made once for all. The time that a file waits is what it takes on the clock beyond its CPU: on a busy machine, too much.
"""

import contextlib
import json
import os
import time
from collections.abc import Generator
from pathlib import Path

import pytest

_GROUPS = Path("/sys/fs/cgroup/cpuacct")
_KEY = "kronos_taken"
_NANOSECONDS = 1e9


class Taken:
    """A plugin of one of pytest's processes."""

    def __init__(self) -> None:
        self._group = _GROUPS / f"kronos-tests-{os.getpid()}"
        self._group.mkdir(exist_ok=True)
        (self._group / "cgroup.procs").write_text(str(os.getpid()))
        self._began: tuple[float, float] | None = None
        self.files: dict[str, tuple[float, float]] = {}

    def _now(self) -> tuple[float, float]:
        return int((self._group / "cpuacct.usage").read_text()) / _NANOSECONDS, time.monotonic()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        """From a file's first test to the end of what its last one leaves to be ended."""
        cpu, at = self._began = self._began or self._now()
        done = yield
        if nextitem is None or nextitem.path != item.path:
            now_cpu, now = self._now()
            file = item.path.relative_to(item.config.rootpath).as_posix()
            self.files[file] = (now_cpu - cpu, now - at)
            self._began = None
        return done

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """To the process that has them all."""
        output: dict[str, object] | None = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[_KEY] = json.dumps(self.files)
        else:
            write(session.config.rootpath / "tests/durations.txt", self.files)

    def pytest_unconfigure(self) -> None:
        """Leaves the group, which goes once nothing is in it any more."""
        (_GROUPS / "cgroup.procs").write_text(str(os.getpid()))
        with contextlib.suppress(OSError):  # what ends after its tests is in it yet
            self._group.rmdir()


class Gathered:
    """A plugin of the process that starts the others."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[float, float]] = {}

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object, error: object) -> None:
        """One has ended."""
        output: dict[str, str] = getattr(node, "workeroutput", {})
        self.files |= json.loads(output.get(_KEY, "{}"))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """All have."""
        write(session.config.rootpath / "tests/durations.txt", self.files)


def begin(config: pytest.Config) -> None:
    """In a process that runs tests, or in the one that starts such."""
    starts_others = config.getoption("numprocesses", None) and "PYTEST_XDIST_WORKER" not in os.environ
    config.pluginmanager.register(Gathered() if starts_others else Taken())


def write(path: Path, files: dict[str, tuple[float, float]]) -> None:
    """The table anew: what was measured, and the files that were not run as they stood."""
    rows = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        cpu, waited, file = line.split()
        if Path(path.parents[1], file).exists():
            rows[file] = (float(cpu), float(waited))
    rows |= {file: (cpu, max(0.0, clock - cpu)) for file, (cpu, clock) in files.items()}
    lines = [
        f"{cpu:6.1f} {waited:6.1f} {file}\n"
        for file, (cpu, waited) in sorted(rows.items(), key=lambda row: (-sum(row[1]), row[0]))
    ]
    path.write_text("".join(lines), encoding="utf-8")
