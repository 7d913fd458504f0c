"""`kronos up`: PostgreSQL, the API and the workers as children of one process that keeps them running.

They are started in this order and stopped in the opposite one. Each has its own log in the home. A child that ends is
restarted, immediately the first time, and after at most 10 s if it keeps ending; an API or worker that hangs is killed.
If this process is killed, its children end by themselves, PostgreSQL with a fast shutdown. The next start in the same
home ends what is still running.

Once it is ready, no failure of the system ends it (a full disk, too few descriptors, a missing directory): it reports
the failure and retries. Decision 0033.
"""

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from kronos import instance_settings, keys, listening, migrations
from kronos.config import Settings
from kronos.embedded import entries, keyfile, logfiles, network, ports, processes
from kronos.embedded.children import Child, Restarts
from kronos.embedded.cluster import Cluster
from kronos.embedded.errors import PASSING, EmbeddedError, explained
from kronos.embedded.freeze import Freeze, silent_seconds
from kronos.embedded.home import Home, HomeLock, write_private
from kronos.embedded.pulse import Witness
from kronos.embedded.signals import Wakeups
from kronos.encryption import KeySource
from kronos.errors import KronosError
from kronos.records import dataclass

_READY_WITHIN_SECONDS = 120.0
_PATIENT_SECONDS = 10.0
_HOPELESS_STARTS = 5
_IDLE_SECONDS = 1.0
_LOOK_AT_LOGS_SECONDS = 20.0
_SAY_AGAIN_SECONDS = 60.0
# More than a minute: the reaper rings within a minute once its own entry is correct.
_CORRECT_ENTRIES_SECONDS = 75.0
# How long a postmaster may be stopped, for inspection: meanwhile it accepts no connections and reaps no backends.
_STOPPED_SECONDS = 10.0
_NOT_BEGUN = network.ReadyAnswer(is_ready=False, answer="it does not serve yet")
# In addition to KRONOS_SHUTDOWN_SECONDS, which the children observe themselves.
_SHUTDOWN_MARGIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to run, and where."""

    home: Path
    # From the environment, as the children will read them; without the database's URL.
    settings: Settings
    workers: int = 1
    # Held: only the API works; no tick is accounted for and nothing is delivered.
    is_held: bool = False
    # Lost encryption keys: the secrets under them are given up.
    abandoned_keys: Sequence[str] = ()
    # Non-public networks that deliveries may reach, in addition to KRONOS_EGRESS_ALLOW.
    egress_allow: Sequence[str] = ()
    # Commands that are started once all is ready and speak to the terminal themselves: (name, command).
    companions: Sequence[tuple[str, Sequence[str]]] = ()


class Supervisor:
    """One run of `kronos up`."""

    def __init__(self, plan: Plan, *, announce: Callable[[str], None], note: Callable[[str], None]) -> None:
        """`announce` receives `ready URL`, `note` all other messages for the terminal's user. Neither may raise."""
        self._plan = plan
        self._announce = announce
        self._note = note
        self._home = Home(plan.home.absolute())
        self._settings = plan.settings
        self._cluster = Cluster(plan.home, note=note, is_held=plan.is_held)
        self._freeze = Freeze()
        self._witness = Witness()
        self._cluster_restarts = Restarts()
        named = KeySource.of(plan.settings)
        self._key_source = named if named.is_set else KeySource(file=self._home.encryption_key_file, command=None)
        self._stopped_seconds = 0.0
        self._logs_are_due_at = 0.0
        self._is_written = True  # whether run.json is up to date
        self._correct_entries_until = 0.0  # after a move to another port
        self._said_at: dict[str, float] = {}
        self._environment: dict[str, str] = {}
        self._cluster_port = 0  # the port that the children use
        self._url = ""
        self._api = self._child("api", "serve")
        self._workers = [
            self._child(f"worker-{n}", "worker") for n in range(1, 1 + (0 if plan.is_held else plan.workers))
        ]
        self._companions: list[Child] = []

    def run(self) -> None:
        """Run until a stop is requested. Raises EmbeddedError or OSError if it cannot start."""
        host = self._settings.host
        self._home.require_usable()
        network.require_listenable(host)
        with ExitStack() as held:
            door = held.enter_context(ports.listener(host)) if self._settings.port == 0 else None
            if door is None and not self._home.path.exists():
                # No instance in this home can hold the port. If it is taken, do not create a home.
                door = held.enter_context(network.listen(host, self._settings.port, patience=0.0))
            port = door.getsockname()[1] if door is not None else self._settings.port
            self._home.create()
            self._url = network.url(host, port)
            held.enter_context(HomeLock(self._home, self._url))
            wakeups = held.enter_context(Wakeups())
            if door is None:
                # Only after the lock: an instance in this home would hold the port, and the lock's error names it.
                door = held.enter_context(network.listen(host, port, patience=self._patience()))
            self._api.inherited[listening.VARIABLE] = door.fileno()
            keys.require_form(self._home.admin_key_file)
            keyfile.require_form(self._key_source)
            self._home.run_json.unlink(missing_ok=True)
            try:
                self._start(port, wakeups)
                while not wakeups.is_stop_requested:
                    self._keep_running(wakeups)
            finally:
                self._stop(wakeups, door)

    def _start(self, port: int, wakeups: Wakeups) -> None:
        """Do everything up to `ready`, or until a stop is requested."""
        self._cluster.start(give_up=lambda: wakeups.is_stop_requested)
        if wakeups.is_stop_requested:
            return
        self._cluster_restarts.started()
        self._note(f"{self._cluster.installation} on port {self._cluster.port}, data in {self._cluster.data}")
        try:
            migrations.migrate(self._cluster.superuser_url)
            self._cluster.make_logins()
            keyfile.ensure(self._cluster.superuser_url, self._key_source, abandoned=self._plan.abandoned_keys)
            instance_settings.store(self._cluster.superuser_url, self._settings)
            for line in keys.ensure_admin_key(self._cluster.superuser_url, self._home.admin_key_file):
                self._note(line)
        except KronosError as error:
            raise self._cluster.explained(error) from error
        self._environment = self._environment_of_children(port)
        self._cluster_port = self._cluster.port
        for child in self._services():
            child.start(self._environment_of(child))
        self._await_ready(wakeups)
        if wakeups.is_stop_requested:
            return
        self._write_run_json()
        if self._plan.is_held:
            self._note(
                "held: no tick is accounted for and nothing is delivered until `kronos up` is started without --hold"
            )
        if not self._plan.companions:  # companions print it themselves
            self._note(f"dashboard at {self._url}: sign in with the key in {self._home.admin_key_file}")
        self._announce(f"ready {self._url}")
        for name, command in self._plan.companions:
            self._companions.append(Child(name=name, command=command, log=None, note=self._note))

    def _await_ready(self, wakeups: Wakeups) -> None:
        begun = time.monotonic()
        is_reported = False
        while not wakeups.is_stop_requested:
            # Before it has begun it would answer only then, because the socket is already open.
            readiness = network.readiness(self._url) if self._api.has_begun else _NOT_BEGUN
            if readiness.is_ready:
                return
            if time.monotonic() - begun > _PATIENT_SECONDS and not is_reported:
                self._note(f"the API is not ready yet: {readiness.answer}")
                is_reported = True
            if self._api.restarts.failures >= _HOPELESS_STARTS or time.monotonic() - begun > _READY_WITHIN_SECONDS:
                raise EmbeddedError(f"the API does not become ready: {readiness.answer}\n{self._api.end_of_log()}")
            self._look_after_children()
            self._revive_cluster(wakeups)
            wakeups.wait(0.05)

    def _keep_running(self, wakeups: Wakeups) -> None:
        """Do one round: restart what has ended or hangs, do periodic checks, and sleep until something happens."""
        self._revive_cluster(wakeups)
        self._look_after_children()
        if not self._is_written:
            self._is_written = self._try(self._write_run_json)
        if time.monotonic() < self._correct_entries_until and self._cluster.pid is not None:
            self._try(self._correct_entries)
        if time.monotonic() >= self._logs_are_due_at:
            self._logs_are_due_at = time.monotonic() + _LOOK_AT_LOGS_SECONDS
            for log in (self._home.log / "postgres.log", *(self._log_of(child.name) for child in self._services())):
                self._try(partial(logfiles.rotate, log))
        if self._freeze.is_due():
            self._try(self._look_at_pg_cron)
        waits = [_IDLE_SECONDS, *(child.seconds_to_start() for child in self._children())]
        if self._cluster.pid is None:
            waits.append(self._cluster_restarts.next_start_at - time.monotonic())
        wakeups.wait(min(seconds for seconds in waits if seconds is not None))

    def _look_after_children(self) -> None:
        seconds = self._witness.seconds()
        self._try(lambda: self._wake_postmaster(seconds))
        for child in self._children():
            child.end_if_hung(seconds, self._settings.hung_after_seconds)
            child.keep_running(self._environment_of(child))

    def _revive_cluster(self, wakeups: Wakeups) -> None:
        """Restart PostgreSQL if it has ended; if it had to move to another port, the children follow."""
        if self._cluster.pid is not None or wakeups.is_stop_requested:
            return
        if self._cluster_restarts.started_at:
            delay = self._cluster_restarts.ended()
            self._cluster_restarts.started_at = 0.0
            self._say(f"PostgreSQL has ended; it restarts in {delay:g} s ({self._home.log / 'postgres.log'})")
        if time.monotonic() < self._cluster_restarts.next_start_at:
            return
        self._try(lambda: self._cluster.start(give_up=lambda: wakeups.is_stop_requested))
        self._cluster_restarts.started()
        self._follow_database()

    def _wake_postmaster(self, seconds: float) -> None:
        """Continue a stopped postmaster. It is never killed for being slow: its data matters more than time."""
        pid = self._cluster.pid
        if pid is None or not processes.is_stopped(pid):
            self._stopped_seconds = 0.0
            return
        self._stopped_seconds += seconds
        if self._stopped_seconds > _STOPPED_SECONDS:
            self._note(f"PostgreSQL was stopped for {self._stopped_seconds:.0f} s (SIGSTOP): it continues now")
            os.kill(pid, signal.SIGCONT)

    def _try(self, act: Callable[[], object]) -> bool:
        """Return whether the action succeeded. A failure is reported; the action remains to be done."""
        try:
            act()
        except PASSING as error:
            self._say(explained(error))
            return False
        return True

    def _say(self, line: str) -> None:
        """Note the line, unless it was noted within the last minute: failed actions are retried every few seconds."""
        now = time.monotonic()
        self._said_at = {said: at for said, at in self._said_at.items() if now - at < _SAY_AGAIN_SECONDS}
        what = line.partition("\n")[0]  # without the end of a log below it, which is never the same
        if what not in self._said_at:
            self._said_at[what] = now
            self._note(line)

    def _follow_database(self) -> None:
        """Pass a changed database URL to the children, by restarting them, to run.json and to pg_cron."""
        if self._cluster_port in (0, self._cluster.port):
            return
        self._cluster_port = self._cluster.port
        for child in self._services():
            child.ask_to_stop()
        self._is_written = False
        self._correct_entries_until = time.monotonic() + _CORRECT_ENTRIES_SECONDS

    def _correct_entries(self) -> None:
        if entries.correct(self._cluster.superuser_url):
            self._correct_entries_until = 0.0

    def _look_at_pg_cron(self) -> None:
        frozen_for = self._freeze.look(silent_seconds(self._cluster.superuser_url))
        if frozen_for is not None:
            self._note(f"pg_cron has rung nothing for {frozen_for.total_seconds():.0f} s: restarting PostgreSQL")
            self._cluster.stop()  # the next round starts it

    def _stop(self, wakeups: Wakeups, door: socket.socket) -> None:
        """Stop API and workers first, gracefully; then PostgreSQL. A further stop request ends the waiting."""
        door.close()  # the API holds it until it ends; then no client waits for an API that is not restarted
        self._try(lambda: self._home.run_json.unlink(missing_ok=True))
        requests = wakeups.stop_requests
        deadline = time.monotonic() + self._settings.shutdown_seconds + _SHUTDOWN_MARGIN_SECONDS
        children = self._children()
        for child in children:
            child.ask_to_stop()
        while any(child.is_running for child in children):
            if time.monotonic() > deadline or wakeups.stop_requests > max(1, requests):
                self._note("not waiting any longer")
                break
            wakeups.wait(0.5)
        for child in children:
            child.kill()
        self._try(lambda: self._cluster.stop(seconds=30 if wakeups.stop_requests <= 1 else 2))
        self._note("stopped")

    def _services(self) -> list[Child]:
        return [self._api, *self._workers]

    def _children(self) -> list[Child]:
        return [*self._companions, *self._services()]

    def _child(self, name: str, command: str) -> Child:
        # -P: do not import a `kronos` from the current directory
        return Child(
            name=name,
            command=[sys.executable, "-P", "-m", "kronos", command],
            log=self._log_of(name),
            note=self._note,
            has_pulse=True,
        )

    def _log_of(self, name: str) -> Path:
        return self._home.log / f"{name}.log"

    def _environment_of_children(self, port: int) -> dict[str, str]:
        allowed = [part for part in (self._settings.egress_allow, *self._plan.egress_allow) if part]
        return {
            "KRONOS_ADMIN_KEY_FILE": str(self._home.admin_key_file),
            **({"KRONOS_ENCRYPTION_KEY_FILE": str(file)} if (file := self._key_source.file) is not None else {}),
            "KRONOS_HOST": self._settings.host,
            "KRONOS_PORT": str(port),
            "PYTHONUNBUFFERED": "1",
            "KRONOS_EGRESS_ALLOW": ",".join(allowed),
        }

    def _environment_of(self, child: Child) -> dict[str, str]:
        """Return the environment of a child. API and workers get a database URL whose login has only their own role."""
        if child in self._companions:
            return self._environment
        url = self._cluster.url_as("kronos_api" if child is self._api else "kronos_worker")
        found = {**self._environment, "KRONOS_DATABASE_URL": url}
        if (first := self._settings.metrics_port) is not None:
            found["KRONOS_METRICS_PORT"] = str(first + self._services().index(child))
        return found

    def _write_run_json(self) -> None:
        content = {
            "url": self._url,
            "admin_key_file": str(self._home.admin_key_file),
            "database_url": self._cluster.superuser_url,
            "pid": os.getpid(),
        }
        write_private(self._home.run_json, json.dumps(content, indent=1) + "\n")

    def _patience(self) -> float:
        """Return how long to wait for the API's port: a killed predecessor's API may still be shutting down."""
        return 15.0 if self._home.run_json.exists() else 0.0
