"""`kronos serve`, `kronos worker`: run one process, configured by the environment."""

import click
import psycopg

from kronos import database_errors, descriptors, errors, resealing, session
from kronos.cli import environment
from kronos.cli.exits import Ended
from kronos.cli.helping import Command
from kronos.config import Settings
from kronos.encryption import Keyring, KeySource
from kronos.lines import Log
from kronos.loading import loading

_log = Log("kronos")
_NOT_MIGRATED = (
    psycopg.errors.InvalidSchemaName,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.InsufficientPrivilege,
)


@click.command(cls=Command)
@click.option("--host", help="Address to listen on.  [KRONOS_HOST, default 127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on; 0 picks a free one.  [KRONOS_PORT, default 8080]")
def serve(host: str | None, port: int | None) -> None:
    """Run one API process. It uses the database of KRONOS_DATABASE_URL, and sends traces to OTEL_EXPORTER_OTLP_ENDPOINT
    if that is set.

    kronos serve --host 0.0.0.0 --port 8080
    """
    descriptors.hold_standard()
    with loading():
        # imported here, so that `kronos worker` does not load FastAPI
        from kronos.api import serve as api
        from kronos.dashboard import app as dashboard
        from kronos.dashboard.static import NotInstalled

    settings = environment.settings(host=host, port=port)
    wanted = descriptors.of_api(settings.max_connections, settings.database_pool_size)
    _make_room(wanted, f"KRONOS_MAX_CONNECTIONS={settings.max_connections}")
    keys = environment.encryption_keys(KeySource.of(settings))
    _prove(settings, "kronos_api", keys)
    try:
        pages = dashboard.routes()
    except NotInstalled as error:
        raise Ended(str(error)) from None
    api.run(settings, keys, pages=pages)


@click.command(cls=Command)
@click.option(
    "--concurrency",
    type=int,
    help="Maximum number of deliveries at the same time.  [KRONOS_WORKER_CONCURRENCY, default 300]",
)
@click.option(
    "--group",
    "groups",
    multiple=True,
    metavar="NAME",
    help="Deliver to endpoints of this group; repeatable. `default` means endpoints without a group.  "
    "[KRONOS_WORKER_GROUPS, default: endpoints without a group]",
)
def worker(concurrency: int | None, groups: tuple[str, ...]) -> None:
    """Run one worker process. It uses the database of KRONOS_DATABASE_URL, and sends traces to
    OTEL_EXPORTER_OTLP_ENDPOINT if that is set.

    kronos worker --concurrency 100 --group reports
    """
    descriptors.hold_standard()
    with loading():
        from kronos.worker import main  # imported here, so that `kronos serve` does not load the transports

    settings = environment.settings(worker_concurrency=concurrency, worker_groups=",".join(groups) or None)
    wanted = descriptors.of_worker(settings.worker_concurrency)
    _make_room(wanted, f"KRONOS_WORKER_CONCURRENCY={settings.worker_concurrency}")
    keys = environment.encryption_keys(KeySource.of(settings))
    _prove(settings, "kronos_worker", keys)
    main.run(settings, keys)


def _make_room(wanted: int, setting: str) -> None:
    try:
        descriptors.make_room(wanted, setting)
    except descriptors.TooFew as error:
        raise Ended(str(error)) from None


def _prove(settings: Settings, role: session.Role, keys: Keyring | None) -> None:
    """Check that KRONOS_DATABASE_URL allows this process to act as `role`, and that the keys of all secrets are
    available. Each later connection checks the role again. Raises ClickException with what to do.

    If PostgreSQL is unavailable, this is no failure: the process starts, and waits for it.
    """
    try:
        with session.connect(settings.database_url.get_secret_value(), session.wanted(role)) as connection:
            if session.is_superuser(connection):
                _log.warning(
                    "start.superuser",
                    "%s is a superuser: this process acts as %s, but give it a login that has only that role",
                    connection.info.user,
                    role,
                )
            if fault := resealing.fault(resealing.missing(connection, keys), keys):
                raise Ended(fault)
    except errors.SessionRefused as error:
        raise environment.refusal(error) from None
    except errors.Unconnected as error:
        _log.warning("start.unproven", "cannot connect to PostgreSQL yet: %s", error.said)
    except _NOT_MIGRATED as error:
        _log.warning(
            "start.unproven", "cannot check yet which encryption keys are needed: %s", error.diag.message_primary
        )
    except psycopg.OperationalError as error:
        _log.warning(
            "start.unproven",
            "cannot check yet which role the connection to PostgreSQL has: %s",
            database_errors.from_database(error).said,
        )
