"""What a command reads from its environment."""

import logging
import os

import click

from kronos import config, logs
from kronos.config import Settings
from kronos.delivery.egress import EgressPolicy
from kronos.embedded import running
from kronos.embedded.errors import HomeUnusable
from kronos.embedded.home import Home, default_home


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


def database_url() -> str:
    """The database of KRONOS_DATABASE_URL, else that of the instance which `kronos up` runs here. Raises ClickException."""
    if os.environ.get("KRONOS_DATABASE_URL"):
        return settings().database_url.get_secret_value()
    try:
        here = running.find(Home(default_home()))
    except HomeUnusable:
        here = None
    if here is None:
        raise click.ClickException("no database is known: set KRONOS_DATABASE_URL, or start one with `kronos up`")
    return here.database_url
