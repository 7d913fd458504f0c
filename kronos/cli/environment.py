"""What a command reads from its environment: its settings, and the instance that it speaks to."""

import logging
import os

import click

from kronos import config, libpq, logs
from kronos.cli import client
from kronos.config import Settings
from kronos.embedded.home import Home, default_home
from kronos.errors import KronosError

_NO_DATABASE = "KRONOS_DATABASE_URL is not set, and no `kronos up` runs here: set it to postgresql://USER:PASSWORD@HOST:PORT/DATABASE"


def settings(**overrides: object) -> Settings:
    """The settings of this process, with its log set up, and libpq's variables kept from the database that they name.

    Raises ClickException, naming every wrong variable.
    """
    try:
        found = config.load(**overrides)
    except config.SettingsInvalid as error:
        raise click.ClickException(str(error)) from None
    is_given = "database_url" in overrides
    libpq.forget_environment(None if is_given else found.database_url.get_secret_value())
    logs.configure(found)
    for name in config.unknown_variables():
        logging.getLogger("kronos").warning("%s is not a setting of this release: ignored", name)
    return found


def settings_here() -> Settings:
    """As `settings`; where no database is named, it is that of the `kronos up` that runs here. Raises ClickException."""
    if "KRONOS_DATABASE_URL" in os.environ:
        return settings()
    here = client._running(Home(default_home())).get("database_url")
    if not here:
        raise click.ClickException(_NO_DATABASE)
    return settings(database_url=here)


def warn_of_unknown() -> None:
    """For a command that reads no settings."""
    for name in config.unknown_variables():
        click.echo(f"kronos: {name} is not a setting of this release: ignored", err=True)


def refusal(error: KronosError) -> click.ClickException:
    """An error as whoever runs Kronos is told it."""
    return click.ClickException(error.said)
