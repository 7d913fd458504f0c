"""The PostgreSQL servers that tests run against: the embedded cluster on the system's packages, or the project's
image."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Protocol

import psycopg
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.image import DockerImage
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from kronos.embedded.cluster import Cluster

_PASSWORD = "test-only"
# A database for each test is a thousand files copied and removed: 70 ms of CPU on a disk's file system, 17 in memory.
_MEMORY, _ROOM = Path("/dev/shm"), 1 << 30
_OURS = "kronos-tests-"


class Server(Protocol):
    """A PostgreSQL with pg_cron whose cron.database_name is the URL's database."""

    superuser_url: str

    def start(self) -> None: ...

    def wake_launcher(self) -> None:
        """Bring pg_cron's launcher back after it was terminated."""

    def destroy(self) -> None: ...


class EmbeddedServer:
    """The newest PostgreSQL with pg_cron on this machine, as `kronos up` runs it, without fsync; in memory where there
    is room."""

    def __init__(self, home: Path) -> None:
        self._home = _in_memory() or home
        self._cluster = Cluster(self._home, durable=False)
        self.superuser_url = ""

    def start(self) -> None:
        self._cluster.start()
        self.superuser_url = self._cluster.superuser_url
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            connection.execute("alter system set max_wal_size = '256MB'")
            connection.execute("select pg_reload_conf()")

    def wake_launcher(self) -> None:
        with psycopg.connect(self.superuser_url) as connection:
            ((version,),) = connection.execute(
                "select extversion from pg_extension where extname = 'pg_cron'"
            ).fetchall()
        if tuple(map(int, version.split("-")[0].split("."))) < (1, 6):
            self._cluster.restart()  # terminated, its launcher stays away until the server starts again

    def destroy(self) -> None:
        self._cluster.destroy()
        shutil.rmtree(self._home)


def _in_memory() -> Path | None:
    """A new folder on a tmpfs; None where there is none, or not room for as many servers as run at once."""
    if not _MEMORY.is_dir():
        return None
    for left in _MEMORY.glob(f"{_OURS}*"):  # a session that was killed removes nothing
        if not Path(f"/proc/{left.name.split('-')[2]}").exists():
            shutil.rmtree(left, ignore_errors=True)
    needed = _ROOM * int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    available = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())["MemAvailable"]
    if min(shutil.disk_usage(_MEMORY).free, int(available.split()[0]) * 1024) < needed:
        return None
    made = Path(tempfile.mkdtemp(prefix=f"{_OURS}{os.getpid()}-", dir=_MEMORY))
    made.chmod(0o711)  # PostgreSQL's own user passes through
    return made


class ContainerServer:
    """PostgreSQL 17 with pg_cron 1.6 in the project's own image."""

    def __init__(self, root: Path) -> None:
        self._image = DockerImage(path=str(root), tag="kronos:test", clean_up=False)
        self._container: DockerContainer | None = None
        self.superuser_url = ""

    def start(self) -> None:
        # Its own reaper is an image of a registry that need not be reachable; `destroy` removes what is started here.
        testcontainers_config.ryuk_disabled = True
        self._image.build()
        container = DockerContainer(str(self._image)).with_command("database").with_env("KRONOS_DB_PASSWORD", _PASSWORD)
        container.with_exposed_ports(5432).waiting_for(
            LogMessageWaitStrategy("database system is ready to accept connections")
        )
        self._container = container.start()
        host, port = container.get_container_host_ip(), container.get_exposed_port(5432)
        self.superuser_url = f"postgresql://postgres:{_PASSWORD}@{host}:{port}/kronos"

    def wake_launcher(self) -> None:
        """It comes back within a second by itself."""

    def destroy(self) -> None:
        if self._container is not None:
            self._container.stop()
