"""A real Kronos for your own tests: fixtures of pytest, on PostgreSQL with pg_cron and a worker that delivers.

    # conftest.py
    pytest_plugins = ["kronos.client.testing"]

    # test_reports.py
    def test_a_report_is_made(kronos_workspace):
        kronos_workspace.endpoints.create(name="report", type="HTTP", spec={"url": my_server.url})
        job = kronos_workspace.jobs.create(endpoint="report", trigger="IMMEDIATE", input={"id": 7})
        assert kronos_workspace.wait_for_run(job).status == "SUCCESS"

It needs the server too (the distribution `kronos`), and PostgreSQL with pg_cron on this machine, as `kronos up` does.
One `kronos up` serves a session of pytest, each process of pytest-xdist its own; it takes about 3 s to start. Each test
has a workspace, which is deleted after it. Deliveries may reach this machine (127.0.0.0/8, ::1).
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
# Its input ends with the process of pytest, however that ends: killed, too. A word before that says that all is well.
_WATCHING = """
import os, shutil, signal, sys, time
process, home = int(sys.argv[1]), sys.argv[2]
if not sys.stdin.read():
    try:
        os.kill(process, signal.SIGTERM)
        for _ in range(600):
            os.kill(process, 0)
            time.sleep(0.1)  # it is no child of ours, whose end could be awaited
    except ProcessLookupError:
        shutil.rmtree(home, ignore_errors=True)
"""
_MISSING = (
    "the fixtures of kronos.client.testing boot a real `kronos up`, and the server is not installed here: "
    "install its wheel into the environment of the tests (docs/install.md; `kronos` on PyPI is another project)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KronosServer:
    """A running `kronos up`: where its API is, the administrator's key, and a client that has it."""

    url: str
    key: str = field(repr=False)
    client: Kronos


class WorkspaceOfTest(WorkspaceClient):
    """A workspace of one test."""

    def __init__(self, transport: Transport, name: str) -> None:
        super().__init__(transport, name)
        self.slug = name

    def wait_for_run(self, job: Job | uuid.UUID | str, *, seconds: float = 60.0) -> Execution:
        """The last run of a job, once it is SUCCESS. Raises ExecutionNotSuccessful, WaitTimedOut.

        A CRON job is run by `trigger`; a tick of its own comes with the minute.
        """
        job_id = job.job_id if isinstance(job, Job) else job
        execution = self.jobs.executions(job_id, page_size=1).first()
        if execution is None:
            raise WaitTimedOut(f"job {job_id} has no run yet: trigger it, or wait for its tick", status="ACTIVE")
        return self.wait_for(execution, seconds=seconds)


@pytest.fixture(scope="session")
def kronos_server() -> Iterator[KronosServer]:
    """One `kronos up` for the session, in a home of its own, on free ports."""
    if importlib.util.find_spec("kronos.embedded") is None:
        pytest.fail(_MISSING, pytrace=False)
    with running_kronos() as server:
        yield server


@pytest.fixture
def kronos_workspace(kronos_server: KronosServer) -> Iterator[WorkspaceOfTest]:
    """A workspace of the test's own, called as `kronos.workspace("…")` is; `wait_for_run` besides, and its `slug`."""
    slug = f"test-{uuid.uuid4().hex[:12]}"
    kronos_server.client.workspaces.create(slug=slug, name=slug)
    yield WorkspaceOfTest(kronos_server.client._transport, slug)
    try:
        kronos_server.client.workspaces.delete(slug, confirm=slug)
    except NotFound:
        return  # the test has deleted it


@contextmanager
def running_kronos(**settings: str) -> Iterator[KronosServer]:
    """A `kronos up` as long as the block lasts, with settings by their names (`KRONOS_LOG_LEVEL="DEBUG"`)."""
    home = Path(tempfile.mkdtemp(prefix="kronos-test-"))
    home.chmod(0o711)  # PostgreSQL runs as a user of its own where the tests are root's
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
    """What run.json says, once it is there. Fails with the log where it never is."""
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            run: dict[str, str] = json.loads((home / "run.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            time.sleep(0.05)  # what is awaited is another process's file
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
