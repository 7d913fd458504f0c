"""The files of a home without a server in it: its paths, its lock, and the settings that PostgreSQL gets."""

import errno
import json
import os
import stat
from pathlib import Path
from typing import Any

import psycopg
import pytest

from kronos.embedded import configuration, network, running
from kronos.embedded.cluster import Cluster
from kronos.embedded.configuration import ListenAddress
from kronos.embedded.errors import ClusterFailed, HomeInUse, HomeUnusable, explained
from kronos.embedded.home import Home, HomeLock, default_home, write_private
from kronos.embedded.installation import Installation
from kronos.errors import MigrationFailed, Unconnected
from kronos.unreachable import Unreachable

OLD = Installation(bin_dir=Path("/bin"), major=15, pg_cron=(1, 4))
NEW = Installation(bin_dir=Path("/bin"), major=17, pg_cron=(1, 6))


def test_the_home_is_below_xdg_or_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert default_home() == Path("/data/kronos")
    for base in ("", "relative"):
        monkeypatch.setenv("XDG_DATA_HOME", base)
        assert default_home() == Path("/home/ada/.local/share/kronos")

    monkeypatch.setenv("KRONOS_HOME", "/srv/kronos")
    assert default_home() == Path("/srv/kronos")
    monkeypatch.setenv("KRONOS_HOME", "here")
    assert default_home() == Path.cwd() / "here"

    def gone() -> str:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")

    with monkeypatch.context() as deleted:
        deleted.setattr(os, "getcwd", gone)
        with pytest.raises(
            HomeUnusable, match="the home here is relative to the current folder, which cannot be found"
        ):
            default_home()
        assert running.here() is None

    monkeypatch.setenv("KRONOS_HOME", "")
    assert default_home() == Path("/home/ada/.local/share/kronos")

    def homeless() -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(HomeUnusable, match="name a directory for the data with --home DIR"):
        default_home()
    assert running.here() is None


def test_each_file_of_a_home_has_its_place() -> None:
    home = Home(Path("/h"))
    places = (home.run_json, home.lock, home.admin_key_file, home.encryption_key_file, home.cluster_json, home.postgres)
    assert [each.name for each in (*places, home.log)] == [
        "run.json", "lock", "admin.key", "encryption.key", "cluster.json", "postgres", "log",
    ]  # fmt: skip
    assert {each.parent for each in (*places, home.log)} == {Path("/h")}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a\nb", r"the home /tmp/a\nb has a control character in its name"),
        ("a\x7fb", r"the home /tmp/a\x7fb has a control character in its name"),
        (os.fsdecode(b"a\xffb"), "is not UTF-8: choose another --home"),
        ("x" * 900, "the path of the home has 905 bytes, but PostgreSQL can use only 900"),
    ],
)
def test_a_home_of_an_impossible_name_is_refused_before_anything_is_made(name: str, said: str) -> None:
    with pytest.raises(HomeUnusable) as caught:
        Home(Path("/tmp") / name).require_usable()
    assert said in str(caught.value)


def test_a_home_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HomeUnusable, match="is not a directory that this user may write to: choose another --home"):
        Home(tmp_path / "file").require_usable()
    with pytest.raises(HomeUnusable, match=r"cannot be created: Not a directory: "):
        Home(tmp_path / "file" / "below").create()
    for path in (tmp_path, tmp_path / "new", Path("/tmp/" + "/".join(["x" * 223] * 4))):
        Home(path).require_usable()
    assert not (tmp_path / "new").exists()


def test_a_home_that_is_made_is_passable_only_where_postgresql_is_another_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for user, mode in ((0, 0o711), (1000, 0o700)):
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)
        path = tmp_path / str(user) / "deep"
        Home(path).create()
        assert stat.S_IMODE(path.stat().st_mode) == mode
        path.chmod(0o750)
        Home(path).create()
        assert stat.S_IMODE(path.stat().st_mode) == 0o750  # one that is there stays as it is


