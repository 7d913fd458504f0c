"""Kronos processes, forked from one that has already imported Kronos (`forking`). A worker then starts with 0.1 s of
CPU instead of 0.5, an API with 0.1 instead of 1.2.
"""

import array
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any, TextIO, TypeAlias

_OF_THE_INTERPRETER = ("PYTHON", "LD_")  # read when a process is executed, not when it is forked


at_end = ExitStack()


class Forked:
    """A forked process, with the part of subprocess.Popen that tests use."""

    def __init__(self, origin: "_Origin", pid: int, ends: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._origin = origin
        self._ends = ends

    def poll(self) -> int | None:
        return self._code_within(0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._code_within(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("kronos", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _code_within(self, seconds: float | None) -> int | None:
        if self.returncode is None:
            try:
                has_ended = bool(select.select([self._ends], [], [], seconds)[0])
            except (ValueError, OSError):  # another thread has already collected it
                has_ended = True
            if has_ended:
                self.returncode = self._origin.code_of(self.pid)
                self._close()
        return self.returncode

    def _close(self) -> None:
        ends, self._ends = self._ends, -1
        if ends != -1:
            os.close(ends)


class _Origin:
    """The process that all others are forked from. It ends with this one, and they end with it."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        self._codes: dict[int, int] = {}
        self._unseen: set[int] = set()
        self.environment = dict(os.environ)
        with theirs:
            command = [sys.executable, "-P", str(Path(__file__).with_name("forking.py")), str(theirs.fileno())]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])

    def fork(self, order: Mapping[str, Any], streams: Sequence[int]) -> Forked:
        with self._lock:
            descriptors = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", streams))]
            self._control.sendmsg([json.dumps(order).encode()], descriptors)
            while "began" not in (heard := self._hear()):
                pass
            pid = heard["began"]
            self._codes.pop(pid, None)  # left by an earlier process with this pid
        try:
            return Forked(self, pid, os.pidfd_open(pid))
        except ProcessLookupError:
            return Forked(self, pid, -1)  # it has already ended

    def code_of(self, pid: int) -> int:
        with self._lock:
            while pid not in self._codes:
                self._hear()
            if pid in self._unseen:
                self._unseen.remove(pid)
                self._control.send(json.dumps({"reap": pid}).encode())
            return self._codes[pid]

    def _hear(self) -> dict[str, int]:
        text = self._control.recv(1 << 16)
        assert text, f"{self.process.args!r} ended with {self.process.wait(60)}"
        heard: dict[str, int] = json.loads(text)
        if "ended" in heard:
            self._codes[heard["ended"]] = heard["code"]
            self._unseen.add(heard["ended"])
        return heard

    def close(self) -> None:
        self._control.close()
        self.process.wait(60)


Started: TypeAlias = Forked | subprocess.Popen[bytes]


@cache
def _origin() -> _Origin:
    return _Origin()


def start(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    stdout: IO[Any] | int,
    stderr: IO[Any] | int,
    stdin: int = subprocess.DEVNULL,
    folder: str | None = None,
    program: str = "",
    modules: Sequence[str] = (),
) -> Started:
    """Run `kronos ARGUMENTS`, or a program's text, in a separate process that has already imported `modules`.

    The process is executed instead of forked if a variable is set that is only read at execution, such as LD_PRELOAD.
    """
    names = environment.keys() | _origin().environment.keys()
    if any(
        environment.get(name) != _origin().environment.get(name)
        for name in names
        if name.startswith(_OF_THE_INTERPRETER)
    ):
        of_it = ["-c", program] if program else ["-m", "kronos", *arguments]
        return subprocess.Popen(
            [sys.executable, "-P", *of_it], env=environment, cwd=folder, stdin=stdin, stdout=stdout, stderr=stderr
        )
    streams = [each if isinstance(each, int) else each.fileno() for each in (stdout, stderr)]
    if stdin != subprocess.DEVNULL:  # otherwise it has the origin's, which is empty
        streams.append(stdin)
    order = {"arguments": list(arguments), "program": program, "modules": list(modules), "folder": folder}
    return _origin().fork(order | {"environment": dict(environment)}, streams)


_SERVE = ("kronos.cli.processes", "kronos.api.serve", "kronos.api.app", "kronos.dashboard.app")
_MODULES = {"serve": _SERVE, "worker": ("kronos.cli.processes", "kronos.worker.main")}


@dataclass(frozen=True)
class Ended:
    """A process's exit code and output."""

    returncode: int
    stderr: str


def run(command: str, environment: Mapping[str, str], *, program: str = "") -> Ended:
    """Run `kronos serve` or `kronos worker`, or a program that does its work, until it ends."""
    with tempfile.TemporaryFile("w+") as said:
        process = start([command], environment, stdout=said, stderr=said, program=program, modules=_MODULES[command])
        try:
            code = process.wait(60)
        finally:
            process.kill()
        said.seek(0)
        return Ended(code, said.read())


@contextmanager
def speaking(command: str, environment: Mapping[str, str]) -> Iterator[tuple[Started, TextIO]]:
    """Start `kronos serve` or `kronos worker`. Yield the process and its output as it is written; end the process
    afterwards.
    """
    reading, writing = os.pipe()
    with os.fdopen(reading) as said:
        process = start([command], environment, stdout=writing, stderr=writing, modules=_MODULES[command])
        os.close(writing)
        try:
            yield process, said
        finally:
            process.terminate()
            try:
                process.wait(60)
            finally:
                process.kill()


def end() -> None:
    """End everything that was started."""
    at_end.close()
    if _origin.cache_info().currsize:
        _origin().close()
        _origin.cache_clear()
