"""The PostgreSQL servers that tests run against: the embedded cluster with the system's packages, or the project's
image (container_server.py).
"""

import fcntl
import hashlib
import hmac
import json
import os
import shutil
import subprocess
import tempfile
from base64 import b64encode
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Protocol

import psycopg
from psycopg.conninfo import make_conninfo

import template_database
from held_ports import held_port
from jobs_view import KEEP_HOURLY_TICKS_AWAY
from kronos import migrations
from kronos.embedded.cluster import Cluster

# Each test's database is a thousand files that are copied and removed: 70 ms of CPU on disk, 17 ms in memory.
_MEMORY, _ROOM = Path("/dev/shm"), 640 << 20
_OURS = "kronos-tests-"


class Server(Protocol):
    """A PostgreSQL with pg_cron whose cron.database_name is the URL's database."""

    superuser_url: str
    databases: "Databases"
    """Available after start()."""

    def start(self) -> None: ...

    def have_template(self) -> None:
        """Have the database `template_database.NAME`."""

    def destroy(self) -> None: ...


class Databases:
    """Creates and drops databases of a server over one connection: a new connection each time would cost 8 ms of CPU.

    A database is dropped once the next one has been created. The server process of a client that has just left still
    exists for a moment, and PostgreSQL would wait 100 ms for it: at a thousand databases, half a minute for each pytest
    process.
    """

    def __init__(self, superuser_url: str) -> None:
        self._url = make_conninfo(superuser_url, dbname="postgres")
        self._connection: psycopg.Connection | None = None
        self._done_with: list[str] = []

    def copy(self, template: str, name: str) -> None:
        # Copying file by file takes a third of the CPU time of writing 12 MB through the log. It needs a checkpoint,
        # but no other session has dirty pages here.
        self._execute(f"create database {name} template {template} strategy file_copy")
        while self._done_with:
            self._execute(f"drop database {self._done_with.pop()} with (force)")

    def drop(self, name: str) -> None:
        self._done_with.append(name)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _execute(self, command: str) -> None:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._url, autocommit=True)
        self._connection.execute(command.encode())


class EmbeddedServer:
    """The newest PostgreSQL with pg_cron on this machine, as `kronos up` runs it, but without fsync, and in memory if
    there is room. It begins as a copy of a home with the template.
    """

    def __init__(self, home: Path) -> None:
        self._home = in_memory() or home
        copy_home(_made_once("with-template", _add_template), self._home)
        self._cluster = Cluster(self._home, durable=False)
        self.superuser_url = ""
        self.databases = Databases(self.superuser_url)

    def start(self) -> None:
        self._cluster.start()
        self.superuser_url = self._cluster.superuser_url
        self.databases = Databases(self.superuser_url)
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            connection.execute("alter system set max_wal_size = '256MB'")
            # An autovacuum run in a lent database costs a session, and the next test needs a new copy (tests/lent.py).
            connection.execute("alter system set autovacuum_naptime = '1h'")
            connection.execute("select pg_reload_conf()")

    def have_template(self) -> None:
        template_database.move(self.superuser_url)  # the home was made with it

    def destroy(self) -> None:
        self.databases.close()
        self._cluster.destroy()
        shutil.rmtree(self._home)


def _quick_verifier(password: str) -> str:
    """A password as PostgreSQL stores it, but hashed once instead of 4,096 times. That saves 3 of the 10 ms of CPU that
    a connection took.
    """
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations=1)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    encoded = [b64encode(each).decode() for each in (salt, stored_key, server_key)]
    return f"SCRAM-SHA-256$1:{encoded[0]}${encoded[1]}:{encoded[2]}"


def used_home() -> Path:
    """A home with a migrated, stopped cluster, read only and shared by all pytest processes. The first one to ask
    creates it, in 3 s of CPU that each copy saves; the first process removes it (`remove_homes`).
    """
    return _made_once("used", _use)


def _made_once(name: str, make: Callable[[Path], None]) -> Path:
    """A home that the first process to ask makes."""
    ours = folder_of_all()
    with (ours / f"lock-of-{name}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        home = ours / name
        if not home.exists():
            making = Path(tempfile.mkdtemp(dir=ours))
            making.chmod(0o711)
            make(making)
            making.rename(home)
    return home


def folder_of_all() -> Path:
    """A folder that all pytest processes share, until the first process removes it (`remove_homes`)."""
    ours = _place_of_all(_MEMORY if _has_room() else Path(tempfile.gettempdir()))
    ours.mkdir(mode=0o711, exist_ok=True)
    return ours


def remove_homes() -> None:
    for root in (_MEMORY, Path(tempfile.gettempdir())):
        shutil.rmtree(_place_of_all(root), ignore_errors=True)


def _place_of_all(root: Path) -> Path:
    first = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    return root / f"{_OURS}{first}-all"


def _add_template(home: Path) -> None:
    """Make it here once: in each process it took 0.7 s of CPU, most of it the restart that pg_cron needs."""
    copy_home(used_home(), home)
    cluster = Cluster(home, durable=False)
    cluster.start()
    template_database.make(cluster.superuser_url)
    cluster.stop()


def _use(home: Path) -> None:
    cluster = Cluster(home, durable=False)
    cluster.start()
    migrations.migrate(cluster.superuser_url)
    with psycopg.connect(cluster.superuser_url, autocommit=True) as connection:
        user, password = connection.info.user, connection.info.password
        connection.execute(f"alter role {user} password '{_quick_verifier(password)}'".encode())
        connection.execute(KEEP_HOURLY_TICKS_AWAY)
    cluster.stop()


def copy_home(used: Path, home: Path) -> None:
    """Copy the cluster and passwords of a home that is not in use, as docs/backup.md describes, and give it its own
    port.
    """
    home.mkdir(mode=0o711, exist_ok=True)
    subprocess.run(["cp", "-a", used / "postgres", home], check=True)
    told = json.loads((used / "cluster.json").read_text())
    (home / "cluster.json").write_text(json.dumps(told | {"port": held_port()}))
    (home / "cluster.json").chmod(0o600)


def in_memory() -> Path | None:
    """A new folder on a tmpfs; None if there is none, or no room for all servers that run at the same time."""
    if not _has_room():
        return None
    made = Path(tempfile.mkdtemp(prefix=f"{_OURS}{os.getpid()}-", dir=_MEMORY))
    made.chmod(0o711)  # PostgreSQL's own user must be able to traverse it
    return made


@cache
def _has_room() -> bool:
    """Whether there is room in memory; decided once per process."""
    if not _MEMORY.is_dir():
        return False
    for left in _MEMORY.glob(f"{_OURS}*"):  # left behind by sessions that were killed
        if not Path(f"/proc/{left.name.split('-')[2]}").exists():
            shutil.rmtree(left, ignore_errors=True)
    needed = _ROOM * int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    available = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())["MemAvailable"]
    return min(shutil.disk_usage(_MEMORY).free, int(available.split()[0]) * 1024) >= needed
