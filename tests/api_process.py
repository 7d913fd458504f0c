"""An API process, run as `kronos serve` runs it, for tests of the process itself and of its sockets."""

import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import httpx

import forked
from conftest import PLAIN
from looking import looks

PROGRAM = """
from kronos import config, logs
from kronos.api import serve
settings = config.load()
logs.configure(settings)
serve.run(settings)
"""


def wait_for(holds: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    for pause in looks(seconds):
        if found := holds():
            return found
        time.sleep(pause)  # the condition depends on another process
    found = holds()
    assert found, f"waited {seconds} s for {what}"
    return found


@dataclass
class Process:
    """A running API process and its log."""

    child: forked.Started
    stderr: IO[str]
    lines: list[str] = field(default_factory=list)
    url: str = ""

    def read(self) -> None:
        for line in self.stderr:
            self.lines.append(line)

    def resident_bytes(self) -> int:
        status = Path(f"/proc/{self.child.pid}/status").read_text()
        (kilobytes,) = re.findall(r"VmRSS:\s+(\d+) kB", status)
        return int(kilobytes) * 1024

    def found(self, pattern: str) -> re.Match[str] | None:
        return next((found for line in list(self.lines) if (found := re.search(pattern, line))), None)


@contextmanager
def serving(database_url: str, **variables: str) -> Iterator[Process]:
    """Run `serve.run` in a separate process, on a free port. A request may take 240 s: a busy machine is slow."""
    ours = {"KRONOS_DATABASE_URL": database_url, "KRONOS_PORT": "0"}
    environment = {"KRONOS_REQUEST_SECONDS": "240"} | os.environ | ours | variables
    reading, writing = os.pipe()
    child = forked.start(
        [], environment, stdout=writing, stderr=writing, program=PROGRAM, modules=["kronos.api.serve", "kronos.api.app"]
    )
    os.close(writing)
    process = Process(child, os.fdopen(reading))
    reader = threading.Thread(target=process.read)
    reader.start()
    try:
        process.url = wait_for(lambda: process.found(r"listening on ([^\s\"]+)"), "the URL in the log")[1]
        wait_for(lambda: answers(process.url), "the process to answer")
        yield process
    finally:
        child.kill()
        child.wait()
        reader.join()
        process.stderr.close()


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", verify=PLAIN, timeout=5).status_code == 200
    except httpx.TransportError:
        return False
