"""`kronos role-mapping …`: manage the roles that the identity provider's groups have in a workspace, over the API."""

import click

from kronos.cli.command import Api, command, given, group
from kronos.cli.exits import Ended, Exit

_FIELDS = ("group", "role", "sees_payloads", "mapping_id", "created_at")
_COLUMNS = {"group": "GROUP", "role": "ROLE", "sees_payloads": "SEES PAYLOADS", "mapping_id": "MAPPING"}
_EMPTY = "no group has a role here; give it one: kronos role-mapping create reporters --role operator"


@group
def role_mapping() -> None:
    """Role mappings: what groups may do in a workspace."""


@command(role_mapping)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="Maximum number of rows.")
def ls(api: Api, limit: int) -> None:
    """List the groups that have a role, newest first.

    kronos role-mapping ls
    """
    api.list(api.rows("role-mappings", limit=limit), _COLUMNS, empty=_EMPTY)


@command(role_mapping)
@click.argument("group")
@click.option(
    "--role", required=True, type=click.Choice(["viewer", "operator", "admin"]), help="What the group may do."
)
@click.option(
    "--sees-payloads",
    is_flag=True,
    help="For a viewer: allow the group to see inputs, outputs, requests and responses.",
)
def create(api: Api, group: str, role: str, sees_payloads: bool) -> None:
    """Give a role to GROUP, a group's name at the identity provider.

    kronos role-mapping create platform-team --role operator
    """
    body = given(group=group, role=role, sees_payloads=sees_payloads or None)
    api.show(api.send("POST", "role-mappings", body=body), _FIELDS)


@command(role_mapping)
@click.argument("mapping", metavar="GROUP|MAPPING")
def rm(api: Api, mapping: str) -> None:
    """Remove a group's role. Give the group's name, or the mapping's id.

    kronos role-mapping rm platform-team
    """
    found = [row for row in api.rows("role-mappings") if mapping in (row.get("group"), row.get("mapping_id"))]
    if not found:
        raise Ended(f"no group {mapping!r} has a role here: see `kronos role-mapping ls`", Exit.NOT_FOUND)
    api.send("DELETE", "role-mappings", str(found[0]["mapping_id"]))
    api.say(f"group {found[0]['group']} no longer has a role here")
