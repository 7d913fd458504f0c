"""What a command reads from its environment."""

import json
import logging
import os

import click

from kronos import config, logs
from kronos.config import Settings
from kronos.embedded.home import Home, default_home


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


def database_url() -> str:
    """The database of KRONOS_DATABASE_URL, else that of the instance which `kronos up` runs here. Raises ClickException."""
    if os.environ.get("KRONOS_DATABASE_URL"):
        return settings().database_url.get_secret_value()
    run_json = Home(default_home()).run_json
    if not run_json.exists():
        raise click.ClickException("no database is known: set KRONOS_DATABASE_URL, or start one with `kronos up`")
    return str(json.loads(run_json.read_text())["database_url"])
