"""The README's tour works as printed: its blocks are run, one after another, and answer what the page shows."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from embedded.conftest import Up
from embedded.waiting import eventually

ROOT = Path(__file__).parents[2]
# What differs from one run to the next, and what the page shows in its place.
_VARYING = (
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "INSTANT"),
    (r"\d\d:\d\d:\d\d\.\d{3}Z", "CLOCK"),
    (r"\d+\.\d{3} s", "SECONDS"),
    (r"127\.0\.0\.1:\d+", "ADDRESS"),
    (r"PostgreSQL \d+ with pg_cron [\d.]+ on port \d+", "VERSIONS"),
    (r'("jobid":|entry )\d+', r"\1NUMBER"),
    (r"^\d+\|", "NUMBER|"),
    (r"(MANUAL SUCCESS INSTANT) \d+", r"\1 MS"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """A command of the page, and what it says there."""

    command: str
    shown: list[str]


class Terminal:
    """One shell for all of them: what one exports, the next sees."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=directory,
            env=environment,
        )

    def run(self, command: str) -> list[str]:
        """The lines that it says."""
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._shell.stdin.write(f"{command}\necho; echo end-of-this-command\n")
        self._shell.stdin.flush()
        lines: list[str] = []
        for line in self._shell.stdout:
            if line == "end-of-this-command\n":
                break
            lines.append(line)
        return _as_shown("".join(lines).rstrip().splitlines())

    def close(self) -> None:
        self._shell.communicate("exit\n", timeout=30)


def steps() -> list[Step]:
    """The commands of the tour's console blocks, in order."""
    tour = (ROOT / "README.md").read_text().partition("## A tour")[2].partition("\n## ")[0]
    found: list[Step] = []
    for block in re.findall(r"^```console\n(.*?)^```", tour, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(Step(line.removeprefix("$ "), []))
            else:
                found[-1].shown.append(line)
    return found


def _as_shown(lines: list[str]) -> list[str]:
    """Lines without what varies, and with one blank where there are many."""
    plain: list[str] = []
    for line in lines:
        text = re.sub(r"[ \t]+", " ", line).strip()
        for pattern, name in _VARYING:
            text = re.sub(pattern, name, text)
        plain.append(text)
    return [line for line in plain if line]


@pytest.fixture
def terminal(home: Path, tmp_path: Path) -> Iterator[Terminal]:
    """In the checkout, with this environment's commands, and with the instance in the home that is the default one."""
    (tmp_path / "kronos").symlink_to(home)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("KRONOS_", "PG"))}
    path = f"{Path(sys.executable).parent}:{environment['PATH']}"
    opened = Terminal(ROOT, {**environment, "PATH": path, "XDG_DATA_HOME": str(tmp_path)})
    yield opened
    opened.close()


def test_the_tour_says_what_the_readme_shows(up: Callable[..., Up], terminal: Terminal) -> None:
    start, *rest = steps()
    assert start.command == "bin/up"
    running = up("--demo")
    running.await_ready()

    def said() -> list[str]:
        text = running.said() + (running.home / "up.out").read_text()
        return _as_shown(text.replace(str(running.home), "/root/.local/share/kronos").splitlines())

    # The last line is the first full minute's tick, for which the demo's own test waits.
    for line in _as_shown(start.shown)[:-1]:
        eventually(lambda: line in said(), f"kronos up does not say {line!r}: {said()}", seconds=30)  # noqa: B023
    for step in rest:
        shown = _as_shown(step.shown)
        if step.command.startswith("kronos execution ls"):  # the worker delivers beside us
            eventually(lambda: terminal.run(step.command) == shown, f"{step.command} does not come to {shown}")  # noqa: B023
        else:
            assert terminal.run(step.command) == shown, step.command
