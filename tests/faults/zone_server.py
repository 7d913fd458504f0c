"""A PostgreSQL with its own time zone files, which a test can replace. It runs in a mount namespace, because it reads
the system's folder."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kronos import migrations
from kronos.embedded.cluster import Cluster

SYSTEM_ZONES = Path("/usr/share/zoneinfo")


class ZoneServer:
    """`url` is the superuser's."""

    def __init__(self, url: str, zones: Path) -> None:
        self.url = url
        self._zones = zones

    def replace(self, zone: str, *, by: str) -> None:
        """Replace the zone's file by one with the rules of zone `by`, as an update of the package does."""
        fresh = self._zones / f"{zone}.new"
        shutil.copyfile(self._zones / by, fresh)
        fresh.rename(self._zones / zone)


@contextmanager
def zone_server(home: Path) -> Iterator[ZoneServer]:
    """A migrated server; skips if no mount namespace can be created."""
    import servers  # here: the serving process starts in this file, and can import no other of tests

    _require_namespaces()
    zones = home / "zoneinfo"
    shutil.copytree(SYSTEM_ZONES, zones, symlinks=True)
    os.chmod(home, 0o755)
    place = servers.in_memory() or Path(tempfile.mkdtemp(prefix="kronos-zones-"))
    place.chmod(0o711)
    servers.copy_home(servers.used_home(), place)
    mount = 'mount --bind "$1" "$2" && exec "$3" "$4" "$5"'
    process = subprocess.Popen(
        [
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            mount,
            "sh",
            zones,
            SYSTEM_ZONES,
            sys.executable,
            __file__,
            place,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        ready = process.stdout.readline()
        assert ready, "the server did not start"
        yield ZoneServer(json.loads(ready)["url"], zones)
    finally:
        process.stdin.close()
        process.wait(60)
        process.stdout.close()
        shutil.rmtree(place, ignore_errors=True)


def _require_namespaces() -> None:
    if shutil.which("unshare") is None or os.geteuid() != 0:
        pytest.skip("time zone files can only be replaced for one server by root, with unshare (util-linux)")
    made = subprocess.run(["unshare", "--mount", "true"], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        pytest.skip(f"no mount namespace can be made here: {made.stderr.strip()}")


def _serve(home: Path) -> None:
    cluster = Cluster(home, durable=False)
    cluster.start()
    try:
        migrations.migrate(cluster.superuser_url)
        sys.stdout.write(json.dumps({"url": cluster.superuser_url}) + "\n")
        sys.stdout.flush()
        sys.stdin.read()
    finally:
        cluster.destroy()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
