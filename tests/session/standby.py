"""A standby of a test's own cluster, which is read-only until it is promoted."""

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from conftest import await_condition
from held_ports import held_port
from kronos import timelines
from kronos.embedded import processes
from kronos.embedded.cluster import Cluster


@contextmanager
def standby_of(cluster: Cluster, **settings: str) -> Iterator[str]:
    """The superuser's URL of a copy of the cluster's data that is in recovery. The cluster is restarted for it."""
    place, port, user = Path(tempfile.mkdtemp(prefix="kronos-standby-")), held_port(), processes.postgres_user()
    cluster.stop()
    try:
        subprocess.run(["cp", "-a", str(cluster.data), str(place / "data")], check=True)
    finally:
        cluster.start()
    (place / "data" / "postmaster.pid").unlink(missing_ok=True)
    (place / "data" / "standby.signal").touch()
    place.chmod(0o755)
    (place / "sockets").mkdir()
    for path in (place / "sockets", place / "data" / "standby.signal"):
        user.own(path)
    becomes = user.popen_arguments()
    options = {"port": str(port), "unix_socket_directories": str(place / "sockets"), **settings}
    log = (place / "log").open("w")
    process = subprocess.Popen(
        [
            cluster.installation.bin_dir / "postgres",
            "-D",
            place / "data",
            *(f"--{name}={text}" for name, text in options.items()),
        ],
        stdout=subprocess.DEVNULL,
        stderr=log,
        cwd="/",
        user=becomes.user,
        group=becomes.group,
        extra_groups=becomes.extra_groups,
        preexec_fn=processes.die_with_parent(signal.SIGQUIT),
    )
    url = make_conninfo(cluster.superuser_url, host="127.0.0.1", port=port)

    def answers() -> bool:
        assert process.poll() is None, (place / "log").read_text()
        try:
            psycopg.connect(url, connect_timeout=20).close()
        except psycopg.OperationalError as error:
            return "hot standby mode is disabled" in str(error).lower()
        return True

    try:
        await_condition(answers, "the standby", seconds=60)
        yield url
    finally:
        timelines.SEEN.forget()  # this process continues with the original cluster
        process.send_signal(signal.SIGQUIT)
        process.wait(60)
        log.close()
        shutil.rmtree(place)
