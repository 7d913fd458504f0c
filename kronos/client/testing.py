"""Pytest fixtures with a real Kronos for your own tests: PostgreSQL with pg_cron, the API and a worker.

    # conftest.py
    pytest_plugins = ["kronos.client.testing"]

    # test_reports.py
    def test_a_report_is_made(kronos_workspace):
        kronos_workspace.endpoints.create(name="report", type="HTTP", spec={"url": my_server.url})
        job = kronos_workspace.jobs.create(endpoint="report", trigger="IMMEDIATE", input={"id": 7})
        assert kronos_workspace.wait_for_run(job).status == "SUCCESS"

The fixtures also need the server (the distribution `kronos`), and PostgreSQL with pg_cron on this machine, like
`kronos up` itself. One `kronos up` serves a pytest session; with pytest-xdist, each process starts its own. It starts
in about 3 s. Each test gets a workspace, which is deleted afterwards. Deliveries may reach this machine
(127.0.0.0/8, ::1).
"""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kronos.client._sync.client import Kronos, WorkspaceClient
from kronos.client._sync.transport import Transport
from kronos.client.errors import NotFound, WaitTimedOut
from kronos.client.models.executions import Execution
from kronos.client.models.jobs import Job

_START_SECONDS, _STOP_SECONDS = 180.0, 60.0
# Its standard input ends when the pytest process ends, even if killed. Text before that means a normal end.
_WATCHING = """
import os, shutil, signal, sys, time
process, home = int(sys.argv[1]), sys.argv[2]
if not sys.stdin.read():
    try:
        os.kill(process, signal.SIGTERM)
        for _ in range(600):
            os.kill(process, 0)
            time.sleep(0.1)  # not our child, so its end cannot be awaited
    except ProcessLookupError:
        shutil.rmtree(home, ignore_errors=True)
"""
_MISSING = (
    "the fixtures of kronos.client.testing start a real `kronos up`, and the server is not installed here: "
    "install its wheel into the tests' environment (docs/install.md; `kronos` on PyPI is another project)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KronosServer:
    """A running `kronos up`: the API's address, the administrator's key, and a client with that key."""

    url: str
    key: str = field(repr=False)
    client: Kronos


class WorkspaceOfTest(WorkspaceClient):
    """The workspace of one test."""

    def __init__(self, transport: Transport, name: str) -> None:
        super().__init__(transport, name)
        self.slug = name

    def wait_for_run(self, job: Job | uuid.UUID | str, *, seconds: float = 60.0) -> Execution:
        """Return the last run of a job once it is SUCCESS. Raises ExecutionNotSuccessful, WaitTimedOut.

        To run a CRON job now, use `trigger`; its next tick comes at a full minute.
        """
        job_id = job.job_id if isinstance(job, Job) else job
        execution = self.jobs.executions(job_id, page_size=1).first()
        if execution is None:
            raise WaitTimedOut(f"job {job_id} has no run yet: trigger it, or wait for its tick", status="ACTIVE")
        return self.wait_for(execution, seconds=seconds)


@pytest.fixture(scope="session")
def kronos_server() -> Iterator[KronosServer]:
    """A `kronos up` for the session, with its own home, on free ports."""
    if importlib.util.find_spec("kronos.embedded") is None:
        pytest.fail(_MISSING, pytrace=False)
    with running_kronos() as server:
        yield server


@pytest.fixture
def kronos_workspace(kronos_server: KronosServer) -> Iterator[WorkspaceOfTest]:
    """A workspace for the test, with the methods of `kronos.workspace("…")`, `wait_for_run` and its `slug`."""
    slug = f"test-{uuid.uuid4().hex[:12]}"
    kronos_server.client.workspaces.create(slug=slug, name=slug)
    yield WorkspaceOfTest(kronos_server.client._transport, slug)
    try:
        kronos_server.client.workspaces.delete(slug, confirm=slug)
    except NotFound:
        return  # the test deleted it


@contextmanager
def running_kronos(**settings: str) -> Iterator[KronosServer]:
    """Run `kronos up` during the block, with these settings (`KRONOS_LOG_LEVEL="DEBUG"`)."""
    home = Path(tempfile.mkdtemp(prefix="kronos-test-"))
    home.chmod(0o711)  # PostgreSQL runs as another user if the tests run as root
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KRONOS_")}
    environment |= {"KRONOS_EGRESS_ALLOW": "127.0.0.0/8,::1/128", **settings}
    command = [sys.executable, "-m", "kronos", "up", "--home", str(home), "--port", "0"]
    log = home / "up.log"
    try:
        with log.open("w") as told:
            process = subprocess.Popen(command, env=environment, stdout=told, stderr=told)  # noqa: S603 - it is ours
        watcher = [sys.executable, "-c", _WATCHING, str(process.pid), str(home)]
        watching = subprocess.Popen(watcher, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603 - it is ours
        try:
            run = _ready(process, home, log)
            key = Path(run["admin_key_file"]).read_text(encoding="utf-8").strip()
            with Kronos(run["url"], key) as client:
                yield KronosServer(url=run["url"], key=key, client=client)
        finally:
            _stop(process)
            watching.communicate(b"ended")
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _ready(process: subprocess.Popen[bytes], home: Path, log: Path) -> dict[str, str]:
    """Return run.json once it exists. If it never does, fail with the log."""
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            run: dict[str, str] = json.loads((home / "run.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            time.sleep(0.05)  # another process writes the file
            continue
        return run
    told = log.read_text(encoding="utf-8", errors="replace")[-4000:]
    ended = (
        f"ended with {process.returncode}" if process.poll() is not None else f"was not ready in {_START_SECONDS:g} s"
    )
    pytest.fail(f"kronos up {ended}:\n{told}", pytrace=False)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
