"""`kronos alert …` and `kronos alert-rule …`: manage alert rules and incidents, over the API."""

import re
from typing import cast

import click

from kronos import alert_shapes
from kronos.cli.command import Api, command, given, group, options
from kronos.cli.confirmation import Consent, confirmed
from kronos.cli.inputs import Number
from kronos.model import Json, JsonObject

_RULE = (
    *("name", "condition", "selects", "per", "tell", "severity", "recovered", "repeat_seconds", "enabled"),
    *("version", "created_at", "updated_at"),
)
_RULES = {
    "name": "NAME",
    "condition": "CONDITION",
    "selects": "SELECTS",
    "per": "PER",
    "tell": "NOTIFIES",
    "severity": "SEVERITY",
    "enabled": "ENABLED",
}
_INCIDENT = (
    *("incident_id", "status", "rule", "severity", "subject", "detail", "execution_id", "opened_at", "resolved_at"),
    *("resolution", "acknowledged_at", "acknowledged_by", "note", "snoozed_until", "said_at", "times_said"),
    "notifications",
)
_INCIDENTS = {
    "incident_id": "INCIDENT",
    "status": "STATUS",
    "severity": "SEVERITY",
    "rule": "RULE",
    "subject": "SUBJECT",
    "detail": "WHAT",
    "opened_at": "OPENED",
}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class _Span(click.ParamType[int]):
    """A number of seconds, or 90s, 5m, 2h, 1d."""

    name = "span"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the span in seconds. Fails with a message if the text is not a span."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"([0-9]{1,9})([smhd]?)", value)
        if found is None:
            self.fail(f"{value!r} is not a time span: write 90s, 5m, 2h or 1d", param, ctx)
        return int(found[1]) * _SECONDS[found[2] or "s"]


_SPAN = _Span()


@group
def alert() -> None:
    """Incidents: what broke an alert rule, until resolved.

    For the rules, see `kronos alert-rule`.
    """


@group
def alert_rule() -> None:
    """Alert rules: when to notify, and whom."""


_terms = options(
    click.option("--failures", type=int, help="Break the rule when this many consecutive runs failed."),
    click.option("--missed", type=int, help="Break the rule when this many consecutive ticks had no run."),
    click.option("--late", type=_SPAN, help="Break the rule when a run starts later than this after its due time."),
    click.option("--running", type=_SPAN, help="Break the rule when a run takes longer than this."),
    click.option(
        "--factor",
        type=Number(max=1e9),
        help="Break the rule when a run takes over this many times as long as usual.",
    ),
    click.option("--no-success", type=_SPAN, help="Break the rule when no run has succeeded for this long."),
    click.option(
        "--failure-rate",
        "percent",
        type=int,
        metavar="PERCENT",
        help="Break the rule when this percentage of runs failed.",
    ),
    click.option("--runs", type=int, help="With --failure-rate: count this many of the latest runs."),
    click.option(
        "--within",
        "window_seconds",
        type=_SPAN,
        help="With --failure-rate: count the runs of this time span, such as 1h.",
    ),
    click.option("--min-runs", type=int, help="With --failure-rate: the minimum number of runs to evaluate."),
    click.option("--job", help="Select this job, by id or name."),
    click.option("--tag", help="Select jobs and heartbeats with this tag."),
    click.option("--endpoint", help="Select jobs of this endpoint."),
    click.option("--heartbeat", help="Select this heartbeat."),
    click.option(
        "--together",
        is_flag=True,
        help="Evaluate everything selected together, including one-shots, instead of each CRON job.",
    ),
    click.option("--tell", multiple=True, help="Endpoint to notify; repeatable."),
    click.option(
        "--severity",
        type=click.Choice(["INFO", "WARNING", "ERROR", "CRITICAL"]),
        help="Severity of incidents.  [default: ERROR]",
    ),
    click.option(
        "--recovered/--no-recovered",
        default=None,
        help="Whether to notify when an incident is over.  [default: recovered]",
    ),
    click.option(
        "--repeat",
        "repeat_seconds",
        type=_SPAN,
        help="Notify again at this interval until the incident is acknowledged.",
    ),
    click.option("--enabled/--disabled", default=None, help="Whether the rule is evaluated.  [default: enabled]"),
)
"""The options that define a rule."""