def test_a_private_file_is_whole_or_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "key"
    write_private(file, "first")
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("first", 0o600)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_private(file, "second")
    assert (file.read_text(), os.listdir(tmp_path)) == ("first", ["key"])


def test_a_second_up_is_told_who_is_there(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.lock.write_text("x" * 500)  # what an earlier one left
    with HomeLock(home, "http://127.0.0.1:1") as lock:
        lock.tell("http://127.0.0.1:22222")
        assert json.loads(home.lock.read_text()) == {"pid": os.getpid(), "url": "http://127.0.0.1:22222"}
        with pytest.raises(HomeInUse) as caught, HomeLock(home, "http://127.0.0.1:3"):
            pass
        assert str(caught.value) == (
            f"kronos up is already running in {tmp_path}: process {os.getpid()}, http://127.0.0.1:22222. Stop it, or "
            "use another --home."
        )
        home.lock.write_text("")
        with pytest.raises(HomeInUse, match=f"kronos up is just starting in {tmp_path}"), HomeLock(home, ""):
            pass
    with HomeLock(home, "http://127.0.0.1:4"):
        assert json.loads(home.lock.read_text())["url"] == "http://127.0.0.1:4"


RUN = {"url": "http://127.0.0.1:1", "admin_key_file": "/h/admin.key", "database_url": "postgresql:///k"}
OWN_SERVER = "postgresql://postgres:a-%7E_.~@127.0.0.1:29917/kronos"


def test_an_instance_is_found_while_its_writer_holds_the_lock(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert running.find(home) is None
    home.run_json.write_text(json.dumps(RUN | {"pid": os.getpid()}))
    assert running.find(home) is None  # killed: nobody holds the lock
    with HomeLock(home, RUN["url"]):
        found = running.find(home)
        assert found is not None
        assert (found.url, found.admin_key_file, found.database_url, found.pid) == (
            *(RUN["url"], Path("/h/admin.key"), RUN["database_url"]),
            os.getpid(),
        )
        home.run_json.write_text(json.dumps(RUN | {"pid": os.getpid() + 1}))
        assert running.find(home) is None  # of an earlier one
    home.run_json.write_text(json.dumps(RUN | {"pid": os.getpid()}))
    assert running.find(home) is None


def test_the_instance_of_the_default_home_is_found_without_naming_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    home = Home(tmp_path / "kronos")
    home.create()
    assert running.here() is None
    home.run_json.write_text(json.dumps(RUN | {"pid": os.getpid()}))
    with HomeLock(home, RUN["url"]):
        found = running.here()
    assert found is not None
    assert found.url == RUN["url"]


@pytest.fixture
def somebody_elses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home with its own key, which a user other than the reader wrote."""
    home = Home(tmp_path / "home")
    home.create()
    home.admin_key_file.write_text("kr_live_own")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    return home


def found_with(home: Home, key: Path, database_url: str = OWN_SERVER) -> running.Running | None:
    run = RUN | {"pid": os.getpid(), "admin_key_file": str(key), "database_url": database_url}
    home.run_json.write_text(json.dumps(run))
    with HomeLock(home, RUN["url"]):
        return running.find(home)


def test_another_users_home_cannot_name_a_key_that_is_not_its_own(
    somebody_elses: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, foreign = somebody_elses, tmp_path / "foreign.key"
    foreign.write_text("kr_live_foreign")
    assert found_with(home, home.admin_key_file) is not None
    assert found_with(home, foreign) is None
    home.admin_key_file.unlink()
    assert found_with(home, home.admin_key_file) is None  # there is none
    home.admin_key_file.symlink_to(foreign)
    assert found_with(home, home.admin_key_file) is None
    monkeypatch.undo()
    assert found_with(home, foreign) is not None  # the user's own home


def test_another_users_key_is_still_theirs_when_it_is_read(somebody_elses: Home, tmp_path: Path) -> None:
    found = found_with(somebody_elses, somebody_elses.admin_key_file)
    assert found is not None
    assert found.read_key() == "kr_live_own"
    somebody_elses.admin_key_file.unlink()
    somebody_elses.admin_key_file.symlink_to("/dev/null")  # after `find` has looked; not a file of the home's owner
    with pytest.raises(PermissionError, match="not a file of the user whose home it is in"):
        found.read_key()
    somebody_elses.admin_key_file.unlink()
    os.mkfifo(somebody_elses.admin_key_file)
    with pytest.raises(PermissionError):
        found.read_key()


@pytest.mark.parametrize(
    "database_url",
    [
        "postgresql://postgres@127.0.0.1:29917/kronos",  # libpq would look for a password among the reader's
        "postgresql://postgres:@127.0.0.1:29917/kronos",
        "postgresql://postgres:p@192.0.2.1:29917/kronos",
        "postgresql://postgres:p@127.0.0.1:29917,192.0.2.1:5432/kronos",
        "postgresql://postgres:p@127.0.0.1:29917/kronos?hostaddr=192.0.2.1",
        "postgresql://postgres:p@127.0.0.1:29917/kronos?passfile=/home/ada/.pgpass",
        "postgresql://postgres:p@127.0.0.1:29917/kronos?sslkey=/home/ada/key.pem",
        "postgresql:///kronos?service=production",
        "host=production.example.com hostaddr=192.0.2.1 user=ada",
        "postgresql:///k",
    ],
)
def test_another_users_home_cannot_name_a_database_that_is_not_its_own(somebody_elses: Home, database_url: str) -> None:
    assert found_with(somebody_elses, somebody_elses.admin_key_file, database_url) is None


@pytest.mark.parametrize("text", ["", "[]", "{", '{"url": "x"}', json.dumps(RUN | {"pid": "x"}), "[" * 100_000, "\xff"])
def test_whatever_a_file_of_a_home_holds_it_is_no_instance(tmp_path: Path, text: str) -> None:
    home = Home(tmp_path)
    home.run_json.write_bytes(text.encode("latin-1"))
    assert running.find(home) is None
    home.run_json.write_text(json.dumps(RUN | {"pid": os.getpid()}))
    with HomeLock(home, RUN["url"]):
        home.lock.write_bytes(text.encode("latin-1"))
        assert running.find(home) is None


def settings(text: str) -> dict[str, str]:
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {name: value[1:-1] for name, _, value in (line.partition(" = ") for line in lines)}


def listening(**known: Any) -> ListenAddress:
    usual: dict[str, Any] = {
        "address": "127.0.0.1",
        "port": 5555,
        "socket_dir": Path("/h/socket"),
        "clients": "samehost",
    }
    return ListenAddress(**usual | known)


def test_the_servers_settings_are_durable_and_let_pg_cron_run() -> None:
    found = settings(configuration.kronos_conf(NEW, listening(), durable=True, is_held=False))
    assert found.items() >= {
        "listen_addresses": "127.0.0.1", "port": "5555", "unix_socket_directories": "/h/socket",
        "unix_socket_permissions": "0700", "password_encryption": "scram-sha-256", "max_connections": "200",
        "timezone": "UTC", "shared_preload_libraries": "pg_cron", "cron.database_name": "kronos",
        "cron.use_background_workers": "on", "cron.timezone": "GMT", "jit": "off",
    }.items()  # fmt: skip
    assert int(found["max_worker_processes"]) > int(found["cron.max_running_jobs"])
    assert not {"fsync", "full_page_writes", "synchronous_commit", "kronos.hold", "cron.host"} & found.keys()


def test_before_pg_cron_1_5_alarms_come_through_the_socket() -> None:
    found = settings(configuration.kronos_conf(OLD, listening(), durable=True, is_held=False))
    assert found["cron.host"] == "/h/socket"
    assert not {"cron.use_background_workers", "cron.timezone"} & found.keys()
    lines = configuration.pg_hba_conf(OLD, listening()).splitlines()
    assert lines[1:] == [
        "local kronos kronos_cron trust",
        "local all all scram-sha-256",
        "host all all samehost scram-sha-256",
        "host replication postgres samehost scram-sha-256",
    ]
    assert "trust" not in configuration.pg_hba_conf(NEW, listening())


def test_what_is_not_durable_or_held_is_said_in_the_settings() -> None:
    found = settings(configuration.kronos_conf(NEW, listening(), durable=False, is_held=True))
    assert (found["fsync"], found["full_page_writes"], found["kronos.hold"]) == ("off", "off", "on")
    assert "synchronous_commit" not in found  # what was committed survives a kill -9 of the server
    odd = configuration.kronos_conf(NEW, listening(socket_dir=Path("/it's\\here")), durable=True, is_held=False)
    assert r"unix_socket_directories = '/it''s\\here'" in odd.splitlines()


def test_the_first_statements_leave_a_database_that_pg_cron_finds() -> None:
    assert configuration.first_statements("s3cret").splitlines() == [
        "alter role postgres password 's3cret'",
        "create database kronos",
        "alter database kronos set timezone to 'UTC'",
    ]


def test_the_settings_are_private_files_of_the_data(tmp_path: Path) -> None:
    files = configuration.write(NEW, tmp_path, listening(), durable=True)
    assert sorted(each.name for each in files) == ["kronos.conf", "pg_hba.conf"]
    assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}
    assert (tmp_path / "pg_hba.conf").read_text() == configuration.pg_hba_conf(NEW, listening())


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080"), ("0.0.0.0", "http://127.0.0.1:8080"), ("::", "http://[::1]:8080"),
        ("fd00::1", "http://[fd00::1]:8080"), ("localhost", "http://localhost:8080"),
    ],
)  # fmt: skip
def test_an_api_that_listens_everywhere_is_reached_from_here(host: str, url: str) -> None:
    assert network.url(host, 8080) == url


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/h/log"), "No space left on device: /h/log"),
        (OSError(errno.ENOSPC, "No space left on device", b"/h/log"), "No space left on device: /h/log"),
        (OSError(errno.EMFILE, "Too many open files"), "Too many open files"),
        (OSError(errno.EBADF, "Bad file descriptor", 7), "Bad file descriptor"),
        (OSError("odd"), "odd"),
        (ClusterFailed("it failed"), "it failed"),
        (ValueError(), "ValueError"),
    ],
)
def test_what_went_wrong_is_told_with_its_file_and_without_numbers(error: Exception, text: str) -> None:
    assert explained(error) == text


@pytest.mark.parametrize(
    ("pg_cron", "has", "text"),
    [((1, 4), False, "1.4"), ((1, 5), True, "1.5"), ((1, 10), True, "1.10"), ((2, 0), True, "2.0")],
)
def test_an_installation_says_what_it_is(pg_cron: tuple[int, int], has: bool, text: str) -> None:
    found = Installation(bin_dir=Path("/bin"), major=16, pg_cron=pg_cron)
    assert (found.has_background_workers, str(found)) == (has, f"PostgreSQL 16 with pg_cron {text}")


def test_a_server_that_ends_during_the_start_is_explained_by_its_log(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.create()
    cluster = Cluster(tmp_path)
    home.log.mkdir(exist_ok=True)
    (home.log / "postgres.log").write_text('PANIC:  could not write to file "pg_wal/x": No space left on device\n')
    lost, unconnected = MigrationFailed("lost"), Unconnected(Unreachable(kind="not_now", outside="o", inside="i"))
    lost.__cause__ = psycopg.OperationalError("server closed the connection unexpectedly")
    for error in (lost, unconnected):
        explanation = cluster.explained(error)
        assert isinstance(explanation, ClusterFailed)
        assert 'PANIC:  could not write to file "pg_wal/x": No space left on device' in str(explanation)
    refused = MigrationFailed("refused")
    refused.__cause__ = psycopg.errors.InsufficientPrivilege("no")
    assert cluster.explained(refused) is refused
