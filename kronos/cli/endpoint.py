"""`kronos endpoint …`: create, change, inspect and test endpoints, over the API."""

import re
import sys

import click

from kronos.cli.command import NULL, Api, IdempotencyKey, JsonText, command, given, group, options
from kronos.cli.confirmation import Consent, confirmed
from kronos.cli.exits import Exit
from kronos.model import Json, JsonObject

_FIELDS = (
    "name",
    "title",
    "type",
    "spec",
    "retry_policy",
    "max_in_flight",
    "payload_spec",
    "config",
    "use",
    "signing_secrets",
    "on_disabled",
    "health",
    "group",
    "version",
    "endpoint_id",
    "created_at",
    "updated_at",
    "limits",
    "usage",
)
_TYPES = ("HTTP", "REDIS_STREAM", "KAFKA", "EMAIL")
_RENDERED = (
    *("method", "url"),
    *("redis_url", "stream", "fields"),
    *("bootstrap_servers", "topic", "key", "value"),
    *("headers", "body", "secrets"),
)
_TRIED = ("execution_id", "status", "duration_ms", "request", "response", "error", "status_reason")
_SIGNING = {"secret": "SECRET", "scheme": "SCHEME", "public_key": "PUBLIC KEY"}
_COLUMNS = {
    "name": "NAME",
    "type": "TYPE",
    "to": "TO",
    "version": "VERSION",
    "state": "STATE",
    "updated_at": "UPDATED",
}


class _Rate(click.ParamType[Json]):
    """A rate of deliveries: COUNT, COUNT/SECONDS or COUNT/SECONDS/BURST."""

    name = "rate"

    def convert(self, value: Json, param: click.Parameter | None, ctx: click.Context | None) -> Json:
        """Return the rate as the API takes it. Fails with a message if the text is not a rate."""
        if not isinstance(value, str):
            return value
        if value == "":
            return NULL
        if not re.fullmatch(r"[0-9]{1,9}(/[0-9]{1,9}){0,2}", value):
            self.fail(f"{value!r} is not a rate: write it like 100/60, which is 100 per minute", param, ctx)
        return dict(zip(("count", "per_seconds", "burst"), map(int, value.split("/")), strict=False))


@group
def endpoint() -> None:
    """Endpoints: where deliveries go, over HTTP or to brokers."""


_options = options(
    click.option("--title", help="Display name: one line of any text."),
    click.option(
        "--to",
        "target",
        metavar="URL",
        help="HTTP: an absolute URL, with or without {{input.…}}. REDIS_STREAM: redis://host:6379/0. "
        "KAFKA: host:9092,…. "
        "EMAIL: smtp://host:587.",
    ),
    click.option("--method", help="HTTP method: GET, POST, PUT, PATCH or DELETE; new endpoints use POST by default."),
    click.option(
        "--header",
        "headers",
        multiple=True,
        metavar="NAME:VALUE",
        help="HTTP, KAFKA: header to send in addition to Kronos's own; repeatable.",
    ),
    click.option("--body", type=JsonText(), help="Body template: JSON, @FILE, or - for standard input; null: no body."),
    click.option("--topic", help="KAFKA: name of the topic."),
    click.option("--stream", help="REDIS_STREAM: key of the stream."),
    click.option(
        "--spec",
        "more",
        type=JsonText(),
        help="More of the spec (docs/transports.md): a JSON object, @FILE, or - for standard input.",
    ),
    click.option(
        "--idle-timeout-ms",
        type=int,
        help="HTTP: longest time without a byte of the response, within --timeout-ms.",
    ),
    click.option("--connect-timeout-ms", type=int, help="Timeout of a new connection, within --timeout-ms."),
    click.option("--timeout-ms", type=int, help="Timeout of the whole delivery, in milliseconds."),
    click.option(
        "--on-disabled",
        type=click.Choice(["WAIT", "SKIP"]),
        help="What happens to ticks while the endpoint is disabled.",
    ),
    click.option(
        "--retry",
        type=JsonText(),
        help="More of the retry policy (docs/retries.md): a JSON object, @FILE, or - for standard input.",
    ),
    click.option("--max-attempts", type=int, help="Maximum number of attempts, including the first."),
    click.option(
        "--max-retry-after-seconds", type=int, help="Longest wait that a receiver can request with Retry-After."
    ),
    click.option(
        "--use",
        type=click.Choice(["snapshot", "latest"]),
        help="Which endpoint version an execution uses.",
    ),
    click.option("--config", help="Config whose values its templates use, by name; '': none."),
    click.option("--payload-spec", help="Payload spec that its jobs' inputs must match, by name; '': none."),
    click.option("--max-per-key", type=int, help="Maximum number of deliveries per concurrency key at the same time."),
    click.option(
        "--concurrency-key",
        metavar="TEMPLATE",
        help="Key computed from the input, such as {{input.customer}}. --max-per-key limits each key; '': no key.",
    ),
    click.option(
        "--rate",
        type=_Rate(),
        metavar="COUNT[/SECONDS[/BURST]]",
        help="Maximum rate of deliveries: 100/60 is 100 per minute; '': no limit.",
    ),
    click.option("--max-in-flight", type=int, help="Maximum number of deliveries at the same time; 0: no limit."),
    click.option("--group", help="Worker group that delivers to it; '': none."),
    click.option(
        "--signing-secret",
        "signing_secrets",
        multiple=True,
        metavar="NAME",
        help="Secret that signs deliveries; repeatable, newest first; '': none.",
    ),
)
"""The options for an endpoint's fields."""


