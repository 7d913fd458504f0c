"""Ctrl-Z and fg in a shell's own terminal: meanwhile the terminal is as before, and the command continues without a
gap."""

import os
import pty
import select
import shutil
import sys
import termios
import time
from collections.abc import Iterator
from typing import Final

import pytest

from conftest import Api
from killing import kill

_STOP: Final = b"\x1a"
_LEFT: Final = b"\x1b[?1049l"
"""Back to the previous screen."""
_ENTERED: Final = b"\x1b[?1049h"
"""To the screen of a full-screen program."""


class Shell:
    """A shell with job control that does not change terminal settings, and its output."""

    def __init__(self, environment: dict[str, str]) -> None:
        dash = shutil.which("dash")
        assert dash is not None, "Debian's own shell is needed: bash changes the terminal's settings itself"
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.execve(dash, ["dash", "-i"], environment)
        self._shown = b""
        self.until(b"$ ")
        self._modes = termios.tcgetattr(self._terminal)

    def type(self, keys: bytes) -> None:
        os.write(self._terminal, keys)

    def shows(self, wanted: bytes, *, seconds: float) -> bool:
        """Return whether `wanted` appears, after the output already read, within this time."""
        ends = time.monotonic() + seconds
        while wanted not in self._shown and (left := ends - time.monotonic()) > 0:
            if select.select([self._terminal], [], [], left)[0]:
                self._shown += os.read(self._terminal, 65_536)
        _, found, rest = self._shown.partition(wanted)
        self._shown = rest if found else self._shown
        return bool(found)

    def until(self, *wanted: bytes) -> None:
        """Return once all of these have appeared, one after the other."""
        for each in wanted:
            assert self.shows(each, seconds=60), (each, self._shown[-2_000:])

    def is_as_it_was(self) -> bool:
        return termios.tcgetattr(self._terminal) == self._modes

    def close(self) -> None:
        kill([self.pid])
        os.close(self._terminal)  # the rest of the session receives SIGHUP
        os.waitpid(self.pid, 0)


@pytest.fixture
def shell(shared_api: Api, workspace: str) -> Iterator[Shell]:
    known = {"KRONOS_URL": str(shared_api.client.base_url), "KRONOS_API_KEY": shared_api.key, "TERM": "xterm-256color"}
    shell = Shell(os.environ | known | {"PS1": "$ ", "KRONOS_WORKSPACE": workspace})
    yield shell
    shell.close()


def kronos(*arguments: str) -> bytes:
    return " ".join([sys.executable, "-m", "kronos", *arguments]).encode() + b"\n"


def test_top_gives_the_terminal_back_and_takes_it_again(shell: Shell) -> None:
    """Its terminal is in raw mode, in which Ctrl-Z used to be an ordinary key and was ignored."""
    shell.type(kronos("top"))
    shell.until(_ENTERED, b"workers: ")
    assert not shell.is_as_it_was()
    for _ in range(2):
        shell.type(_STOP)
        shell.until(_LEFT, b"Stopped", b"$ ")
        assert shell.is_as_it_was()
        shell.type(b"fg\n")
        shell.until(_ENTERED, b"workers: ")
    shell.type(b"q")
    shell.until(_LEFT, b"$ ")
    assert shell.is_as_it_was()


def test_logs_tell_what_came_while_they_were_stopped(shell: Shell, shared_api: Api, workspace: str) -> None:
    def make(name: str) -> None:
        job = {"endpoint": "sink", "trigger": "CRON", "cron": "0 3 1 1 *", "name": name}
        shared_api.client.post(f"/v1/workspaces/{workspace}/jobs", json=job).raise_for_status()

    shell.type(kronos("logs", "-f", "--type", "job"))
    number = 0
    while not shell.shows(b"before-", seconds=0.5):  # nothing announces that it listens
        assert number < 120
        make(f"before-{number}")
        number += 1
    for name in ("second", "third"):
        shell.type(_STOP)
        shell.until(b"Stopped", b"$ ")
        assert shell.is_as_it_was()
        make(name)
        shell.type(b"fg\n")
        shell.until(name.encode())
    shell.type(b"\x03")
    shell.until(b"$ ")
    assert shell.is_as_it_was()