@command(alert_rule)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="Maximum number of rows.")
def ls(api: Api, limit: int) -> None:
    """List alert rules, newest first.

    kronos alert-rule ls
    """
    empty = "no alert rule yet; create one: kronos alert-rule create NAME --failures 3 --tell ENDPOINT"
    api.list(api.rows("alert-rules", limit=limit), _RULES, empty=empty)


@command(alert_rule)
@click.argument("name")
def get(api: Api, name: str) -> None:
    """Show one alert rule.

    kronos alert-rule get nightly
    """
    api.show(api.get("alert-rules", name), _RULE)


@command(alert_rule)
@click.argument("name")
@_terms
def create(api: Api, name: str, **terms: Json) -> None:
    """Create the alert rule NAME. It applies to runs that end from now on.

    kronos alert-rule create nightly --job report --failures 3 --tell chat
    kronos alert-rule create backups --tag backup --no-success 1d --tell pager --severity CRITICAL
    kronos alert-rule create hook --endpoint hook --together --failure-rate 20 --within 1h --tell chat
    """
    api.show(api.send("POST", "alert-rules", body={"name": name} | _rule(terms)), _RULE)


@command(alert_rule)
@click.argument("name")
@_terms
def put(api: Api, name: str, **terms: Json) -> None:
    """Replace an alert rule, or create it. Options that are not given get their defaults.

    kronos alert-rule put nightly --job report --failures 5 --tell chat

    If its selection or condition changes, its open incidents are resolved.
    """
    api.show(api.send("PUT", "alert-rules", name, body=_rule(terms)), _RULE)


@command(alert_rule)
@click.argument("name")
@confirmed
def rm(api: Api, name: str, consent: Consent) -> None:
    """Delete an alert rule. Its incidents are resolved without notification.

    kronos alert-rule rm nightly
    """
    consent.require("delete the alert rule", name)
    api.send("DELETE", "alert-rules", name)
    api.say(f"alert rule {name} is deleted")


