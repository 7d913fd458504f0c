"""The embedded cluster by itself: creation, start, recovery after crashes, and moving where necessary."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from embedded.conftest import made_home
from embedded.waiting import eventually
from killing import signalled
from kronos.embedded import installation, placement, ports, processes
from kronos.embedded.cluster import Cluster
from kronos.embedded.errors import ClusterFailed, PostgresMissing
from kronos.embedded.home import Home
from servers import copy_home

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to another user")


def setting(cluster: Cluster, name: str) -> str:
    with psycopg.connect(cluster.superuser_url) as connection:
        row = connection.execute("select current_setting(%s)", [name]).fetchone()
    assert row is not None
    return str(row[0])


def backends(cluster: Cluster, kind: str) -> list[int]:
    with psycopg.connect(cluster.superuser_url) as connection:
        rows = connection.execute("select pid from pg_stat_activity where backend_type = %s", [kind]).fetchall()
    return [row[0] for row in rows]


def launcher(cluster: Cluster) -> int:
    found: list[int] = []

    def is_there() -> bool:
        found[:] = backends(cluster, "pg_cron launcher")
        return bool(found)

    eventually(is_there, "pg_cron's launcher does not run")
    return found[0]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture(scope="module")
def running() -> Iterator[Cluster]:
    """A running cluster, created from nothing and durable as by default, for the tests that inspect it."""
    with made_home() as home:
        made = Cluster(home)
        try:
            made.start()
            yield made
        finally:
            made.destroy()


def test_it_serves_database_kronos_with_pg_cron_loaded(running: Cluster) -> None:
    assert setting(running, "shared_preload_libraries") == "pg_cron"
    assert setting(running, "cron.database_name") == "kronos"
    assert setting(running, "timezone") == "UTC"
    assert psycopg.conninfo.conninfo_to_dict(running.superuser_url)["dbname"] == "kronos"
    launcher(running)


def test_firings_are_background_workers_from_pg_cron_1_5_and_connections_before(running: Cluster) -> None:
    if running.installation.has_background_workers:
        assert setting(running, "cron.use_background_workers") == "on"
        assert int(setting(running, "max_worker_processes")) > int(setting(running, "cron.max_running_jobs"))
    else:
        assert setting(running, "cron.host") == setting(running, "unix_socket_directories")


def test_durable_is_the_default(running: Cluster) -> None:
    assert (setting(running, "fsync"), setting(running, "synchronous_commit")) == ("on", "on")


@as_root
def test_root_drops_to_an_unprivileged_user(running: Cluster) -> None:
    owners = {Path(f"/proc/{pid}").stat().st_uid for pid in processes.postgres_processes(running.data)}
    assert owners == {processes.postgres_user().uid} != {0}


def test_it_is_reached_over_loopback_with_a_password_only(running: Cluster) -> None:
    assert setting(running, "listen_addresses") == "127.0.0.1"
    sockets = Path(setting(running, "unix_socket_directories"))
    assert mode(sockets) == 0o700
    for host in ("127.0.0.1", str(sockets)):
        with pytest.raises(psycopg.OperationalError, match="no password supplied"):
            psycopg.connect(host=host, port=running.port, user="postgres", dbname="kronos")


def test_the_firing_role_comes_through_the_socket_without_a_password_where_pg_cron_needs_that(running: Cluster) -> None:
    sockets = setting(running, "unix_socket_directories")
    with psycopg.connect(running.superuser_url, autocommit=True) as connection:
        connection.execute("create role kronos_cron login")
        connection.execute("create role other login")

    def login(user: str, host: str, database: str = "kronos") -> str:
        with psycopg.connect(host=host, port=running.port, user=user, dbname=database) as connection:
            return connection.info.user

    if running.installation.has_background_workers:
        with pytest.raises(psycopg.OperationalError):
            login("kronos_cron", sockets)
    else:
        assert login("kronos_cron", sockets) == "kronos_cron"
    for user, host, database in (
        ("other", sockets, "kronos"),
        ("kronos_cron", sockets, "postgres"),
        ("kronos_cron", "127.0.0.1", "kronos"),
    ):
        with pytest.raises(psycopg.OperationalError):
            login(user, host, database)


def test_password_and_settings_are_private(running: Cluster) -> None:
    assert mode(running.data) == 0o700
    assert mode(running.data.parents[1] / "cluster.json") == 0o600


def test_a_home_may_have_any_name_that_can_be_read(home: Path) -> None:
    """A comma separates directories for PostgreSQL and hosts for libpq, a backslash escapes, a quote ends a value."""
    odd = Cluster(home / "-a,b\\c d'e\"f%g#h?ü[*]$PATH~" / "..." / "x", durable=False)
    (home / "-a,b\\c d'e\"f%g#h?ü[*]$PATH~" / "...").mkdir(parents=True)
    try:
        odd.start()
        launcher(odd)
        with psycopg.connect(odd.superuser_url, autocommit=True) as connection:
            connection.execute("create role kronos_cron login")
            connection.execute("create extension pg_cron")
        if not odd.installation.has_background_workers:
            sockets = setting(odd, "cron.host")
            assert sockets == setting(odd, "unix_socket_directories")
            psycopg.connect(host=sockets, port=odd.port, user="kronos_cron", dbname="kronos").close()  # as pg_cron does
        odd.restart()
    finally:
        odd.destroy()


def test_it_keeps_its_port_and_its_rows(cluster: Cluster) -> None:
    cluster.start()
    port = cluster.port
    with psycopg.connect(cluster.superuser_url) as connection:
        connection.execute("create table kept (n integer)")
    cluster.restart()
    assert cluster.port == port
    with psycopg.connect(cluster.superuser_url) as connection:
        connection.execute("select n from kept")


def test_a_taken_port_is_replaced_and_the_new_one_remembered(cluster: Cluster, home: Path, notes: list[str]) -> None:
    cluster.start()
    taken = cluster.port
    cluster.stop()
    with socket.create_server(("127.0.0.1", taken)):
        cluster.start()
        assert setting(cluster, "port") == str(cluster.port) != str(taken)
    assert json.loads((home / "cluster.json").read_text())["port"] == cluster.port
    assert notes == [f"port {taken} is in use by another process: PostgreSQL moves to {cluster.port}"]


def test_a_port_that_is_taken_between_the_look_and_the_start_is_replaced_too(
    cluster: Cluster, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The port was free when it was checked before the start, and is free again in the check after it: only PostgreSQL
    has seen that it was taken."""
    cluster.start()
    taken = cluster.port
    cluster.stop()
    monkeypatch.setattr(ports, "is_free", lambda port, host="": True)
    with socket.create_server(("127.0.0.1", taken)):
        cluster.start()
        assert setting(cluster, "port") == str(cluster.port) != str(taken)
    assert notes == [f"port {taken} is in use by another process: PostgreSQL moves to {cluster.port}"]


