"""Citus servers for a benchmark, from an installation of PostgreSQL with Citus (docs/scaling.md)."""

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench import common
from kronos.embedded import initdb, ports, processes

_PASSWORD = "history-of-the-benchmark"  # for servers on loopback that end with the benchmark
_SETTINGS = """
listen_addresses = '127.0.0.1'
shared_preload_libraries = 'citus'
max_connections = 100
max_prepared_transactions = 100
shared_buffers = 64MB
wal_level = logical
citus.local_hostname = '127.0.0.1'
"""
_HBA = "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"


@dataclass(slots=True)
class Node:
    """One server."""

    bin_dir: Path
    data: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start the server, and wait until it responds."""
        changed = processes.postgres_user().popen_arguments()
        with (self.data.parent / f"{self.data.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.bin_dir / "postgres", "-D", self.data, "-p", str(self.port)],
                stdout=log,
                stderr=log,
                cwd="/",
                env=initdb.environment() | {"PGPASSFILE": str(self.data.parent / "passwords")},
                user=changed.user,
                group=changed.group,
                extra_groups=changed.extra_groups,
                preexec_fn=processes.die_with_parent(signal.SIGINT),
            )
        common.wait_until(self._answers, f"the server of {self.data} does not answer")

    def _answers(self) -> bool:
        try:
            self.connect("postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def kill(self) -> None:
        """Kill the server immediately, like a machine that loses power."""
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(30)
            self.process = None

    def connect(self, database: str) -> "psycopg.Connection[tuple[object, ...]]":
        """Connect as the superuser."""
        return psycopg.connect(
            f"postgresql://postgres@127.0.0.1:{self.port}/{database}", autocommit=True, connect_timeout=5
        )


class Nodes:
    """A coordinator, which also holds shards, and other nodes. Database h<n> uses the first n nodes."""

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes

    def url(self, number: int) -> str:
        """Return the URL of the history database on this many nodes."""
        return f"postgresql://history:{_PASSWORD}@127.0.0.1:{self.nodes[0].port}/h{number}"

    def make(self, number: int) -> None:
        """Create the empty database on this many nodes."""
        for node in self.nodes[:number]:
            with node.connect("postgres") as admin:
                admin.execute(f"create database h{number}".encode())
            with node.connect(f"h{number}") as admin:
                admin.execute("create extension citus")
                admin.execute(f"grant create on database h{number} to history".encode())
        with self.nodes[0].connect(f"h{number}") as admin:
            admin.execute("select citus_set_coordinator_host('127.0.0.1', %s)", [self.nodes[0].port])
            for node in self.nodes[1:number]:
                admin.execute("select citus_add_node('127.0.0.1', %s)", [node.port])
            admin.execute(
                "select citus_set_node_property('127.0.0.1', %s, 'shouldhaveshards', true)", [self.nodes[0].port]
            )


@contextmanager
def nodes(bin_dir: Path, count: int) -> Iterator[Nodes]:
    """Provide this many servers until the block ends."""
    user = processes.postgres_user()
    place = Path(tempfile.mkdtemp(prefix="kronos-citus-"))
    user.own(place)
    passwords = place / "passwords"
    passwords.write_text(f"*:*:*:history:{_PASSWORD}\n")
    passwords.chmod(0o600)
    user.own(passwords)
    changed = user.popen_arguments()
    made = [Node(bin_dir, place / f"node{nth}", ports.free_port()) for nth in range(count)]
    try:
        for node in made:
            subprocess.run(
                [bin_dir / "initdb", "-D", node.data, "-U", "postgres", "--auth", "trust", "--no-sync", "-E", "UTF8",
                 "--locale", "C.UTF-8"],
                check=True, capture_output=True, cwd="/", env=initdb.environment(), user=changed.user,
                group=changed.group, extra_groups=changed.extra_groups,
            )  # fmt: skip
            with (node.data / "postgresql.conf").open("a") as conf:
                conf.write(_SETTINGS + f"unix_socket_directories = '{place}'\n")
            (node.data / "pg_hba.conf").write_text(_HBA)
            node.start()
            with node.connect("postgres") as admin:
                admin.execute(f"create role history login password '{_PASSWORD}'".encode())
        yield Nodes(made)
    finally:
        for node in made:
            node.kill()
        shutil.rmtree(place)
