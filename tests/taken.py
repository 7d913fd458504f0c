"""Measures what each test file takes, for tests/durations.txt: `bin/test --taken`, as root, on an otherwise idle
machine.

Each pytest process moves into its own control group (cpuacct, of cgroup v1), so that PostgreSQL, the browser and
everything else that its tests start is counted with it. The first file of a process includes the one-time setup. The
waiting time of a file is its elapsed time minus its CPU time; a busy machine makes it too large.
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
    """The plugin of each pytest process that runs tests."""

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
        """Measure from a file's first test to the end of its last test's teardown."""
        cpu, at = self._began = self._began or self._now()
        done = yield
        if nextitem is None or nextitem.path != item.path:
            now_cpu, now = self._now()
            file = item.path.relative_to(item.config.rootpath).as_posix()
            self.files[file] = (now_cpu - cpu, now - at)
            self._began = None
        return done

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Send the figures to the process that gathers them."""
        output: dict[str, object] | None = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[_KEY] = json.dumps(self.files)
        else:
            write(session.config.rootpath / "tests/durations.txt", self.files)

    def pytest_unconfigure(self) -> None:
        """Leave the group, which is removed once it is empty."""
        (_GROUPS / "cgroup.procs").write_text(str(os.getpid()))
        with contextlib.suppress(OSError):  # processes that end after their tests are still in it
            self._group.rmdir()


class Gathered:
    """The plugin of the process that starts the others."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[float, float]] = {}

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object, error: object) -> None:
        """A process has ended: keep its figures."""
        output: dict[str, str] = getattr(node, "workeroutput", {})
        self.files |= json.loads(output.get(_KEY, "{}"))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """All processes have ended: write the table."""
        write(session.config.rootpath / "tests/durations.txt", self.files)


def begin(config: pytest.Config) -> None:
    """Register the right plugin, in a process that runs tests or in the one that starts them."""
    starts_others = config.getoption("numprocesses", None) and "PYTEST_XDIST_WORKER" not in os.environ
    config.pluginmanager.register(Gathered() if starts_others else Taken())


def write(path: Path, files: dict[str, tuple[float, float]]) -> None:
    """Write the table again: measured files with their new figures, the others as before."""
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
