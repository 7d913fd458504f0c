"""The container image's `database`: PostgreSQL with pg_cron as the container's only process, reached over its network.

`python -m kronos.embedded.container DIRECTORY`; the superuser's password is in KRONOS_DB_PASSWORD.
"""

import os
import sys
from pathlib import Path

from kronos.embedded import configuration, initdb, installation, processes
from kronos.embedded.errors import EmbeddedError


def main() -> None:
    """Create the cluster the first time, then become the server. The password is set only then."""
    password = os.environ.pop("KRONOS_DB_PASSWORD", "")
    if not password:
        sys.exit("KRONOS_DB_PASSWORD is not set: it becomes the password of PostgreSQL's superuser")
    try:
        _serve(Path(sys.argv[1]), password)
    except EmbeddedError as error:
        sys.exit(str(error))


def _serve(place: Path, password: str) -> None:
    user = processes.postgres_user()
    place.mkdir(parents=True, exist_ok=True)
    user.own(place)
    place.chmod(0o700)
    if user.drops:
        os.setgroups([])
        os.setgid(user.gid)
        os.setuid(user.uid)
        user = processes.postgres_user()
    data = place / "data"
    found = installation.of_data(data)
    if not data.exists():
        initdb.initialise(found, data, user=user, password=password)
    sockets = place / "socket"
    sockets.mkdir(mode=0o700, exist_ok=True)
    configuration.write(
        found,
        data,
        configuration.ListenAddress(address="*", port=5432, socket_dir=sockets, clients="all"),
        durable=True,
    )
    os.chdir("/")
    program = found.bin_dir / "postgres"
    os.execve(program, [str(program), "-D", str(data)], initdb.environment())  # noqa: S606 - it becomes the container


if __name__ == "__main__":
    main()
