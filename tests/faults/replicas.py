"""A primary and its streaming replica on this machine, each with pg_cron. They can be killed, promoted and brought
back, as a replica or as a primary that does not know that it was replaced."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

import servers
from conftest import await_condition
from held_ports import held_port
from killing import kill
from kronos.embedded import configuration, initdb, installation, processes
from sql_factory import Connection, value


class Node:
    """One PostgreSQL of the pair. Both have the same port, on different addresses, like two machines."""

    def __init__(self, home: Path, address: str, port: int, password: str) -> None:
        self.address, self.port = address, port
        self._home, self._place = home, home / address
        self.data = self._place / "data"
        self._installation = installation.newest()
        self._user = processes.postgres_user()
        self._process: subprocess.Popen[bytes] | None = None
        self._login = f"postgres:{password}"
        self.url = f"postgresql://{self._login}@{address}:{port}/{configuration.DATABASE}"
        for path in (self._place, self._place / "sockets"):
            path.mkdir()
            self._user.own(path)

    def begin_as(self, used: Path) -> None:
        """Start as a copy of the cluster of a home that is not in use."""
        subprocess.run(["cp", "-a", used / "postgres" / "data", self.data], check=True)

    def url_with(self, other: "Node") -> str:
        """The URL of both."""
        hosts = f"{self.address}:{self.port},{other.address}:{other.port}"
        return f"postgresql://{self._login}@{hosts}/{configuration.DATABASE}"

    def copy_of(self, primary: "Node") -> None:
        """Replace the data here by a new replica of `primary`, made with pg_basebackup."""
        shutil.rmtree(self.data, ignore_errors=True)
        becomes = self._user.popen_arguments()
        options = ("-R", "-X", "stream", "--checkpoint=fast", "--no-sync")
        subprocess.run(
            [self._installation.bin_dir / "pg_basebackup", "-D", self.data, *options, "-d", primary.url],
            check=True,
            cwd="/",
            env=initdb.environment(),
            user=becomes.user,
            group=becomes.group,
            extra_groups=becomes.extra_groups,
        )

    def start(self, **settings: str) -> None:
        self._write(settings)
        becomes = self._user.popen_arguments()
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        with (self._place / "log").open("a") as log:
            self._process = subprocess.Popen(
                [self._installation.bin_dir / "postgres", "-D", self.data],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=initdb.environment(),
                user=becomes.user,
                group=becomes.group,
                extra_groups=becomes.extra_groups,
                preexec_fn=processes.die_with_parent(signal.SIGQUIT),
            )
        await_condition(self._answers, f"the PostgreSQL at {self.address}")

    def _write(self, settings: dict[str, str]) -> None:
        listener = configuration.ListenAddress(
            address=self.address, port=self.port, socket_dir=self._place / "sockets", clients="127.0.0.0/8"
        )
        written = configuration.write(self._installation, self.data, listener, durable=False)
        # pg_cron 1.4 stores the host in an entry: on two machines that is each one's own localhost.
        own = {"cron.host": str(self._home / "this-machine"), **settings}
        if self._installation.has_background_workers:
            del own["cron.host"]
        with (self.data / configuration.CONF_FILE).open("a") as file:
            file.writelines(f"{name} = '{text}'\n" for name, text in own.items())
        for path in written:
            self._user.own(path)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._place / "log").read_text()[-4000:]
        try:
            psycopg.connect(self.url, connect_timeout=20).close()
        except psycopg.OperationalError:
            return False
        return True

    def is_this_machine(self) -> None:
        """Make pg_cron's connections lead to this node."""
        draft = self._home / "this-machine.new"
        draft.symlink_to(self._place / "sockets")
        os.replace(draft, self._home / "this-machine")

    def kill(self) -> None:
        """As on a machine that loses power: all of its processes stop immediately."""
        if self._process is not None:
            kill(processes.postgres_processes(self.data))
            self._process.wait(60)
            await_condition(lambda: not processes.postgres_processes(self.data), "the end of all its processes")

    def promote(self) -> None:
        with self.connected() as connection:
            assert value(connection, "select pg_promote()")
        self.is_this_machine()

    def set_unheard(self) -> None:
        """Cut the replica off from its primary, as a broken network does."""
        self.set("primary_conninfo", "")
        with self.connected() as connection:
            receives = "select exists (select from pg_stat_wal_receiver)"
            await_condition(lambda: not value(connection, receives), "the end of the replication")

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            yield connection

    def set(self, name: str, text: str) -> None:
        """Change a setting, now and for later starts."""
        with self.connected() as connection:
            connection.execute(psycopg.sql.SQL("alter system set {} = {}").format(psycopg.sql.Identifier(name), text))
            connection.execute("select pg_reload_conf()")


@contextmanager
def pair() -> Iterator[tuple[Node, Node]]:
    """A running primary with a migrated database, and a node for its replica."""
    home = servers.in_memory() or Path(tempfile.mkdtemp(prefix="kronos-pair-"))
    home.chmod(0o755)
    port = held_port()
    used = servers.used_home()
    password: str = json.loads((used / "cluster.json").read_text())["superuser_password"]
    nodes = Node(home, "127.0.0.1", port, password), Node(home, "127.0.0.2", port, password)
    try:
        nodes[0].begin_as(used)
        nodes[0].is_this_machine()
        nodes[0].start()
        yield nodes
    finally:
        for node in nodes:
            node.kill()
        shutil.rmtree(home)


def url_of_both(nodes: tuple[Node, Node]) -> str:
    """Both in one URL, as in KRONOS_DATABASE_URL: the server that accepts writes is used."""
    return nodes[0].url_with(nodes[1])
