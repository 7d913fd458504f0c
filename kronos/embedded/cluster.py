"""A PostgreSQL cluster with pg_cron, in one directory, as a child process of the caller."""

import errno
import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict, field, replace
from pathlib import Path
from urllib.parse import quote

import psycopg

from kronos import database_errors, instance_settings, libpq
from kronos.embedded import configuration, initdb, installation, logfiles, placement, ports, processes
from kronos.embedded.errors import ClusterFailed
from kronos.embedded.home import Home, write_private
from kronos.errors import KronosError, Unconnected
from kronos.records import dataclass
from kronos.session import Role

_POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What a home's cluster.json records about its cluster."""

    port: int
    superuser_password: str
    api_password: str = field(default_factory=lambda: secrets.token_hex(24))
    worker_password: str = field(default_factory=lambda: secrets.token_hex(24))


class Cluster:
    """The embedded cluster of `home`. Only one process may use it at a time: `kronos up` holds the home's lock.

    Start it from the main thread: the server is stopped (fast) when the thread that started it ends. `durable=False` is
    for tests: a crash of the machine may then destroy the data, but a crash of PostgreSQL does not. `is_held`: nothing
    is fired or delivered from its database (kronos.is_held). `note` receives messages for the user at the terminal, a
    line each. `environment` is added to the server's own.
    """

    def __init__(
        self,
        home: Path,
        *,
        durable: bool = True,
        is_held: bool = False,
        note: Callable[[str], None] = lambda line: None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Changes nothing yet. Raises PostgresMissing if root has no user to run PostgreSQL as."""
        self._home = Home(home.absolute())
        self._durable = durable
        self._is_held = is_held
        self._note = note
        self._environment = initdb.environment() | dict(environment or {})
        self._user = processes.postgres_user()
        self._process: subprocess.Popen[bytes] | None = None
        self._place = Path()
        self._log_offset = 0
        self._installation: installation.Installation | None = None
        self._known: _Known | None = None

    @property
    def installation(self) -> installation.Installation:
        """The server that runs this cluster; known once it was started."""
        if self._installation is None:
            raise ClusterFailed("the cluster was not started")
        return self._installation

    @property
    def data(self) -> Path:
        """The data directory."""
        return self._place / "data"

    @property
    def port(self) -> int:
        """The TCP port on 127.0.0.1; the same at each start, unless another process has taken it meanwhile."""
        if self._known is None:
            raise ClusterFailed("the cluster was not started")
        return self._known.port

    @property
    def superuser_url(self) -> str:
        """The URL of database kronos as the cluster's superuser, over loopback."""
        return self.url()

    @property
    def pid(self) -> int | None:
        """The postmaster's process ID; None while none is running."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def url(self, database: str = configuration.DATABASE) -> str:
        """Return the URL of `database` as the cluster's superuser, over loopback."""
        return self._url(configuration.SUPERUSER, self._password, database)

    def url_as(self, role: Role) -> str:
        """Return the URL of database kronos as `role` and no other role, once `make_logins` has run."""
        return self._url(role, self._logins[role], configuration.DATABASE)

    def make_logins(self) -> None:
        """Give API and workers their logins, with the passwords that this home stores. Call it after a migration, which
        creates the roles."""
        instance_settings.set_passwords(self.superuser_url, self._logins)

    @property
    def _logins(self) -> dict[Role, str]:
        if self._known is None:
            raise ClusterFailed("the cluster was not started")
        return {"kronos_api": self._known.api_password, "kronos_worker": self._known.worker_password}

    def _url(self, user: str, password: str, database: str) -> str:
        return f"postgresql://{user}:{quote(password, safe='')}@127.0.0.1:{self.port}/{quote(database, safe='')}"

    def start(self, *, seconds: float = 300, give_up: Callable[[], bool] = lambda: False) -> None:
        """Start the server, and return once it accepts connections; create the cluster the first time.

        Ends processes that a killed predecessor left running in this cluster. Returns early, with the server still
        starting, once `give_up()` is true. Crash recovery counts towards `seconds`. Raises PostgresMissing,
        ClusterFailed.
        """
        if self.pid is not None:
            return
        libpq.forget_environment()  # a shell's PGHOSTADDR or PGSSLMODE is meant for another server
        self._prepare()
        for attempt in range(3):
            self._launch()
            if self._becomes_ready(seconds, give_up):
                return
            if attempt == 2 or not self._was_port_taken():
                break
            self._move_to_another_port()  # another process took it between the check and the start
        raise ClusterFailed(f"PostgreSQL did not start:\n{self._end_of_log()}")

    def stop(self, *, seconds: float = 30) -> None:
        """Stop the server (fast: sessions end, all data is written), or harder if that exceeds `seconds`."""
        if self._process is None:
            return
        for step, patience in ((signal.SIGINT, seconds), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0)):
            if self._process.poll() is not None:
                break
            self._process.send_signal(step)
            try:
                self._process.wait(patience)
            except subprocess.TimeoutExpired:
                self._note(f"PostgreSQL is still running {patience:.0f} s after {step.name}")
        self._end_leftovers()
        self._process = None

    def restart(self) -> None:
        """Stop and start. Raises ClusterFailed."""
        self.stop()
        self.start()

    def destroy(self) -> None:
        """Stop the server and delete the cluster's files, wherever they are."""
        self.stop(seconds=5)
        if self._place != Path():
            shutil.rmtree(self._socket_dir(), ignore_errors=True)
        placement.remove(self._home)
        self._home.cluster_json.unlink(missing_ok=True)

    def _prepare(self) -> None:
        """Prepare the start: files, leftover processes, port, settings."""
        self._home.create()
        if not self._home.postgres.exists():
            self._end_leftovers(placement.earlier_place(self._home) / "data")
        self._place = placement.place(self._home, self._user, self._note)
        self._end_leftovers()
        for stale in self._socket_dir().iterdir():
            # The lock file next to a socket names a process. While that is a zombie, possibly forever in a container
            # without an init, PostgreSQL takes it to be alive.
            stale.unlink()
        self._installation = installation.of_data(self.data)
        self._known = self._recall()
        if not self.data.exists():
            initdb.initialise(
                self._installation, self.data, user=self._user, password=self._password, durable=self._durable
            )
        if not ports.is_free(self.port):
            self._move_to_another_port()
        self._write_settings()

    def _recall(self) -> _Known:
        """Return port and password of this cluster, chosen the first time and given to it by initdb."""
        path = self._home.cluster_json
        if path.is_file():
            try:
                known = _Known(**json.loads(path.read_text()))
            except (ValueError, TypeError) as error:
                raise ClusterFailed(
                    f"{path} is not in the form that `kronos up` wrote ({error}): restore it from a backup"
                ) from error
            return self._remember(known)  # adds passwords that an earlier release did not store
        if self.data.exists():
            raise ClusterFailed(f"{path} is missing: it holds the password of the cluster in {self.data}")
        return self._remember(_Known(port=ports.free_port(), superuser_password=secrets.token_hex(24)))

    def _remember(self, known: _Known) -> _Known:
        write_private(self._home.cluster_json, json.dumps(asdict(known)) + "\n")
        return known

    def _move_to_another_port(self) -> None:
        """Choose another port. Before pg_cron 1.5 entries keep the old port until the reaper has corrected them."""
        taken = self.port
        if self._known is None:
            raise ClusterFailed("the cluster was not started")
        self._known = self._remember(replace(self._known, port=ports.free_port()))
        self._note(f"port {taken} is in use by another process: PostgreSQL moves to {self.port}")
        self._write_settings()

    def _was_port_taken(self) -> bool:
        """Return whether the start failed because of its port. The process that had it may have released it meanwhile,
        so PostgreSQL's message counts too."""
        if not ports.is_free(self.port):
            return True
        try:
            with self._log_file.open("rb") as log:
                log.seek(self._log_offset)
                return os.strerror(errno.EADDRINUSE).encode() in log.read()
        except OSError:
            return False

    @property
    def _password(self) -> str:
        if self._known is None:
            raise ClusterFailed("the cluster was not started")
        return self._known.superuser_password

    def _write_settings(self) -> None:
        listener = configuration.ListenAddress(
            address="127.0.0.1", port=self.port, socket_dir=self._socket_dir(), clients="127.0.0.1/32"
        )
        for path in configuration.write(
            self.installation, self.data, listener, durable=self._durable, is_held=self._is_held
        ):
            self._user.own(path)

    def _socket_dir(self) -> Path:
        return placement.socket_dir(self._place, self._user)

    def _launch(self) -> None:
        """Start the postmaster as a child that is stopped (fast) when its parent dies."""
        changed = self._user.popen_arguments()
        log = logfiles.open_or_none(self._log_file, self._note)
        self._log_offset = os.fstat(log.fileno()).st_size if log is not None else 0
        with log or nullcontext():
            self._process = subprocess.Popen(  # noqa: S603 - the server that `installation` found
                [self.installation.bin_dir / "postgres", "-D", self.data],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=self._environment,
                user=changed.user,
                group=changed.group,
                extra_groups=changed.extra_groups,
                # Ctrl-C at the terminal is for the caller, which then stops the server.
                start_new_session=True,
                preexec_fn=processes.die_with_parent(signal.SIGINT),
            )

    def _becomes_ready(self, seconds: float, give_up: Callable[[], bool]) -> bool:
        """Return whether the server accepts connections, by line 8 of postmaster.pid, which pg_ctl reads too."""
        process, status_file = self._process, self.data / "postmaster.pid"
        deadline = time.monotonic() + seconds
        while process is not None and process.poll() is None and not give_up():
            lines = status_file.read_text().splitlines() if status_file.exists() else []
            if len(lines) >= 8 and lines[0] == str(process.pid) and lines[7].strip() == "ready":
                return True
            if time.monotonic() > deadline:
                raise ClusterFailed(f"PostgreSQL is not ready after {seconds:.0f} s:\n{self._end_of_log()}")
            time.sleep(_POLL_SECONDS)  # the postmaster only writes its state to a file
        return give_up()

    def _end_leftovers(self, data: Path | None = None) -> None:
        """End every process of this cluster that an earlier run left, and remove its postmaster.pid.

        A killed `kronos up` can leave a postmaster that is shutting down. A killed postmaster of pg_cron with
        background workers leaves a launcher that spins for up to 10 s per pending entry. It holds the shared memory, so
        that the next start fails. Other clusters are recognized by their data directory and not touched.
        """
        data = data or self.data
        left = processes.postgres_processes(data)
        if left and self.pid is None and self._process is None:
            self._note(f"ending {len(left)} process(es) of an earlier run of this cluster")
        # An orphan without its postmaster usually exits by itself; SIGINT stops a whole postmaster fast.
        steps = [(signal.SIGINT, 20.0)] if _postmaster_of(data) in left else []
        steps += [(signal.SIGTERM, 3.0), (signal.SIGKILL, 10.0)]
        left = processes.end_postgres(data, steps) if left else []
        if left:
            raise ClusterFailed(f"processes {left} of the cluster in {data} cannot be ended")
        (data / "postmaster.pid").unlink(missing_ok=True)

    @property
    def _log_file(self) -> Path:
        return self._home.log / "postgres.log"

    def explained(self, error: KronosError) -> Exception:
        """Return the error itself, or, if the server ended the connection or accepts none, the end of the server's log:
        only there is the reason, such as a full disk."""
        cause = error.__cause__
        is_lost = isinstance(cause, psycopg.Error) and database_errors.is_lost(cause)
        if not (is_lost or isinstance(error, Unconnected)):
            return error
        return ClusterFailed(f"PostgreSQL ended the connection during the start:\n{self._end_of_log()}")

    def _end_of_log(self) -> str:
        return f"{logfiles.end_of(self._log_file)}\n(all of it: {self._log_file})"


def _postmaster_of(data: Path) -> int:
    """Return the process ID in postmaster.pid; 0 without one."""
    try:
        return int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return 0