@command(endpoint)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="Maximum number of rows.")
def ls(api: Api, limit: int) -> None:
    """List endpoints, newest first.

    kronos endpoint ls
    """
    rows = api.rows("endpoints", limit=limit)
    shown = (
        rows
        if api.as_json
        else [
            {
                **row,
                "to": _shown(spec) if isinstance(spec := row.get("spec"), dict) else None,
                "state": health.get("state") if isinstance(health := row.get("health"), dict) else None,
            }
            for row in rows
        ]
    )
    api.list(
        shown, _COLUMNS, empty="no endpoint yet; create one: kronos endpoint create hook --to https://example.com/hook"
    )


@command(endpoint)
@click.argument("name")
def get(api: Api, name: str) -> None:
    """Show one endpoint.

    kronos endpoint get hook --json
    """
    api.show(api.get("endpoints", name), _FIELDS)


@command(endpoint)
@click.argument("name")
@click.option("--idempotency-key", type=IdempotencyKey(), help="The same key creates only one endpoint.")
@click.option(
    "--type", "kind", type=click.Choice(_TYPES), default="HTTP", show_default=True, help="Type of the endpoint."
)
@_options
def create(api: Api, name: str, idempotency_key: str | None, kind: str, **options: Json) -> None:
    """Create the endpoint NAME.

    kronos endpoint create hook --to https://example.com/hook --body '{"team": "{{input.team}}"}'

    kronos endpoint create orders --type KAFKA --to kafka.example.com:9092 --topic orders
    """
    body = _changed({"name": name, "type": kind, "spec": {}}, options)
    api.show(api.send("POST", "endpoints", body=body, key=idempotency_key), _FIELDS)


@command(endpoint)
@click.argument("name")
@click.option("--dry-run", is_flag=True, help="Only list the live jobs' inputs that its payload spec would reject.")
@click.option("--force", is_flag=True, help="Change it even if its payload spec rejects inputs of live jobs.")
@_options
def edit(api: Api, name: str, dry_run: bool, force: bool, **options: Json) -> None:
    """Change the given fields of an endpoint.

    kronos endpoint edit hook --max-attempts 5 --rate 100/60

    Retries of earlier runs use the new version.
    """
    stored = api.get("endpoints", name, fields=("spec", "retry_policy", "version", "type"))
    if (
        not isinstance(stored["spec"], dict)
        or not isinstance(stored["retry_policy"], dict)
        or not isinstance(stored["version"], int)
    ):
        raise api.client.foreign("is not an endpoint")
    # The whole endpoint is sent back, so that fields this command does not know are kept.
    query = {field: "true" for field, is_set in (("validate_only", dry_run), ("force", force)) if is_set}
    if_match = None if dry_run else f'"{stored["version"]}"'
    answer = api.send("PUT", "endpoints", name, body=_changed(stored, options), if_match=if_match, query=query)
    api.show(answer, ("is_allowed", "checked", "violations", "more") if dry_run else _FIELDS)


@command(endpoint)
@click.argument("name")
def enable(api: Api, name: str) -> None:
    """Deliver to an endpoint again. Undoes any disabling or slowdown.

    kronos endpoint enable hook
    """
    api.show(api.send("POST", "endpoints", name, "enable"), _FIELDS)


@command(endpoint)
@click.argument("name")
@click.option("--note", help="Reason, recorded for later.")
def disable(api: Api, name: str, note: str | None) -> None:
    """Stop deliveries to an endpoint until it is enabled.

    kronos endpoint disable hook --note 'disk full, see incident 7'
    """
    api.show(api.send("POST", "endpoints", name, "disable", body=given(note=note)), _FIELDS)


@command(endpoint)
@click.argument("name")
@confirmed
def rm(api: Api, name: str, consent: Consent) -> None:
    """Delete an endpoint that no live job uses.

    kronos endpoint rm hook
    """
    consent.require("delete the endpoint", name)
    api.send("DELETE", "endpoints", name)
    api.say(f"endpoint {name} is deleted")


@command(endpoint)
@click.argument("name")
def signing_keys(api: Api, name: str) -> None:
    """List the keys that sign deliveries, newest first.

    kronos endpoint signing-keys hook
    """
    answer = api.get("endpoints", name, "signing-keys", fields=("data",))
    empty = f"deliveries are not signed; sign them: kronos endpoint edit {name} --signing-secret SECRET"
    api.list(api.rows_of(answer, "data"), _SIGNING, empty=empty)


