"""Operating system functions for processes: their users, how they are ended, and what they end with."""

import ctypes
import os
import pwd
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from kronos.embedded.errors import PostgresMissing
from kronos.records import dataclass

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class OsUser:
    """The unprivileged user that PostgreSQL runs as; `drops` if it is not the caller."""

    uid: int
    gid: int
    name: str
    drops: bool

    def popen_arguments(self) -> "PopenUser":
        """Return subprocess's arguments for running as this user: empty for the caller itself."""
        if not self.drops:
            return PopenUser(user=None, group=None, extra_groups=None)
        return PopenUser(user=self.uid, group=self.gid, extra_groups=[])

    def own(self, path: Path) -> None:
        """Give `path` to this user."""
        if self.drops:
            os.chown(path, self.uid, self.gid)


@dataclass(frozen=True, slots=True, kw_only=True)
class PopenUser:
    """The arguments of subprocess that change the user."""

    user: int | None
    group: int | None
    extra_groups: list[int] | None


def postgres_user() -> OsUser:
    """Return the caller, or for root `postgres`, as PostgreSQL refuses to run as root. Raises PostgresMissing."""
    if os.geteuid() != 0:
        return OsUser(uid=os.geteuid(), gid=os.getegid(), name=str(os.geteuid()), drops=False)
    try:
        entry = pwd.getpwnam("postgres")
    except KeyError as error:
        raise PostgresMissing(
            "PostgreSQL does not run as root, and there is no user 'postgres' to run it as; the package "
            "postgresql-common creates it"
        ) from error
    return OsUser(uid=entry.pw_uid, gid=entry.pw_gid, name=entry.pw_name, drops=True)


def die_with_parent(death_signal: signal.Signals) -> Callable[[], None]:
    """Return a preexec_fn: the child gets `death_signal` when the thread that started it ends.

    The thread, not the process (prctl(2), PR_SET_PDEATHSIG): start children from the main thread. subprocess calls it
    after it has changed the user, as required, because that change clears the setting.
    """
    parent = os.getpid()

    def tie() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:  # the parent died before the call
            os.kill(os.getpid(), death_signal)

    return tie


def is_stopped(pid: int) -> bool:
    """Return whether the process was stopped by a signal (SIGSTOP), not by a debugger. Raises OSError if that cannot be
    read."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0] == "T"
    except (FileNotFoundError, ProcessLookupError):
        return False  # it has just ended


def postgres_processes(data: Path) -> list[int]:
    """Return the process IDs of all PostgreSQL processes of the cluster in `data`, and of no other cluster.

    Every PostgreSQL process has its data directory as working directory. That identifies it even if the postmaster is
    gone and its ID in postmaster.pid may belong to another process by now.
    """
    wanted = {os.fsencode(data), os.fsencode(f"{data} (deleted)")}
    return [pid for pid, directory in _working_directories() if directory in wanted and _is_postgres(pid)]


def _working_directories() -> Iterator[tuple[int, bytes]]:
    """Yield (process ID, working directory) of all processes that PostgreSQL's user may inspect: its own.

    It runs as that user, because root may not inspect them without CAP_SYS_PTRACE, as in most containers. It uses find,
    because Python may be in a directory that this user cannot enter.
    """
    changed = postgres_user().popen_arguments()
    answer = subprocess.run(
        ["/bin/sh", "-c", "exec find /proc/[0-9]*/cwd -maxdepth 0 -printf '%h %l\\0'"],
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # about processes that have just ended, and those of others
        check=False,
        user=changed.user,
        group=changed.group,
        extra_groups=changed.extra_groups,
    )
    for line in answer.stdout.split(b"\0"):
        process, _, directory = line.partition(b" ")
        if directory:
            yield int(process.removeprefix(b"/proc/")), directory


def _is_postgres(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text().startswith("postgres")
    except (FileNotFoundError, ProcessLookupError):
        return False  # it has just ended


def end_postgres(data: Path, steps: list[tuple[signal.Signals, float]]) -> list[int]:
    """End all of them: send each step's signal, and wait up to its seconds. Returns those that are still running."""
    for step, seconds in steps:
        descriptors = _hold(data)
        for descriptor in descriptors:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, step)
        deadline = time.monotonic() + seconds
        for descriptor in descriptors:
            select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
            os.close(descriptor)
        if not descriptors:
            return []
    return postgres_processes(data)


def _hold(data: Path) -> list[int]:
    """Return a descriptor of each: unlike an ID, it cannot refer to another process by the time of the signal."""
    held = {}
    for pid in postgres_processes(data):
        with suppress(ProcessLookupError):
            held[pid] = os.pidfd_open(pid)
    confirmed = postgres_processes(data) if held else []
    for pid in held.keys() - confirmed:
        os.close(held.pop(pid))
    return list(held.values())
