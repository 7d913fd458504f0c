"""What a command takes from its environment: its settings, and the instance that it connects to."""

import os

import click

from kronos import config, libpq, logs
from kronos.cli.exits import Ended, Exit, of_status
from kronos.cli.local import none_here
from kronos.config import Settings
from kronos.delivery.egress import EgressPolicy
from kronos.embedded import running
from kronos.embedded.home import Home, default_home
from kronos.embedded.running import Running
from kronos.encryption import Keyring, KeysInvalid, KeySource
from kronos.errors import KronosError, SessionRefused, Unconnected
from kronos.lines import Log

_NO_DATABASE = (
    "KRONOS_DATABASE_URL is not set, and no running `kronos up` was found: set it to "
    "postgresql://USER:PASSWORD@HOST:PORT/DATABASE; "
)
_MAY_NOT = ("password", "no_password", "client_certificate", "pg_hba", "no_role", "not_allowed")


def settings(**overrides: object) -> Settings:
    """Return the settings of this process and set up its log. Raises ClickException, which names every wrong
    variable."""
    found = judged(**overrides)
    logs.configure(found)
    for line in unknown():
        Log("kronos").warning("start.unknown_setting", line)
    return found


def judged(**overrides: object) -> Settings:
    """Return the settings of this process. libpq's own variables do not apply to the database that they name.

    Raises ClickException, which names every wrong variable.
    """
    try:
        found = config.load(**overrides)
    except config.SettingsInvalid as error:
        raise Ended(str(error), Exit.USAGE) from None
    try:
        EgressPolicy.parse(found.egress_allow)
    except ValueError as error:
        raise Ended(str(error), Exit.USAGE) from None
    libpq.forget_environment(found.database_url.get_secret_value())
    return found


def database_url() -> str:
    """Return the database URL of a command that uses only a database: KRONOS_DATABASE_URL, or that of the local `kronos
    up`.

    Raises ClickException.
    """
    warn_of_unknown()
    if "KRONOS_DATABASE_URL" in os.environ:
        return judged().database_url.get_secret_value()
    if (here := running.here()) is None:
        raise Ended(_NO_DATABASE + none_here(), Exit.USAGE)
    return database_url_of(here)


def database_url_of(here: Running) -> str:
    """Return the database URL of a local `kronos up`. It is complete: no variable of libpq may lead its password to
    another server. Raises ClickException."""
    libpq.forget_environment()
    return judged(database_url=here.database_url).database_url.get_secret_value()


def key_source() -> KeySource:
    """Return where the encryption keys are, for a command that uses `database_url`: as the environment says, or those
    of the local `kronos up`."""
    found = KeySource.of(judged(database_url=os.environ.get("KRONOS_DATABASE_URL", "postgresql://")))
    if found.is_set or "KRONOS_DATABASE_URL" in os.environ or running.here() is None:
        return found
    return KeySource(file=Home(default_home()).encryption_key_file, command=None)


def encryption_keys(source: KeySource) -> Keyring | None:
    """Return the encryption keys; None if none are configured. Raises ClickException."""
    try:
        return source.read()
    except KeysInvalid as error:
        raise Ended(str(error), Exit.USAGE) from None


def unknown() -> list[str]:
    """Return a line for each KRONOS_* variable that this release does not know."""
    return [f"{name} is not a setting of this release: ignored" for name in config.unknown_variables()]


def warn_of_unknown() -> None:
    """Print those lines, for a command that keeps no log."""
    for line in unknown():
        click.echo(f"kronos: {line}", err=True)


def refusal(error: KronosError) -> click.ClickException:
    """Return an error in the words for the operator of Kronos."""
    return Ended(error.said, of_error(error))


def of_error(error: KronosError) -> Exit:
    """Return the exit code for a database error. A login that PostgreSQL rejects is REFUSED: retrying does not help."""
    if isinstance(error, SessionRefused) or (isinstance(error, Unconnected) and error.why.kind in _MAY_NOT):
        return Exit.REFUSED
    return of_status(error.status)
