"""A real pgbouncer in front of the test's database, with a usual configuration."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from conftest import await_condition
from held_ports import held_port
from kronos.embedded import processes

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/sbin")


@contextmanager
def pgbouncer(directory: Path, url: str, *, mode: str, user: str, password: str, **options: str) -> Iterator[str]:
    """The URL of `user` through a pgbouncer in pool mode `mode` to the database of `url`; pgbouncer ends afterwards,
    with its sessions."""
    assert PROGRAM is not None
    database, port = conninfo_to_dict(url), held_port()
    (directory / "users.txt").write_text(f'"{user}" "{password}"\n')
    settings = {
        "listen_addr": "127.0.0.1",
        "listen_port": str(port),
        "unix_socket_dir": "",
        "auth_type": "plain",
        "auth_file": str(directory / "users.txt"),
        "pool_mode": mode,
        "ignore_startup_parameters": "options, extra_float_digits",
        "default_pool_size": "20",
        "logfile": str(directory / "pgbouncer.log"),
        **options,
    }
    target = f"host={database['host']} port={database['port']} dbname={database['dbname']}"
    lines = [
        "[databases]",
        f"{database['dbname']} = {target}",
        "[pgbouncer]",
        *(f"{name} = {text}" for name, text in settings.items()),
    ]
    (directory / "pgbouncer.ini").write_text("\n".join(lines) + "\n")
    os.chmod(directory, 0o755)
    changed = processes.postgres_user()
    for path in [directory, *directory.iterdir()]:
        changed.own(path)
    becomes = changed.popen_arguments()
    process = subprocess.Popen(
        [PROGRAM, "-q", str(directory / "pgbouncer.ini")],
        cwd="/",
        user=becomes.user,
        group=becomes.group,
        extra_groups=becomes.extra_groups,
        preexec_fn=processes.die_with_parent(signal.SIGKILL),
    )

    def listens() -> bool:
        assert process.poll() is None, (directory / "pgbouncer.log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        await_condition(listens, "pgbouncer to listen")
        yield make_conninfo(url, host="127.0.0.1", port=port, user=user, password=password)
    finally:
        process.terminate()
        process.wait(60)
