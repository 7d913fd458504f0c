"""`kronos endpoint …`: where deliveries go, over the API."""

import click

from kronos.cli.command import Api, IdempotencyKey, JsonText, command, given
from kronos.model import Json

_FIELDS = (
    "name",
    "title",
    "type",
    "spec",
    "retry_policy",
    "max_in_flight",
    "signing_secrets",
    "version",
    "endpoint_id",
    "created_at",
    "updated_at",
)
_COLUMNS = {"name": "NAME", "type": "TYPE", "url": "URL", "version": "VERSION", "updated_at": "UPDATED"}


@click.group()
def endpoint() -> None:
    """Endpoints: the requests by which executions are delivered."""


def _options(function: click.decorators.FC) -> click.decorators.FC:
    """What may be said of an endpoint's request."""
    for option in (
        click.option(
            "--signing-secret",
            "signing_secrets",
            multiple=True,
            metavar="NAME",
            help="A secret that signs deliveries; again for more, the newest first. '' for none.",
        ),
        click.option("--max-in-flight", type=int, help="Deliveries under way at once."),
        click.option(
            "--max-retry-after-seconds", type=int, help="Of what a receiver asks for by Retry-After, so much is waited."
        ),
        click.option("--max-attempts", type=int, help="Attempts in all, the first among them."),
        click.option("--timeout-ms", type=int, help="For the whole request, in milliseconds."),
        click.option(
            "--body", type=JsonText(), help="Template of the body: JSON, @FILE, or - for standard input; null: none."
        ),
        click.option(
            "--header",
            "headers",
            multiple=True,
            metavar="NAME:VALUE",
            help="A header beside Kronos's own; again for more.",
        ),
        click.option("--method", help="GET, POST, PUT, PATCH or DELETE.  [default: POST]"),
        click.option("--to", "target", metavar="URL", help="Absolute http or https URL; may hold {{input.…}}."),
        click.option("--title", help="A name for people: one line of any text."),
    ):
        function = option(function)
    return function


@command(endpoint)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="How many rows at most.")
def ls(api: Api, limit: int) -> None:
    """List endpoints, newest first."""
    rows = api.rows("endpoints", limit=limit)
    shown = (
        rows
        if api.as_json
        else [{**row, "url": spec.get("url") if isinstance(spec := row.get("spec"), dict) else None} for row in rows]
    )
    api.list(
        shown, _COLUMNS, empty="no endpoint yet; make one: kronos endpoint create hook --to https://example.com/hook"
    )


@command(endpoint)
@click.argument("name")
def get(api: Api, name: str) -> None:
    """Show one endpoint."""
    api.show(api.get("endpoints", name), _FIELDS)


@command(endpoint)
@click.argument("name")
@click.option("--idempotency-key", type=IdempotencyKey(), help="The same key makes the same endpoint.")
@_options
def create(api: Api, name: str, idempotency_key: str | None, **options: Json) -> None:
    """Make the HTTP endpoint NAME.

    kronos endpoint create hook --to https://example.com/hook --body '{"team": "{{input.team}}"}'
    """
    body = _changed({"name": name, "type": "HTTP", "spec": {}}, options)
    api.show(api.send("POST", "endpoints", body=body, key=idempotency_key), _FIELDS)


@command(endpoint)
@click.argument("name")
@_options
def edit(api: Api, name: str, **options: Json) -> None:
    """Change what is given of an endpoint; runs that are retried go to the new version."""
    stored = api.get("endpoints", name, fields=("spec", "retry_policy", "version"))
    if (
        not isinstance(stored["spec"], dict)
        or not isinstance(stored["retry_policy"], dict)
        or not isinstance(stored["version"], int)
    ):
        raise api.client.foreign("is no endpoint")
    # All of it goes back, so that nothing is lost of which this command knows nothing.
    api.show(
        api.send("PUT", "endpoints", name, body=_changed(stored, options), if_match=f'"{stored["version"]}"'), _FIELDS
    )


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
    limits = given(max_attempts=options["max_attempts"], max_retry_after_seconds=options["max_retry_after_seconds"])
    changes = given(
        title=options["title"],
        retry_policy={**body.get("retry_policy", {}), **limits} or None,
        max_in_flight=options["max_in_flight"],
        signing_secrets=[name for name in signing if name] if (signing := options["signing_secrets"]) else None,
    )
    return {**body, "spec": {**body["spec"], **spec}, **changes}


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise click.BadParameter(f"{text!r} is no header: write it like X-Team:reports", param_hint="--header")
    return name.strip(), value.strip()
