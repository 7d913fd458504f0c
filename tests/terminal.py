"""Console blocks of the docs: their commands run in one shell, and the output is compared with the printed output."""

import re
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer
from typing import TypeAlias

from killing import signalled

Rules: TypeAlias = Sequence[tuple[str, str]]
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_IDS: Rules = ((_UUID, "UUID"), (r"\b[0-9a-f]{64}\b", "HASH"))
VARYING: Rules = (
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z", "INSTANT"),
    (r"\d\d:\d\d:\d\d\.\d{3}Z", "CLOCK"),
    (r"\d+\.\d{3} s", "SECONDS"),
    (r"127\.0\.0\.1:\d+", "ADDRESS"),
    (r"PostgreSQL \d+ with pg_cron [\d.]+ on port \d+", "VERSIONS"),
    (r'("jobid":|entry )\d+', r"\1NUMBER"),
    (r"^\d+\|", "NUMBER|"),
    (r"(MANUAL SUCCESS INSTANT) \d+", r"\1 MS"),
    (r"kr_(live|instance)_[0-9a-f]+_[\w-]+", "KEY"),
    (r"\b[0-9a-f]{32}\b", "REQUEST"),
    (r"(?<![\w-])[0-9a-f]{12}(?![\w-])", "PUBLIC_ID"),
    (r"\bcli:\w+", "cli:USER"),
)
"""Patterns of values that differ between runs, and the word that replaces them for the comparison."""
_END = "end-of-this-command"
_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Step:
    """A command of a page, and the output that the page shows for it."""

    command: str
    shown: list[str] = field(default_factory=list)


def steps_of(block: str) -> list[Step]:
    """The commands of a console block. A command continues after a backslash, and to the end of its here-document."""
    steps: list[Step] = []
    open_until: str | None = None
    for line in block.splitlines():
        if steps and open_until is not None:
            steps[-1] = Step(f"{steps[-1].command}\n{line}")
            open_until = None if line == open_until else open_until
        elif steps and not steps[-1].shown and steps[-1].command.endswith("\\"):
            steps[-1] = Step(f"{steps[-1].command}\n{line}")
        elif line.startswith("$ "):
            steps.append(Step(line.removeprefix("$ ")))
            here = re.search(r"<<'?(\w+)'?", line)
            open_until = here[1] if here else None
        else:
            assert steps, f"a console block begins with a command after $, not with {line!r}"
            steps[-1].shown.append(line)
    return steps


def as_shown(lines: Iterable[str], more: Rules = (), *, ids: Rules = _IDS) -> list[str]:
    """Normalize lines: replace varying values, collapse runs of blanks, drop empty lines."""
    plain: list[str] = []
    for line in lines:
        text = re.sub(r"[ \t]+", " ", line).strip()
        for pattern, name in (*ids, *VARYING, *more):
            text = re.sub(pattern, name, text)
        plain.append(text)
    return [line for line in plain if line]


def told_ids(shown: Sequence[str], said: Sequence[str], more: Rules = ()) -> dict[str, str] | None:
    """Compare a page with the actual output. Return the page's ids and the actual ids in their places; None if the
    output differs.

    On a page, … stands for any text; on a line by itself, for any lines.
    """
    patterns = [
        r"(?:.*\n)*?" if line == "…" else ".*".join(map(re.escape, line.split("…"))) + r"\n"
        for line in as_shown(shown, more)
    ]
    pattern = "".join(patterns)
    for form, name in _IDS:
        pattern = pattern.replace(name, f"({form})")
    found = re.fullmatch(pattern, "".join(f"{line}\n" for line in as_shown(said, more, ids=())))
    if found is None:
        return None
    listed = re.findall("|".join(form for form, _ in _IDS), "\n".join(shown))
    return dict(zip(listed, found.groups(), strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A command's output and exit code."""

    lines: list[str]
    code: int


class Terminal:
    """One shell for all commands: a later command sees what an earlier one exported."""

    def __init__(self, *shell: str, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self._code = 0
        self._shell = subprocess.Popen(
            shell or ("bash", "--noprofile", "--norc"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=folder,
            env=environment,
        )

    def run(self, command: str) -> Ran:
        """Type the command and wait for it to end, without standard input. After two minutes the shell is killed."""
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        before = f"(exit {self._code})"  # sets $?
        self._shell.stdin.write(f'{before}\n{{ {command}\n}} </dev/null; code=$?; echo; echo "{_END} $code"\n')
        self._shell.stdin.flush()
        lines: list[str] = []
        patience = Timer(_SECONDS, self._shell.kill)
        patience.start()
        try:
            for line in self._shell.stdout:
                if line.startswith(f"{_END} "):
                    self._code = int(line.split()[1])
                    return Ran(lines="".join(lines).rstrip().splitlines(), code=self._code)
                lines.append(line)
        finally:
            patience.cancel()
        raise AssertionError(f"the shell ended, or was killed, in {command!r}: {''.join(lines)}")

    def close(self) -> None:
        self._shell.communicate("exit\n", timeout=300)


def said_until(text: str, command: str, *, folder: Path, environment: Mapping[str, str]) -> list[str]:
    """Run a command that does not end by itself. Return its output up to the line with this text, then end it."""
    process = subprocess.Popen(
        ["bash", "-c", command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env=environment,
        start_new_session=True,
    )
    assert process.stdout is not None
    patience = Timer(_SECONDS, signalled, (-process.pid, signal.SIGKILL))  # its whole process group
    patience.start()
    lines: list[str] = []
    try:
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if text in line:
                return lines
        raise AssertionError(f"{command!r} ended, or was killed, before {text!r}: {lines}")
    finally:
        patience.cancel()
        signalled(-process.pid, signal.SIGTERM)
        process.communicate(timeout=_SECONDS)
