"""What a command reads from its environment."""

import logging

import click

from kronos import config, logs
from kronos.config import Settings


def settings(**overrides: object) -> Settings:
    """The settings of this process, with its log set up. Raises ClickException, naming every wrong variable."""
    try:
        found = config.load(**overrides)
    except config.SettingsInvalid as error:
        raise click.ClickException(str(error)) from None
    logs.configure(found)
    for name in config.unknown_variables():
        logging.getLogger("kronos").warning("%s is not a setting of this release: ignored", name)
    return found