def test_a_killed_initdb_does_not_count(cluster: Cluster, home: Path) -> None:
    data = home / "postgres" / "data"
    data.rename(data.with_name("data.new"))
    (data.with_name("data.new") / "PG_VERSION").unlink()
    cluster.start()
    assert setting(cluster, "port") == str(cluster.port)


@as_root
def test_data_lies_outside_a_home_that_postgres_cannot_enter(home: Path, notes: list[str]) -> None:
    home.chmod(0o700)
    cluster = Cluster(home / "inner", durable=False, note=notes.append)
    try:
        cluster.start()
        assert cluster.data.is_relative_to(placement.SHARED_ROOT)
        assert (home / "inner" / "postgres").resolve() == cluster.data.parent
        assert len(notes) == 1
        assert str(cluster.data.parent) in notes[0]
        first = cluster.data
        cluster.restart()
        assert (cluster.data, len(notes)) == (first, 1)
    finally:
        cluster.destroy()
    assert not cluster.data.parent.exists()


@as_root
def test_the_place_outside_is_passable_whatever_the_umask(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """umask 077, as on hardened machines."""
    monkeypatch.setattr(placement, "SHARED_ROOT", home / "var" / "kronos" / "clusters")
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    before = os.umask(0o077)
    try:
        place = placement.place(Home(closed), processes.postgres_user(), lambda line: None)
    finally:
        os.umask(before)
    assert place.is_relative_to(placement.SHARED_ROOT)
    assert placement._can_reach(place, processes.postgres_user())


@as_root
def test_a_home_made_again_begins_empty_and_throws_nothing_away(home: Path, used_home: Path, notes: list[str]) -> None:
    home.chmod(0o700)
    copy_home(used_home, home / "inner")
    (home / "inner" / "postgres").rename(home / "made")
    place = placement.place(Home(home / "inner"), processes.postgres_user(), lambda line: None)
    subprocess.run(["cp", "-a", home / "made" / "data", place], check=True)  # as a first start leaves it
    lost = Cluster(home / "inner", durable=False)
    lost.start()
    subprocess.run(["rm", "-rf", home / "inner"], check=True)
    again = Cluster(home / "inner", durable=False, note=notes.append)
    aside: list[Path] = []
    try:
        again.start()
        aside += placement.SHARED_ROOT.glob(f"{again.data.parent.name}.*")
        assert len(aside) == 1
        assert (aside[0] / "data" / "PG_VERSION").is_file()
        assert any(str(aside[0]) in note for note in notes)
    finally:
        again.destroy()
        for path in aside:
            subprocess.run(["rm", "-rf", path], check=True)
    assert lost.pid is None


def test_a_socket_path_that_is_too_long_lies_elsewhere(home: Path, used_home: Path) -> None:
    deep = home
    for _ in range(4):
        deep = deep / ("d" * 40)
        deep.mkdir()
    copy_home(used_home, deep)
    cluster = Cluster(deep, durable=False)
    try:
        cluster.start()
        sockets = Path(setting(cluster, "unix_socket_directories"))
        assert not sockets.is_relative_to(home)
        assert mode(sockets) == 0o700
    finally:
        cluster.destroy()
    assert not sockets.exists()


def test_a_killed_postmaster_is_followed_by_crash_recovery(cluster: Cluster) -> None:
    cluster.start()
    with psycopg.connect(cluster.superuser_url) as connection:
        connection.execute("create table kept (n integer)")
    assert cluster.pid is not None
    assert signalled(cluster.pid, signal.SIGKILL)
    eventually(lambda: cluster.pid is None, "the postmaster survived SIGKILL")
    cluster.start()
    with psycopg.connect(cluster.superuser_url) as connection:
        connection.execute("select n from kept")


def test_an_orphan_launcher_is_ended_and_no_other_clusters_processes(cluster: Cluster, running: Cluster) -> None:
    cluster.start()
    orphan, stranger, postmaster = launcher(cluster), launcher(running), cluster.pid
    assert postmaster is not None
    # The stopped process cannot notice that its postmaster is gone, and holds the shared memory.
    assert signalled(orphan, signal.SIGSTOP)
    assert signalled(postmaster, signal.SIGKILL)
    eventually(lambda: processes.postgres_processes(cluster.data) == [orphan], "the launcher is not the only one left")
    cluster.start()
    assert orphan not in processes.postgres_processes(cluster.data)
    assert setting(cluster, "port") == str(cluster.port)
    assert launcher(running) == stranger


def test_a_postmaster_that_an_earlier_run_left_is_stopped_first(home: Path, cluster: Cluster, notes: list[str]) -> None:
    left = Cluster(home, durable=False)
    left.start()
    cluster.start()
    assert left.pid is None
    assert setting(cluster, "port") == str(cluster.port)
    assert any("earlier run" in note for note in notes)


def test_a_process_id_left_in_lock_files_is_no_obstacle_where_it_is_somebody_elses(cluster: Cluster) -> None:
    cluster.start()
    cluster.stop()
    (cluster.data / "postmaster.pid").write_text(f"{os.getpid()}\n{cluster.data}\n")
    lock = cluster.data.parent / "socket" / f".s.PGSQL.{cluster.port}.lock"
    lock.write_text(f"{os.getpid()}\n{cluster.data}\n0\n{cluster.port}\n{lock.parent}\n")
    cluster.start()
    assert setting(cluster, "port") == str(cluster.port)


@pytest.mark.usefixtures("cluster")
def test_the_server_stops_when_its_starter_is_killed(home: Path) -> None:
    program = (
        "import sys, pathlib; from kronos.embedded.cluster import Cluster\n"
        "c = Cluster(pathlib.Path(sys.argv[1]), durable=False); c.start(); print(c.data, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, home], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdout is not None
        data = Path(starter.stdout.readline().strip())
        assert processes.postgres_processes(data)
        starter.kill()
        eventually(lambda: not processes.postgres_processes(data), "PostgreSQL outlives the process that started it")


def test_a_server_that_does_not_start_says_why(cluster: Cluster, home: Path) -> None:
    with (home / "postgres" / "data" / "postgresql.conf").open("a") as conf:
        conf.write("shared_buffers = 'many'\n")
    with pytest.raises(ClusterFailed, match="shared_buffers"):
        cluster.start()


def test_data_of_a_version_that_is_not_installed_names_the_packages(tmp_path: Path) -> None:
    (tmp_path / "PG_VERSION").write_text("14\n")
    with pytest.raises(PostgresMissing, match="apt install postgresql-14 postgresql-14-cron"):
        installation.of_data(tmp_path)