@command(endpoint)
@click.argument("name")
@click.option("--input", "input", type=JsonText(), help="Job input: JSON, @FILE, or - for standard input.")
@click.option("--job-name", help="Value of {{job.name}}.")
@click.option("--tz", "--timezone", "timezone", help="Time zone of {{scheduled_at | local}}.  [default: UTC]")
@click.option("--at", "scheduled_at", help="Value of {{scheduled_at}}, in RFC 3339.  [default: now]")
def render(api: Api, name: str, **options: Json) -> None:
    """Show what would be sent for an input. Secrets are masked.

    kronos endpoint render hook --input '{"team": "sales"}'
    """
    api.show(api.send("POST", "endpoints", name, "render", body=given(**options)), _RENDERED)


@command(endpoint)
@click.argument("name")
@click.option("--input", "input", type=JsonText(), help="Job input: JSON, @FILE, or - for standard input.")
@click.option("--idempotency-key", type=IdempotencyKey(), help="The same key creates only one delivery.")
def test(api: Api, name: str, input: Json, idempotency_key: str | None) -> None:
    """Deliver once, now, and show the response. Exits with 1 if the delivery fails.

    kronos endpoint test hook --input '{"team": "sales"}'
    """
    body = given(input=input)
    tried = api.send("POST", "endpoints", name, "test", body=body, key=idempotency_key, fields=("execution",))
    execution, attempt = tried["execution"], tried.get("attempt")
    if not isinstance(execution, dict):
        raise api.client.foreign("is not a delivery")
    shown = tried if api.as_json else {**execution, **(attempt if isinstance(attempt, dict) else {})}
    api.show({**shown, "execution_id": execution.get("execution_id")}, _TRIED)
    if execution.get("status") != "SUCCESS":
        sys.exit(Exit.FAILED)


def _changed(body: Json, options: Json) -> Json:
    """Return the endpoint with the given fields changed."""
    headers = dict(_header(text) for text in options["headers"]) or None
    if not isinstance(options["more"], dict | None):
        raise click.BadParameter("must be a JSON object", param_hint="--spec")
    where = options["target"]
    if where is not None and body.get("type") == "KAFKA":
        where = [server.strip() for server in where.split(",")]
    target = {"REDIS_STREAM": "redis_url", "KAFKA": "bootstrap_servers", "EMAIL": "smtp_url"}.get(
        str(body.get("type")), "url"
    )
    spec = given(**{target: where}, method=options["method"], headers=headers, body_template=options["body"],
                 stream=options["stream"], topic=options["topic"], timeout_ms=options["timeout_ms"],
                 connect_timeout_ms=options["connect_timeout_ms"],
                 idle_timeout_ms=options["idle_timeout_ms"])  # fmt: skip
    spec = {**(options["more"] or {}), **spec}
    if not isinstance(options["retry"], dict | None):
        raise click.BadParameter("must be a JSON object", param_hint="--retry")
    limits = {
        **(options["retry"] or {}),
        **given(max_attempts=options["max_attempts"], max_retry_after_seconds=options["max_retry_after_seconds"]),
    }
    changes = given(
        title=options["title"],
        retry_policy={**body.get("retry_policy", {}), **limits} or None,
        max_in_flight=options["max_in_flight"] if options["max_in_flight"] != 0 else NULL,
        payload_spec=options["payload_spec"] if options["payload_spec"] != "" else NULL,
        config=options["config"] if options["config"] != "" else NULL,
        use=options["use"],
        on_disabled=options["on_disabled"],
        group=options["group"] if options["group"] != "" else NULL,
        signing_secrets=[name for name in signing if name] if (signing := options["signing_secrets"]) else None,
        limits=_limits(body.get("limits"), options),
    )
    return {**body, "spec": {**body["spec"], **spec}, **changes}


def _limits(present: Json, options: Json) -> Json:
    """Return the limits with the given ones changed. max_in_flight is a field of the endpoint itself."""
    limits = {name: value for name, value in (present or {}).items() if name != "max_in_flight"}
    if (rate := options["rate"]) is not None:
        limits["rate"] = None if rate is NULL else rate
    if (key := options["concurrency_key"]) == "":
        limits |= {"concurrency_key": None, "max_concurrency_per_key": None}
    elif key is not None:
        limits["concurrency_key"] = key
    if (most := options["max_per_key"]) is not None:
        limits["max_concurrency_per_key"] = most
    return limits or None


def _shown(spec: JsonObject) -> str | None:
    """Return an endpoint's target, in one line."""
    if isinstance(brokers := spec.get("bootstrap_servers"), list):
        return f"{','.join(map(str, brokers))} {spec.get('topic')}"
    if "redis_url" in spec:
        return f"{spec['redis_url']} {spec.get('stream')}"
    if "smtp_url" in spec:
        return f"{spec['smtp_url']} {','.join(map(str, spec.get('to') or []))}"
    return spec.get("url") if isinstance(spec.get("url"), str) else None


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise click.BadParameter(f"{text!r} is not a header: write it like X-Team:reports", param_hint="--header")
    return name.strip(), value.strip()
