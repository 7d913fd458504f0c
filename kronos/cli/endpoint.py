"""`kronos endpoint …`: where deliveries go, over the API."""

import click

from kronos.cli.command import Api, JsonText, command, given
from kronos.model import Json

_FIELDS = ("name", "type", "spec", "retry_policy", "max_in_flight", "version", "endpoint_id", "created_at", "updated_at")
_COLUMNS = {"name": "NAME", "type": "TYPE", "url": "URL", "version": "VERSION", "updated_at": "UPDATED"}
_WRITABLE = ("type", "spec", "retry_policy", "max_in_flight")


@click.group()
def endpoint() -> None:
    """Endpoints: the requests by which executions are delivered."""


def _options(function: click.decorators.FC) -> click.decorators.FC:
    """What may be said of an endpoint's request."""
    for option in (
        click.option("--max-in-flight", type=int, help="Deliveries under way at once."),
        click.option("--max-attempts", type=int, help="Attempts in all, the first among them."),
        click.option("--timeout-ms", type=int, help="For the whole request, in milliseconds."),
        click.option("--body", type=JsonText(), help="Template of the body: JSON, @FILE, or - for standard input."),
        click.option("--header", "headers", multiple=True, metavar="NAME:VALUE", help="A header beside Kronos's own; again for more."),
        click.option("--method", help="GET, POST, PUT, PATCH or DELETE.  [default: POST]"),
        click.option("--to", "target", metavar="URL", help="Absolute http or https URL; may hold {{input.…}}."),
    ):
        function = option(function)
    return function


@command(endpoint)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="How many rows at most.")
def ls(api: Api, limit: int) -> None:
    """List endpoints, newest first."""
    rows = api.rows("endpoints", limit=limit)
    shown = rows if api.as_json else [{**row, "url": row.get("spec", {}).get("url")} for row in rows]
    api.list(shown, _COLUMNS, empty="no endpoint yet; make one: kronos endpoint create hook --to https://example.com/hook")


@command(endpoint)
@click.argument("name")
def get(api: Api, name: str) -> None:
    """Show one endpoint."""
    api.show(api.get("endpoints", name), _FIELDS)


@command(endpoint)
@click.argument("name")
@_options
def create(api: Api, name: str, **options: Json) -> None:
    """Make the HTTP endpoint NAME.

    kronos endpoint create hook --to https://example.com/hook --body '{"team": "{{input.team}}"}'
    """
    api.show(api.send("POST", "endpoints", body=_changed({"name": name, "type": "HTTP", "spec": {}}, options)), _FIELDS)


@command(endpoint)
@click.argument("name")
@_options
def edit(api: Api, name: str, **options: Json) -> None:
    """Change what is given of an endpoint; runs that are retried go to the new version."""
    stored = api.get("endpoints", name, fields=(*_WRITABLE, "version"))
    body = _changed({field: stored[field] for field in _WRITABLE if stored.get(field) is not None}, options)
    api.show(api.send("PUT", "endpoints", name, body=body, if_match=f'"{stored["version"]}"'), _FIELDS)


@command(endpoint)
@click.argument("name")
def rm(api: Api, name: str) -> None:
    """Delete an endpoint that no live job uses."""
    api.send("DELETE", "endpoints", name)
    api.say(f"endpoint {name} is deleted")


def _changed(body: Json, options: Json) -> Json:
    """The endpoint with what was given in place of what was there."""
    headers = dict(_header(text) for text in options["headers"]) or None
    spec = given(url=options["target"], method=options["method"], headers=headers, body_template=options["body"],
                 timeout_ms=options["timeout_ms"])  # fmt: skip
    policy = {**body.get("retry_policy", {}), **given(max_attempts=options["max_attempts"])}
    return {**body, "spec": {**body["spec"], **spec}, **given(retry_policy=policy or None, max_in_flight=options["max_in_flight"])}


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise click.BadParameter(f"{text!r} is no header: write it like X-Team:reports", param_hint="--header")
    return name.strip(), value.strip()
