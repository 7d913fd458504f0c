"""`kronos up` when system calls fail and children hang: it keeps running, and every process comes back."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from depth import depth
from embedded.conftest import Up, made_home, starting
from embedded.waiting import eventually
from killing import kill, signalled
from kronos import listening
from kronos.embedded import network, processes
from servers import copy_home

pytestmark = pytest.mark.faults

Start = Callable[..., Up]
_ALL = {"api", "worker", "postgres"}
_WITHOUT_WORKERS = _ALL - {"worker"}


def is_well(up: Up, not_these: dict[str, int], *, children: set[str] = _ALL) -> bool:
    """Whether all children run, none of them is one of these, and the API is ready."""
    now = up.children()
    return (
        set(now) == children and not set(now.values()) & set(not_these.values()) and network.readiness(up.url).is_ready
    )


def ports_of_entries(up: Up) -> list[int]:
    """The ports where pg_cron rings: its entries' own column, which counts before 1.5."""
    with psycopg.connect(str(up.told["database_url"])) as connection:
        return [port for (port,) in connection.execute("select distinct nodeport from cron.job order by nodeport")]


def assert_goes_on(up: Up) -> None:
    assert up.process.poll() is None, up.said()
    assert "Traceback" not in up.said()


def test_no_call_that_fails_ends_it(up: Start, home: Path, is_clear: Callable[[], bool], tmp_path: Path) -> None:
    """Every system call of the supervisor fails once: while it restarts all children, and while it stops. A worker
    would be a second child that it starts in the same way as the API: with --deep, there is one."""
    workers = depth("0", deep="1")
    children = _WITHOUT_WORKERS if workers == "0" else _ALL
    failed = tmp_path / "failed"
    running = up(
        *("--workers", workers),
        module="embedded.failing",
        PYTHONPATH=str(Path(__file__).parents[1]),
        KRONOS_TEST_FAILED=str(failed),
    )
    running.await_ready()
    before = running.children()
    known = json.loads((home / "cluster.json").read_text())
    with socket.create_server(("127.0.0.1", 0)) as other:
        # The port is taken, so PostgreSQL has to move, and run.json has to be rewritten.
        (home / "cluster.json").write_text(json.dumps(known | {"port": other.getsockname()[1]}))
        running.process.send_signal(signal.SIGUSR1)
        kill(before.values())
        eventually(
            lambda: is_well(running, before, children=children),
            lambda: f"it is not well: {running.account()}",
            seconds=90,
        )
    moved = json.loads((home / "cluster.json").read_text())["port"]
    eventually(lambda: f":{moved}/" in str(running.told["database_url"]), "run.json has the old port")
    # By itself: there are no workers, which would notice the silence later.
    eventually(lambda: ports_of_entries(running) == [moved], running.account, seconds=45)
    assert_goes_on(running)
    places = set(re.findall(r"(\w+\.py):\d+", failed.read_text()))
    assert places >= {
        "children.py",
        "cluster.py",
        "home.py",
        "logfiles.py",
        "ports.py",
        "processes.py",
        "supervisor.py",
    }, places

    running.process.send_signal(signal.SIGUSR1)
    running.process.terminate()
    assert running.process.wait(60) == 0, running.said()
    assert "Traceback" not in running.said()
    assert is_clear()


@pytest.fixture(scope="module")
def running(used_home: Path) -> Iterator[Up]:
    """One `kronos up` for the tests below, whose children may be silent for 5 s."""
    with made_home() as home, starting(home) as start:
        copy_home(used_home, home)
        running = start(KRONOS_HUNG_AFTER_SECONDS="5")
        running.await_ready()
        yield running


def test_children_that_hang_are_replaced_and_a_stopped_postmaster_goes_on_and_is_not_killed(running: Up) -> None:
    before = running.children()
    (running.home / "log").rename(running.home / "log.moved")
    hung = {name: before[name] for name in ("api", "worker")}
    for pid in before.values():
        signalled(pid, signal.SIGSTOP)
    eventually(lambda: is_well(running, hung), lambda: f"not replaced: {running.said()}", seconds=60)
    for name in ("api", "worker-1"):
        assert re.search(rf"{name} has given no sign of life for \d+ s: it is replaced", running.said())
    assert "PostgreSQL was stopped for" in running.said()
    assert running.children()["postgres"] == before["postgres"]
    assert {path.name for path in (running.home / "log").iterdir()} == {"api.log", "worker-1.log"}  # made again
    assert_goes_on(running)


