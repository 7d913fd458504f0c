"""What a command reads from its environment."""

import logging

import click

from kronos import config, logs
from kronos.config import Settings
from kronos.delivery.egress import EgressPolicy


def settings(**overrides: object) -> Settings:
    """The settings of this process, with its log set up. Raises ClickException, naming every wrong variable."""
    found = judged(**overrides)
    logs.configure(found)
    for line in unknown():
        logging.getLogger("kronos").warning(line)
    return found


def judged(**overrides: object) -> Settings:
    """The settings of this process. Raises ClickException, naming every wrong variable."""
    try:
        found = config.load(**overrides)
    except config.SettingsInvalid as error:
        raise click.ClickException(str(error)) from None
    try:
        EgressPolicy.parse(found.egress_allow)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    return found


def unknown() -> list[str]:
    """A line for each KRONOS_* variable that means nothing to this release."""
    return [f"{name} is not a setting of this release: ignored" for name in config.unknown_variables()]
