"""`kronos organization …`: manage organizations, over the API."""

from dataclasses import replace

import click

from kronos.cli.command import Api, command, given, group

_FIELDS = ("slug", "name", "version", "organization_id", "created_at")
_COLUMNS = {"slug": "SLUG", "name": "NAME", "created_at": "CREATED"}


@group
def organization() -> None:
    """Organizations: owners of workspaces."""


@command(organization, in_workspace=False)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="Maximum number of rows.")
def ls(api: Api, limit: int) -> None:
    """List organizations, newest first.

    kronos organization ls
    """
    empty = "no organization yet; create one: kronos organization create umbrella"
    api = _of_instance(api)
    api.list(api.rows(limit=limit), _COLUMNS, empty=empty)


@command(organization, in_workspace=False)
@click.argument("slug")
def get(api: Api, slug: str) -> None:
    """Show one organization.

    kronos organization get umbrella
    """
    api.show(_of_instance(api).get(slug), _FIELDS)


@command(organization, in_workspace=False)
@click.argument("slug")
@click.option("--name", help="Display name.  [default: the slug]")
def create(api: Api, slug: str, name: str | None) -> None:
    """Create the organization SLUG. The slug is its name in URLs.

    kronos organization create umbrella --name 'Umbrella Ltd'
    """
    api.show(_of_instance(api).send("POST", body=given(slug=slug, name=name)), _FIELDS)


@command(organization, in_workspace=False)
@click.argument("slug")
@click.option("--name", required=True, help="Display name.")
def edit(api: Api, slug: str, name: str) -> None:
    """Rename an organization.

    kronos organization edit umbrella --name Umbrella
    """
    api.show(_of_instance(api).send("PATCH", slug, body={"name": name}), _FIELDS)


def _of_instance(api: Api) -> Api:
    return replace(api, root="organizations")