def test_a_machine_that_stood_still_has_no_child_that_hangs(running: Up) -> None:
    """All processes stop for longer than a child may be silent, as when a laptop sleeps; then all of them continue, the
    supervisor first."""
    before, said = running.children(), running.said()
    everybody = [running.process.pid, *before.values()]
    for pid in everybody:
        signalled(pid, signal.SIGSTOP)
    until = time.monotonic() + 5.5
    eventually(lambda: time.monotonic() > until, "the clock stands still")
    for pid in everybody:
        signalled(pid, signal.SIGCONT)
    # The supervisor only handles its killed worker after it has judged all children, repeatedly until the new one runs.
    signalled(before["worker"], signal.SIGKILL)
    eventually(lambda: is_well(running, {"worker": before["worker"]}), lambda: f"it is not well: {running.account()}")
    assert running.children() | {"worker": 0} == before | {"worker": 0}
    assert "sign of life" not in running.said().removeprefix(said)


def the_port_is_kept(running: Up) -> None:
    """While no API runs, no other process can take its port, and callers wait for the next one."""
    with pytest.raises(OSError, match="in use"):
        listening.listen("127.0.0.1", int(running.url.rpartition(":")[2]))
    with urllib.request.urlopen(f"{running.url}/healthz", timeout=60) as response:
        assert response.status == 200


def is_replaced(running: Up, name: str, killed: int) -> None:
    eventually(lambda: is_well(running, {name: killed}), lambda: f"it is not well: {running.account()}", seconds=60)


def test_each_killed_child_is_started_again_and_without_a_place_for_logs_it_says_so(running: Up) -> None:
    (running.home / "log").rename(running.home / "log.away")
    postgres = running.children()["postgres"]
    signalled(postgres, signal.SIGKILL)
    is_replaced(running, "postgres", postgres)
    assert [path.name for path in (running.home / "log").iterdir()] == ["postgres.log"]  # the folder is made again

    (running.home / "log").rename(running.home / "log.moved-too")
    (running.home / "log").write_text("in the way")
    for name, log in (("api", "api"), ("worker", "worker-1"), ("postgres", "postgres")):
        killed = running.children()[name]
        signalled(killed, signal.SIGKILL)
        if name == "api":
            eventually(lambda: running.children().get("api") != killed, "it outlives SIGKILL")  # noqa: B023
            the_port_is_kept(running)
        is_replaced(running, name, killed)
        assert f"the output of {log} goes here until its next start" in running.said()
    eventually(lambda: "listening on http" in running.said(), "the API's lines are nowhere")
    assert_goes_on(running)


@pytest.fixture
def small_disk(home: Path) -> Iterator[Path]:
    """A file system of 200 MB in the home."""
    place = home / "disk"
    place.mkdir(mode=0o711)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200m,mode=0711", "tmpfs", place], capture_output=True, text=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"this user may not mount a file system: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with path.open("wb") as ballast, contextlib.suppress(OSError):
        while True:
            os.write(ballast.fileno(), bytes(65_536))
    assert os.statvfs(path).f_bavail == 0


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    """The process is stopped meanwhile."""
    signalled(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        signalled(pid, signal.SIGCONT)


def test_it_comes_back_when_a_full_disk_has_room_again(small_disk: Path, used_home: Path, first_up: Start) -> None:
    copy_home(used_home, small_disk / "home")
    running = first_up("--home", str(small_disk / "home"), "--workers", "0")
    eventually(
        lambda: "ready " in (running.home / "up.out").read_text(),
        lambda: f"it is not ready: {running.said()}",
        seconds=60,
    )
    full = Up(home=small_disk / "home", process=running.process)
    before = full.children()
    with stopped(running.process.pid):  # processes that end free some room, and a start needs little
        kill(before.values())
        place = (full.home / "postgres").resolve()
        assert processes.end_postgres(place / "data", [(signal.SIGKILL, 20)]) == []
        for lock in [place / "data" / "postmaster.pid", *(place / "socket").glob(".s.*")]:
            lock.unlink()
        fill(small_disk / "ballast")
    eventually(
        lambda: "No space left on device" in running.said(),
        lambda: f"it says nothing of the disk: {running.said()}",
        seconds=60,
    )
    eventually(lambda: running.said().count("PostgreSQL has ended") >= 2, "it does not try again", seconds=60)
    assert_goes_on(running)
    (small_disk / "ballast").unlink()
    eventually(
        lambda: is_well(full, before, children=_WITHOUT_WORKERS),
        lambda: f"it did not come back: {running.said()}",
        seconds=60,
    )
    assert_goes_on(running)
