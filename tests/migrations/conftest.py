"""Fixtures that several test files of migrations share."""

import fcntl
import shutil
import subprocess
import tempfile
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg
import pytest

from conftest import ROOT, cloned, url_of
from kronos import far_history, session
from migrations.moved_weeks import ALL, MovedWeeks
from servers import Server, folder_of_all
from sql_factory import Connection, value, values

PREVIOUS, PREVIOUS_MAIN = ROOT / "alembic" / "previous_release", ROOT / "alembic" / "previous_main"


@pytest.fixture
def bare(superuser: Connection, database_url: str) -> str:
    """A database that has pg_cron, in which Kronos was never installed."""
    superuser.execute("drop schema kronos cascade")
    superuser.execute("delete from cron.job")
    return database_url


@pytest.fixture(scope="module")
def previous() -> Path:
    """The files of the previous release."""
    return files_of(PREVIOUS)


@pytest.fixture(scope="module", params=[PREVIOUS, PREVIOUS_MAIN], ids=lambda named: named.name)
def earlier(request: pytest.FixtureRequest) -> Path:
    """The files of the previous release, and those of the previous main."""
    return files_of(request.param)


def files_of(named: Path) -> Path:
    """The files of the commit that `named` contains, from the history. All pytest processes share them: the first
    process that runs them compiles them, in up to a second."""
    commit = named.read_text().strip()
    if shutil.which("git") is None:
        pytest.skip("git is not installed, and the previous release comes from the history")
    ours = folder_of_all()
    directory = ours / f"kronos-{commit[:12]}"
    with (ours / "lock-of-files").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not directory.exists():
            making = Path(tempfile.mkdtemp(dir=ours))
            _extract(named, commit, making)
            making.rename(directory)
    return directory


def _extract(named: Path, commit: str, directory: Path) -> None:
    made = subprocess.run(
        ["git", "archive", commit, "kronos", "sql", "alembic"], cwd=ROOT, capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip(f"{named.name}, {commit[:12]}, is not in this copy's history: {made.stderr.decode().strip()}")
    subprocess.run(["tar", "-x", "-C", directory], input=made.stdout, check=True)


@pytest.fixture
def receiver() -> Iterator[str]:
    """The URL of a receiver that accepts every delivery."""

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


@pytest.fixture(scope="module")
def without_citus() -> Iterator[None]:
    def nodes(far: session.Connection, _: str) -> int:
        far.execute("create schema if not exists kronos_history")
        return 2

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(far_history, "require_citus", nodes)
        yield


@pytest.fixture(scope="module")
def unmoved(request: pytest.FixtureRequest, server: Server, template: str, without_citus: None) -> Iterator[MovedWeeks]:
    if request.config.getoption("--containers"):
        pytest.skip("the server of a container does not reach itself at the port that others see")
    name = f"kronos_history_{uuid.uuid4().hex[:12]}"
    with cloned(server, template) as url, psycopg.connect(url, autocommit=True) as near:
        near.execute(f"create database {name}")
        history_url = url_of(url, name)
        with psycopg.connect(history_url, autocommit=True) as far:
            far.execute("set allow_system_table_mods = on")
            far.execute(
                "create function pg_catalog.create_distributed_table(regclass, text, shard_count int) returns void"
                " language sql as ''"
            )
        yield MovedWeeks(near, url, history_url)
    server.databases.drop(name)


@pytest.fixture(scope="module")
def scene(unmoved: MovedWeeks) -> MovedWeeks:
    """The scene after its weeks were moved."""
    before = [values(unmoved.near, ALL.format(f"kronos.{each}")) for each in ("execution_done", "attempt")]
    report = unmoved.run()
    assert (report.moved, report.partitions, report.changed, report.aged_out, report.nodes) == (4, 4, 0, 0, 2)
    assert report.rows == 2 * 2 * (30 + 30)
    assert before == [values(unmoved.near, ALL.format(f"kronos.{each}")) for each in ("execution_done", "attempt")]
    return unmoved


@pytest.fixture
def gone(scene: MovedWeeks) -> Iterator[None]:
    """The other server cannot be reached: nothing listens on its port."""
    port = value(
        scene.near, "select split_part(o, '=', 2) from pg_foreign_server, unnest(srvoptions) as o where o like 'port=%'"
    )
    scene.near.execute("alter server kronos_history options (set port '1')")
    scene.near.execute("select postgres_fdw_disconnect_all()")
    yield
    scene.near.execute(f"alter server kronos_history options (set port '{port}')")
