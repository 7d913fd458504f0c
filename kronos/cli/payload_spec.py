"""`kronos payload-spec …`: JSON Schemas of inputs, over the API."""

import click

from kronos.cli.command import Api, IdempotencyKey, JsonText, command
from kronos.model import Json

_FIELDS = ("name", "schema", "version", "payload_spec_id", "created_at", "updated_at")
_COLUMNS = {"name": "NAME", "version": "VERSION", "schema": "SCHEMA", "updated_at": "UPDATED"}


@click.group()
def payload_spec() -> None:
    """Payload specs: JSON Schemas (2020-12) of inputs."""


@command(payload_spec)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="How many rows at most.")
def ls(api: Api, limit: int) -> None:
    """List payload specs, newest first."""
    rows = api.rows("payload-specs", limit=limit)
    api.list(rows, _COLUMNS, empty="no payload spec yet; make one: kronos payload-spec create NAME '{}'")


@command(payload_spec)
@click.argument("name")
def get(api: Api, name: str) -> None:
    """Show one payload spec."""
    api.show(api.get("payload-specs", name), _FIELDS)


@command(payload_spec)
@click.argument("name")
@click.argument("schema", type=JsonText())
@click.option("--idempotency-key", type=IdempotencyKey(), help="The same key makes the same payload spec.")
def create(api: Api, name: str, schema: Json, idempotency_key: str | None) -> None:
    """Make the payload spec NAME of a JSON Schema.

    SCHEMA is the schema as it is, @FILE, or - for standard input.
    """
    api.show(api.send("POST", "payload-specs", body={"name": name, "schema": schema}, key=idempotency_key), _FIELDS)


@command(payload_spec)
@click.argument("name")
@click.argument("schema", type=JsonText())
@click.option(
    "--dry-run", "--validate-only", "dry_run", is_flag=True, help="Only say which live jobs' inputs it would refuse."
)
@click.option("--force", is_flag=True, help="Though it refuses inputs of live jobs.")
def put(api: Api, name: str, schema: Json, dry_run: bool, force: bool) -> None:
    """Replace the schema of a payload spec, or make it."""
    query = {name: "true" for name, is_set in (("validate_only", dry_run), ("force", force)) if is_set}
    api.show(
        api.send("PUT", "payload-specs", name, body={"schema": schema}, query=query),
        ("is_allowed", "checked", "violations", "more") if dry_run else _FIELDS,
    )


@command(payload_spec)
@click.argument("name")
def rm(api: Api, name: str) -> None:
    """Delete a payload spec that no endpoint names."""
    api.send("DELETE", "payload-specs", name)
    api.say(f"payload spec {name} is deleted")
