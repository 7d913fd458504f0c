"""The PostgreSQL servers that tests run against: the embedded cluster on the system's packages, or the project's image."""

from pathlib import Path
from typing import Protocol

import psycopg
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.image import DockerImage
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from kronos.embedded.cluster import Cluster

_PASSWORD = "test-only"


class Server(Protocol):
    """A PostgreSQL with pg_cron whose cron.database_name is the URL's database."""

    superuser_url: str

    def start(self) -> None: ...

    def wake_launcher(self) -> None:
        """Bring pg_cron's launcher back after it was terminated."""

    def destroy(self) -> None: ...


class EmbeddedServer:
    """The newest PostgreSQL with pg_cron on this machine, as `kronos up` runs it, without fsync."""

    def __init__(self, home: Path) -> None:
        self._cluster = Cluster(home, durable=False)
        self.superuser_url = ""

    def start(self) -> None:
        self._cluster.start()
        self.superuser_url = self._cluster.superuser_url

    def wake_launcher(self) -> None:
        with psycopg.connect(self.superuser_url) as connection:
            ((version,),) = connection.execute("select extversion from pg_extension where extname = 'pg_cron'").fetchall()
        if tuple(map(int, version.split("-")[0].split("."))) < (1, 6):
            self._cluster.restart()  # terminated, its launcher stays away until the server starts again

    def destroy(self) -> None:
        self._cluster.destroy()


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
        container.with_exposed_ports(5432).waiting_for(LogMessageWaitStrategy("database system is ready to accept connections"))
        self._container = container.start()
        host, port = container.get_container_host_ip(), container.get_exposed_port(5432)
        self.superuser_url = f"postgresql://postgres:{_PASSWORD}@{host}:{port}/kronos"

    def wake_launcher(self) -> None:
        """It comes back within a second by itself."""

    def destroy(self) -> None:
        if self._container is not None:
            self._container.stop()
