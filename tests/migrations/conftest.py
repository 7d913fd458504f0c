"""What several files of the tests of migrations share."""

import io
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from conftest import ROOT
from sql_factory import Connection

PREVIOUS = ROOT / "alembic" / "previous_release"


@pytest.fixture
def bare(superuser: Connection, database_url: str) -> str:
    """A database that has pg_cron, where Kronos never was."""
    superuser.execute("drop schema kronos cascade")
    superuser.execute("delete from cron.job")
    return database_url


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the release before."""
    commit = PREVIOUS.read_text().strip()
    if shutil.which("git") is None:
        pytest.skip("git is not on this machine, and the release before is in the history")
    made = subprocess.run(
        ["git", "archive", commit, "kronos", "sql", "alembic"], cwd=ROOT, capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip(f"the release before, {commit[:12]}, is not in this copy's history: {made.stderr.decode().strip()}")
    directory = tmp_path_factory.mktemp("previous")
    with tarfile.open(fileobj=io.BytesIO(made.stdout)) as archive:
        archive.extractall(directory, filter="data")
    return directory


@pytest.fixture
def receiver() -> Iterator[str]:
    """The URL of what accepts every delivery."""

    class Accepting(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Accepting) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()
