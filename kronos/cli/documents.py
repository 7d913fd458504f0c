"""`kronos config …` and `kronos payload-spec …`: manage the documents that endpoints refer to, over the API."""

import click

from kronos.cli.command import Api, IdempotencyKey, JsonText, command, given, group
from kronos.cli.confirmation import Consent, confirmed
from kronos.model import Json


@group
def config() -> None:
    """Configs: JSON objects with values for templates."""


@group
def payload_spec() -> None:
    """Payload specs: JSON Schemas (2020-12) for inputs."""


def _fields(content: str, own_id: str) -> tuple[str, ...]:
    return "name", content, "version", own_id, "created_at", "updated_at"


_CONFIG, _SPEC = _fields("values", "config_id"), _fields("schema", "payload_spec_id")


def _add_commands(group: click.Group, fields: tuple[str, ...], *, content: str, is_a: str, example: str) -> None:
    """Add the commands that both groups have. `content` is the field with the document, `is_a` describes it, and
    `example` is an example's name."""
    routes, what, argument = f"{group.name}s", f"{group.name}".replace("-", " "), content.upper()
    columns = {"name": "NAME", "version": "VERSION", content: argument, "updated_at": "UPDATED"}

    @command(group, help=f"List {what}s, newest first.\n\nkronos {group.name} ls")
    @click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="Maximum number of rows.")
    def ls(api: Api, limit: int) -> None:
        empty = f"no {what} yet; create one: kronos {group.name} create NAME '{{}}'"
        api.list(api.rows(routes, limit=limit), columns, empty=empty)

    @command(group, help=f"Show one {what}.\n\nkronos {group.name} get {example} --json")
    @click.argument("name")
    def get(api: Api, name: str) -> None:
        api.show(api.get(routes, name), fields)

    short = is_a.rpartition(" ")[2].lower()
    written = f"{argument} is the {short} itself, @FILE, or - for standard input."

    made = (
        f"kronos {group.name} create {example} @{example}.json\nkronos {group.name} create {example} - < {example}.json"
    )

    @command(group, help=f"Create the {what} NAME from a {is_a}.\n\n{made}\n\n{written}")
    @click.argument("name")
    @click.argument(content, type=JsonText())
    @click.option(
        "--idempotency-key",
        type=IdempotencyKey(),
        help=f"The same key creates only one {what}.",
    )
    def create(api: Api, name: str, idempotency_key: str | None, **document: Json) -> None:
        api.show(api.send("POST", routes, body=given(name=name, **document), key=idempotency_key), fields)

    @command(group, help=f"Delete a {what} that no endpoint uses.\n\nkronos {group.name} rm {example}")
    @click.argument("name")
    @confirmed
    def rm(api: Api, name: str, consent: Consent) -> None:
        consent.require(f"delete the {what}", name)
        api.send("DELETE", routes, name)
        api.say(f"{what} {name} is deleted")


_add_commands(config, _CONFIG, content="values", is_a="JSON object", example="team")
_add_commands(payload_spec, _SPEC, content="schema", is_a="JSON Schema", example="order")


@command(config, name="put")
@click.argument("name")
@click.argument("values", type=JsonText())
def put_config(api: Api, name: str, values: Json) -> None:
    """Replace all values of a config, or create it.

    kronos config put team '{"owner": "sales"}'
    kronos config put team @team.json

    Existing executions keep their values.
    """
    api.show(api.send("PUT", "configs", name, body=given(values=values)), _CONFIG)


@command(payload_spec, name="put")
@click.argument("name")
@click.argument("schema", type=JsonText())
@click.option(
    "--dry-run",
    "--validate-only",
    "dry_run",
    is_flag=True,
    help="Only list the live jobs' inputs that it would reject.",
)
@click.option("--force", is_flag=True, help="Replace it even if it rejects inputs of live jobs.")
def put_payload_spec(api: Api, name: str, schema: Json, dry_run: bool, force: bool) -> None:
    """Replace the schema of a payload spec, or create it.

    kronos payload-spec put order @order.schema.json --dry-run
    """
    query = {name: "true" for name, is_set in (("validate_only", dry_run), ("force", force)) if is_set}
    api.show(
        api.send("PUT", "payload-specs", name, body=given(schema=schema), query=query),
        ("is_allowed", "checked", "violations", "more") if dry_run else _SPEC,
    )
