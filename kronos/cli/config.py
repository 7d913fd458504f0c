"""`kronos config …`: the values that templates hold, over the API."""

import click

from kronos.cli.command import Api, IdempotencyKey, JsonText, command
from kronos.model import Json

_FIELDS = ("name", "values", "version", "config_id", "created_at", "updated_at")
_COLUMNS = {"name": "NAME", "version": "VERSION", "values": "VALUES", "updated_at": "UPDATED"}


@click.group()
def config() -> None:
    """Configs: JSON objects whose values templates hold."""


@command(config)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="How many rows at most.")
def ls(api: Api, limit: int) -> None:
    """List configs, newest first."""
    rows = api.rows("configs", limit=limit)
    api.list(rows, _COLUMNS, empty="no config yet; make one: kronos config create NAME '{}'")


@command(config)
@click.argument("name")
def get(api: Api, name: str) -> None:
    """Show one config."""
    api.show(api.get("configs", name), _FIELDS)


@command(config)
@click.argument("name")
@click.argument("values", type=JsonText())
@click.option("--idempotency-key", type=IdempotencyKey(), help="The same key makes the same config.")
def create(api: Api, name: str, values: Json, idempotency_key: str | None) -> None:
    """Make the config NAME of a JSON object.

    VALUES is the object as it is, @FILE, or - for standard input.
    """
    api.show(api.send("POST", "configs", body={"name": name, "values": values}, key=idempotency_key), _FIELDS)


@command(config)
@click.argument("name")
@click.argument("values", type=JsonText())
def put(api: Api, name: str, values: Json) -> None:
    """Replace all values of a config, or make it.

    Executions that exist keep the values that they have.
    """
    api.show(api.send("PUT", "configs", name, body={"values": values}), _FIELDS)


@command(config)
@click.argument("name")
def rm(api: Api, name: str) -> None:
    """Delete a config that no endpoint names."""
    api.send("DELETE", "configs", name)
    api.say(f"config {name} is deleted")
