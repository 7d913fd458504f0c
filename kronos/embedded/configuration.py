"""The embedded cluster's settings: kronos.conf and pg_hba.conf, rewritten at each start."""

from pathlib import Path

from kronos.embedded.home import write_private
from kronos.embedded.installation import Installation
from kronos.records import dataclass

CONF_FILE = "kronos.conf"
DATABASE = "kronos"
SUPERUSER = "postgres"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenAddress:
    """Where the server listens, and which addresses may connect (pg_hba's notation)."""

    address: str
    port: int
    socket_dir: Path
    clients: str


def write(
    installation: Installation, data: Path, listener: ListenAddress, *, durable: bool, is_held: bool = False
) -> list[Path]:
    """Write the settings into the data directory. Returns the files, which the server's user must own."""
    files = {
        data / CONF_FILE: kronos_conf(installation, listener, durable=durable, is_held=is_held),
        data / "pg_hba.conf": pg_hba_conf(installation, listener),
    }
    for path, content in files.items():
        write_private(path, content)
    return list(files)


def kronos_conf(installation: Installation, listener: ListenAddress, *, durable: bool, is_held: bool) -> str:
    """Return the settings that differ from PostgreSQL's defaults."""
    settings = {
        "listen_addresses": listener.address,
        "port": str(listener.port),
        "unix_socket_directories": str(listener.socket_dir),
        "unix_socket_permissions": "0700",
        "password_encryption": "scram-sha-256",
        "max_connections": "200",
        # More than pg_cron's 32: with too few, the launcher spins and loses ticks (4 of 6 were lost with 3 slots).
        "max_worker_processes": "48",
        "idle_in_transaction_session_timeout": "60s",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] %q%u@%d ",
        "log_checkpoints": "off",
        # Each firing is a new session, which would spend seconds to compile plans whose cost the planner
        # overestimates.
        "jit": "off",
        "shared_preload_libraries": "pg_cron",
        "cron.database_name": DATABASE,
        "cron.log_statement": "off",
        "cron.max_running_jobs": "32",
    }
    if installation.has_background_workers:
        settings["cron.use_background_workers"] = "on"
        settings["cron.timezone"] = "GMT"
    else:
        settings["cron.host"] = str(listener.socket_dir)
    if not durable:
        # synchronous_commit stays on: committed data survives a kill -9 of the server.
        settings |= {"fsync": "off", "full_page_writes": "off"}
    if is_held:
        settings["kronos.hold"] = "on"
    lines = [f"{name} = '{_escaped(value)}'" for name, value in settings.items()]
    return "\n".join(["# Written by kronos up at each start; put your own settings below its include.", *lines, ""])


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("'", "''")


def pg_hba_conf(installation: Installation, listener: ListenAddress) -> str:
    """Return who may connect: everyone with a password, from the listener's clients.

    Before pg_cron 1.5 the launcher connects for each firing as the entry's user, which has no password. It connects
    over the socket, whose directory only PostgreSQL's own user can enter.
    """
    lines = ["# Written by kronos up at each start."]
    if not installation.has_background_workers:
        lines.append(f"local {DATABASE} kronos_cron trust")
    lines += ["local all all scram-sha-256", f"host all all {listener.clients} scram-sha-256"]
    lines += [
        f"host replication {SUPERUSER} {listener.clients} scram-sha-256",
        "",
    ]  # for a base backup, which `all` does not cover
    return "\n".join(lines)


def first_statements(password: str) -> str:
    """Return what single-user PostgreSQL runs before the first start, so that pg_cron then finds its database."""
    return (
        f"alter role {SUPERUSER} password '{password}'\ncreate database {DATABASE}\nalter database {DATABASE} set "
        "timezone to 'UTC'\n"
    )