@command(alert, name="ls")
@click.option("--all", "is_all", is_flag=True, help="Also list resolved incidents.")
@click.option(
    "--status",
    type=click.Choice(["OPEN", "ACKNOWLEDGED", "RESOLVED", "LIVE"]),
    help="Only incidents in this status.  [default: LIVE]",
)
@click.option("--rule", help="Only incidents of this rule.")
@click.option("--job", help="Only incidents of this job, by id or name.")
@click.option("--heartbeat", help="Only incidents of this heartbeat.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="Maximum number of rows.")
def list_incidents(api: Api, is_all: bool, status: str | None, limit: int, **of: str | None) -> None:
    """List unresolved incidents, newest first.

    kronos alert ls
    kronos alert ls --job report --all
    """
    if is_all and status is not None:
        raise click.UsageError("--all and --status cannot be combined")
    found = api.rows("incidents", limit=limit, status=status or (None if is_all else "LIVE"), **of)
    rows = found if api.as_json else [{**row, "subject": _named(row)} for row in found]
    api.list(rows, _INCIDENTS, empty="no incident: nothing breaks an alert rule")


@command(alert, name="get")
@click.argument("incident_id")
def get_incident(api: Api, incident_id: str) -> None:
    """Show one incident, with its notifications.

    kronos alert get 019a3c1e-7c1b-7c52-9a51-3f0f2f1e9a10
    """
    api.show(api.get("incidents", incident_id), _INCIDENT)


@command(alert)
@click.argument("incident_id")
@click.option("--note", help="Reason, recorded for later.")
def ack(api: Api, incident_id: str, note: str | None) -> None:
    """Acknowledge an incident. Its notification is not repeated.

    kronos alert ack 019a3c1e-7c1b-7c52-9a51-3f0f2f1e9a10 --note 'on it'
    """
    api.show(api.send("POST", "incidents", incident_id, "acknowledge", body=given(note=note)), _INCIDENT)


@command(alert)
@click.argument("incident_id")
@click.option("--for", "span", type=_SPAN, help="Snooze for this long, such as 2h.")
@click.option("--until", help="Snooze until this time, such as 2026-12-01T09:00:00Z.")
@click.option("--off", is_flag=True, help="End the snooze.")
def snooze(api: Api, incident_id: str, span: int | None, until: str | None, off: bool) -> None:
    """Snooze an incident's notifications. Then one is sent if it is neither resolved nor acknowledged.

    kronos alert snooze 019a3c1e-7c1b-7c52-9a51-3f0f2f1e9a10 --for 2h
    """
    if [span is not None, until is not None, off].count(True) != 1:
        raise click.UsageError("say how long: pass exactly one of --for 2h, --until INSTANT or --off")
    body = given(until=until, seconds=span)
    api.show(api.send("POST", "incidents", incident_id, "snooze", body=body), _INCIDENT)


@command(alert)
@click.argument("name")
@click.option(
    "--shape",
    required=True,
    type=click.Choice(["webhook", "slack", "pagerduty"]),
    help="Format of the notifications.",
)
@click.option("--to", help="URL to send notifications to; not needed for PagerDuty.")
@click.option("--secret", help="pagerduty: name of the secret with the routing key.")
def endpoint(api: Api, name: str, shape: str, to: str | None, secret: str | None) -> None:
    """Create the endpoint NAME for notifications. Change it with `kronos endpoint edit`, like any other.

    kronos alert endpoint chat --shape slack --to https://hooks.slack.com/services/T0/B0/x
    kronos alert endpoint pager --shape pagerduty --secret pagerduty-key
    """
    if shape == "pagerduty":
        if secret is None:
            raise click.UsageError(
                "PagerDuty needs a routing key: store it (kronos secret set) and pass its name in --secret"
            )
        to = to or alert_shapes.PAGERDUTY_URL
    elif secret is not None:
        raise click.UsageError("--secret needs --shape pagerduty")
    if to is None:
        raise click.UsageError("where should notifications go? Pass --to URL")
    body = alert_shapes.endpoint(cast(alert_shapes.Shape, shape), url=to, secret=secret)
    made = api.send("POST", "endpoints", body={"name": name} | body)
    api.show(made, ("name", "type", "spec", "version"))


def _rule(terms: dict[str, Json]) -> JsonObject:
    """Return the request body for the options. Raises UsageError."""
    selects = given(**{name: terms.pop(name) for name in ("job", "tag", "endpoint", "heartbeat")})
    condition = _condition({name: terms.pop(name) for name in _OF_CONDITION})
    is_one, tell = terms.pop("together"), terms.pop("tell")
    told: JsonObject = given(**terms, per="ALL" if is_one else None)
    return told | {
        "condition": condition,
        "selects": selects,
        "tell": list(tell),
    }


_OF_CONDITION = (
    *("failures", "missed", "late", "running", "factor", "no_success", "percent", "runs", "window_seconds", "min_runs"),
)


def _condition(asked: dict[str, Json]) -> JsonObject:
    rate = given(**{name: asked[name] for name in ("percent", "runs", "window_seconds", "min_runs")})
    running = given(seconds=asked["running"], factor=asked["factor"])
    found: list[JsonObject] = [
        *([{"type": "FAILURES", "count": asked["failures"]}] if asked["failures"] is not None else []),
        *([{"type": "MISSED", "count": asked["missed"]}] if asked["missed"] is not None else []),
        *([{"type": "LATE", "seconds": asked["late"]}] if asked["late"] is not None else []),
        *([{"type": "NO_SUCCESS", "seconds": asked["no_success"]}] if asked["no_success"] is not None else []),
        *([{"type": "RUNNING", **running}] if running else []),
        *([{"type": "FAILURE_RATE", **rate}] if rate else []),
    ]
    if len(found) != 1:
        raise click.UsageError(
            "say what breaks the rule: pass exactly one of --failures 3, --missed 1, --late 5m, --running 1h or "
            "--factor 3, --no-success 1d, or --failure-rate 20 --within 1h"
        )
    return found[0]


def _named(row: JsonObject) -> Json:
    subject = row.get("subject")
    return subject.get("name") or subject.get("kind") if isinstance(subject, dict) else subject
