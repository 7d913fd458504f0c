"""What a command reads from its environment: its settings, and the instance that it speaks to."""

import logging
import os

import click

from kronos import config, libpq, logs
from kronos.cli import client
from kronos.config import Settings
from kronos.embedded.home import Home, default_home
from kronos.errors import KronosError

_UNKNOWN = "%s is not a setting of this release: ignored"
_NO_DATABASE = "KRONOS_DATABASE_URL is not set, and no `kronos up` runs here: set it to postgresql://USER:PASSWORD@HOST:PORT/DATABASE"


def settings(**overrides: object) -> Settings:
    """The settings of this process, with its log set up. Raises ClickException, naming every wrong variable."""
    found = _loaded(**overrides)
    logs.configure(found)
    for name in config.unknown_variables():
        logging.getLogger("kronos").warning(_UNKNOWN, name)
    return found


def database_url() -> str:
    """For a command that only speaks to a database: KRONOS_DATABASE_URL, else that of the `kronos up` that runs here.

    Raises ClickException.
    """
    warn_of_unknown()
    if "KRONOS_DATABASE_URL" in os.environ:
        return _loaded().database_url.get_secret_value()
    here = client._running(Home(default_home())).get("database_url")
    if not here:
        raise click.ClickException(_NO_DATABASE)
    libpq.forget_environment()
    return _loaded(database_url=here).database_url.get_secret_value()


def _loaded(**overrides: object) -> Settings:
    """With libpq's variables kept from the database that is named."""
    try:
        found = config.load(**overrides)
    except config.SettingsInvalid as error:
        raise click.ClickException(str(error)) from None
    libpq.forget_environment(found.database_url.get_secret_value())
    return found


def warn_of_unknown() -> None:
    """For a command that keeps no log."""
    for name in config.unknown_variables():
        click.echo(f"kronos: {_UNKNOWN % name}", err=True)


def refusal(error: KronosError) -> click.ClickException:
    """An error as whoever runs Kronos is told it."""
    return click.ClickException(error.said)
