"""The PostgreSQL server of the project's own image, for `--containers`. A separate module, because importing Docker's
client costs each pytest process 0.1 s.
"""

from pathlib import Path

from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.image import DockerImage
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

import template_database
from servers import Databases

_PASSWORD = "test-only"


class ContainerServer:
    """PostgreSQL 17 with pg_cron 1.6 in the project's own image."""

    def __init__(self, root: Path) -> None:
        self._image = DockerImage(path=str(root), tag="kronos-database:test", clean_up=False, target="database")
        self._container: DockerContainer | None = None
        self.superuser_url = ""
        self.databases = Databases(self.superuser_url)

    def start(self) -> None:
        # testcontainers' own reaper is an image from a registry that may be unreachable. `destroy` removes what is
        # started here.
        testcontainers_config.ryuk_disabled = True
        self._image.build()
        container = DockerContainer(str(self._image)).with_env("KRONOS_DB_PASSWORD", _PASSWORD)
        container.with_exposed_ports(5432).waiting_for(
            LogMessageWaitStrategy("database system is ready to accept connections")
        )
        self._container = container.start()
        host, port = container.get_container_host_ip(), container.get_exposed_port(5432)
        self.superuser_url = f"postgresql://postgres:{_PASSWORD}@{host}:{port}/kronos"
        self.databases = Databases(self.superuser_url)

    def have_template(self) -> None:
        template_database.make(self.superuser_url)
        template_database.touch(self.superuser_url)

    def destroy(self) -> None:
        self.databases.close()
        if self._container is not None:
            self._container.stop()
