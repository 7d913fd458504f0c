"""`kronos up` from the outside: ready, supervised, rejected when started twice, stopped in order, recovered after kill
-9."""

import json
import signal
import socket
import stat
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from embedded.conftest import Up
from embedded.shells import kronos, quick_kronos
from embedded.stopping import stops_all_of_it
from embedded.waiting import eventually
from killing import kill
from kronos.embedded import network

pytestmark = pytest.mark.faults

Start = Callable[..., Up]


def is_ready(up: Up) -> bool:
    return (up.home / "run.json").exists() and network.readiness(up.url).is_ready


def workspaces(up: Up) -> list[str]:
    """The slugs that the API lists for the administrator's key."""
    key = Path(str(up.told["admin_key_file"])).read_text().strip()
    request = urllib.request.Request(f"{up.url}/v1/workspaces", headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=60) as response:
        return [workspace["slug"] for workspace in json.load(response)["data"]]


def create_workspace(up: Up, slug: str) -> None:
    key = Path(str(up.told["admin_key_file"])).read_text().strip()
    request = urllib.request.Request(
        f"{up.url}/v1/workspaces",
        data=json.dumps({"slug": slug, "name": slug}).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        assert response.status == 201


def test_a_stop_during_the_start_is_heeded(first_up: Start, is_clear: Callable[[], bool], home: Path) -> None:
    running = first_up()
    eventually((home / "cluster.json").exists, "the cluster is not being made")
    running.process.terminate()
    assert running.process.wait(60) == 0, running.said()
    assert is_clear()


def test_a_second_one_on_the_same_home_is_refused_and_one_without_workers_is_ready_too(up: Start) -> None:
    first = up("--workers", "0", is_bare=True)  # as some programs start daemons
    eventually((first.home / "lock").exists, "the first one does not start")
    eventually((first.home / "lock").read_text, "the first one does not tell who it is")
    second = ("up", "--home", str(first.home), "--port", "0")
    while_starting = kronos(*second)
    first.await_ready()
    when_ready = quick_kronos(*second)
    for answer in (while_starting, when_ready):
        assert (answer.returncode, answer.stdout) == (1, "")
        assert f"process {first.process.pid}" in answer.stderr
        assert first.url in answer.stderr
    assert is_ready(first)
    assert set(first.children()) == {"api", "postgres"}
    with urllib.request.urlopen(f"{first.url}/readyz", timeout=60) as response:
        assert "no worker is connected" in response.read().decode()


def test_a_port_that_is_taken_is_named(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        answer = quick_kronos("up", "--home", str(home), "--port", port)
    assert answer.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {port}" in answer.stderr
    assert not (home / "postgres").exists()


def test_a_wrong_setting_ends_the_start_with_its_name(home: Path) -> None:
    answer = quick_kronos("up", "--home", str(home), "--port", "0", KRONOS_SHUTDOWN_SECONDS="soon")
    assert answer.returncode == 2
    assert "KRONOS_SHUTDOWN_SECONDS" in answer.stderr


def everything_answers(up: Up) -> None:
    """What `ready` promises."""
    assert up.await_ready() == f"ready {up.url}"
    assert f"dashboard at {up.url}: sign in with the key in {up.home}/admin.key\n" in up.said()
    assert (up.home / "admin.key").read_text().strip() not in up.said()
    assert is_ready(up)
    assert up.told["pid"] == up.process.pid
    for name in ("run.json", "admin.key", "cluster.json", "encryption.key"):
        assert stat.S_IMODE((up.home / name).stat().st_mode) == 0o600, name
    with psycopg.connect(str(up.told["database_url"])) as connection:
        row = connection.execute(
            "select current_database(), usesuper from pg_user where usename = current_user"
        ).fetchone()
    assert row == ("kronos", True)
    assert set(up.children()) == {"api", "worker", "postgres"}


def each_process_has_its_own_login(up: Up, known: dict[str, Any]) -> None:
    """A home of an earlier release, which knew only the superuser's password, gets logins that can be nothing else."""
    found = json.loads((up.home / "cluster.json").read_text())
    assert found["superuser_password"] == known["superuser_password"]
    assert found.keys() == known.keys()
    with psycopg.connect(str(up.told["database_url"])) as connection:
        sessions = connection.execute(
            "select distinct split_part(application_name, '-', 2), usename from pg_stat_activity where "
            "application_name like 'kronos-%'"
        ).fetchall()
    assert set(sessions) == {("api", "kronos_api"), ("worker", "kronos_worker")}
    for name, password in (("api", "api_password"), ("worker", "worker_password")):
        told = Path(f"/proc/{up.children()[name]}/environ").read_bytes().decode()
        assert found[password] in told
        assert found["superuser_password"] not in told


def test_a_home_of_an_earlier_release_is_taken_over_and_each_next_start_recovers_from_kill_9(
    up: Start, home: Path
) -> None:
    """Killed alone, then together with all of its processes; the last start is ended by Ctrl-C."""
    known = json.loads((home / "cluster.json").read_text())
    (home / "cluster.json").write_text(json.dumps({name: known[name] for name in ("port", "superuser_password")}))
    first = up()
    everything_answers(first)
    each_process_has_its_own_login(first, known)
    create_workspace(first, "kept")
    key = (first.home / "admin.key").read_text()
    first.process.kill()
    first.process.wait()
    second = up()  # immediately: the children of the killed one are still ending
    second.await_ready()
    assert "kept" in workspaces(second)
    assert (second.home / "admin.key").read_text() == key
    assert second.told["pid"] == second.process.pid
    create_workspace(second, "kept-too")
    kill((second.process.pid, *second.children().values()))
    second.process.wait()
    third = up()
    third.await_ready()
    assert {"kept", "kept-too"} <= set(workspaces(third))
    stops_all_of_it(third, signal.SIGINT)
