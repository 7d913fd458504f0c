"""`kronos alert …` and `kronos alert-rule …`: what a workspace wants to be told of, and what it was, over the API."""

import re
from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import click

from kronos import alert_shapes
from kronos.cli.command import Api, command, given, group
from kronos.cli.confirmation import Consent, confirmed
from kronos.cli.inputs import Number
from kronos.model import Json, JsonObject

_P = ParamSpec("_P")
_R = TypeVar("_R")
_RULE = (
    *("name", "condition", "selects", "per", "tell", "severity", "recovered", "repeat_seconds", "enabled"),
    *("version", "created_at", "updated_at"),
)
_RULES = {
    "name": "NAME",
    "condition": "CONDITION",
    "selects": "SELECTS",
    "per": "PER",
    "tell": "TELLS",
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
        """In seconds. Fails in a sentence where it is none."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"([0-9]{1,9})([smhd]?)", value)
        if found is None:
            self.fail(f"{value!r} is no span of time: write 90s, 5m, 2h or 1d", param, ctx)
        return int(found[1]) * _SECONDS[found[2] or "s"]


_SPAN = _Span()


@group
def alert() -> None:
    """Incidents: what broke an alert rule, until it is over.

    `kronos alert-rule` has the rules.
    """


@group
def alert_rule() -> None:
    """Alert rules: what a workspace wants to be told of."""


def _terms(run: Callable[_P, _R]) -> Callable[_P, _R]:
    """The options that say what a rule is."""
    for option in (
        click.option("--enabled/--disabled", default=None, help="Whether it is judged.  [default: enabled]"),
        click.option("--repeat", "repeat_seconds", type=_SPAN, help="Say again what nobody acknowledges, so often."),
        click.option("--recovered/--no-recovered", default=None, help="Say when it is over.  [default: recovered]"),
        click.option(
            "--severity", type=click.Choice(["INFO", "WARNING", "ERROR", "CRITICAL"]), help="  [default: ERROR]"
        ),
        click.option("--tell", multiple=True, help="An endpoint that is told; may be given again."),
        click.option(
            "--together", is_flag=True, help="All that is selected is one, one-shots too; else each CRON job."
        ),
        click.option("--heartbeat", help="What this heartbeat says."),
        click.option("--endpoint", help="What goes to this endpoint."),
        click.option("--tag", help="Jobs and heartbeats with this tag."),
        click.option("--job", help="This job, an id or a name."),
        click.option("--min-runs", type=int, help="With --failure-rate: of fewer runs it says nothing."),
        click.option("--within", "window_seconds", type=_SPAN, help="With --failure-rate: of the last 1h."),
        click.option("--runs", type=int, help="With --failure-rate: of the last so many."),
        click.option("--failure-rate", "percent", type=int, metavar="PERCENT", help="So many of 100 runs failed."),
        click.option("--no-success", type=_SPAN, help="None succeeded for so long."),
        click.option("--factor", type=Number(max=1e9), help="A run takes longer than so many times what is usual."),
        click.option("--running", type=_SPAN, help="A run takes longer than that."),
        click.option("--late", type=_SPAN, help="A run begins later than that after it was due."),
        click.option("--missed", type=int, help="So many ticks in a row had no run."),
        click.option("--failures", type=int, help="So many runs in a row failed."),
    ):
        run = option(run)
    return run


@command(alert_rule)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="How many rows at most.")
def ls(api: Api, limit: int) -> None:
    """List alert rules, newest first.

    kronos alert-rule ls
    """
    empty = "no alert rule yet; make one: kronos alert-rule create NAME --failures 3 --tell ENDPOINT"
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
    """Make the alert rule NAME. It is about what ends from then on.

    kronos alert-rule create nightly --job report --failures 3 --tell chat
    kronos alert-rule create backups --tag backup --no-success 1d --tell pager --severity CRITICAL
    kronos alert-rule create hook --endpoint hook --together --failure-rate 20 --within 1h --tell chat
    """
    api.show(api.send("POST", "alert-rules", body={"name": name} | _rule(terms)), _RULE)


@command(alert_rule)
@click.argument("name")
@_terms
def put(api: Api, name: str, **terms: Json) -> None:
    """Replace an alert rule, or make it. What is not said is as of a new one.

    kronos alert-rule put nightly --job report --failures 5 --tell chat

    Where it selects or judges otherwise than before, its incidents are over.
    """
    api.show(api.send("PUT", "alert-rules", name, body=_rule(terms)), _RULE)


@command(alert_rule)
@click.argument("name")
@confirmed
def rm(api: Api, name: str, consent: Consent) -> None:
    """Delete an alert rule. Its incidents are over, and nobody is told.

    kronos alert-rule rm nightly
    """
    consent.require("delete the alert rule", name)
    api.send("DELETE", "alert-rules", name)
    api.say(f"alert rule {name} is deleted")


@command(alert, name="ls")
@click.option("--all", "is_all", is_flag=True, help="Those that are over, too.")
@click.option(
    "--status", type=click.Choice(["OPEN", "ACKNOWLEDGED", "RESOLVED", "LIVE"]), help="In this.  [default: LIVE]"
)
@click.option("--rule", help="Of this rule.")
@click.option("--job", help="Of this job, an id or a name.")
@click.option("--heartbeat", help="Of this heartbeat.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many rows at most.")
def list_incidents(api: Api, is_all: bool, status: str | None, limit: int, **of: str | None) -> None:
    """List incidents, newest first: those that are not over.

    kronos alert ls
    kronos alert ls --job report --all
    """
    if is_all and status is not None:
        raise click.UsageError("--all goes without --status: leave one of them out")
    found = api.rows("incidents", limit=limit, status=status or (None if is_all else "LIVE"), **of)
    rows = found if api.as_json else [{**row, "subject": _named(row)} for row in found]
    api.list(rows, _INCIDENTS, empty="no incident: nothing breaks an alert rule")


@command(alert, name="get")
@click.argument("incident_id")
def get_incident(api: Api, incident_id: str) -> None:
    """Show one incident, and the deliveries that told of it.

    kronos alert get 019a3c1e-7c1b-7c52-9a51-3f0f2f1e9a10
    """
    api.show(api.get("incidents", incident_id), _INCIDENT)


@command(alert)
@click.argument("incident_id")
@click.option("--note", help="For people who wonder later.")
def ack(api: Api, incident_id: str, note: str | None) -> None:
    """Say that somebody has an incident. It is not said again.

    kronos alert ack 019a3c1e-7c1b-7c52-9a51-3f0f2f1e9a10 --note 'on it'
    """
    api.show(api.send("POST", "incidents", incident_id, "acknowledge", body=given(note=note)), _INCIDENT)


@command(alert)
@click.argument("incident_id")
@click.option("--for", "span", type=_SPAN, help="For so long, such as 2h.")
@click.option("--until", help="Until then, such as 2026-12-01T09:00:00Z.")
@click.option("--off", is_flag=True, help="Say it as before.")
def snooze(api: Api, incident_id: str, span: int | None, until: str | None, off: bool) -> None:
    """Say nothing more of an incident for a time. Then it is said once more, where it lasts and nobody has it.

    kronos alert snooze 019a3c1e-7c1b-7c52-9a51-3f0f2f1e9a10 --for 2h
    """
    if [span is not None, until is not None, off].count(True) != 1:
        raise click.UsageError("say for how long: one of --for 2h, --until INSTANT and --off")
    body = given(until=until, seconds=span)
    api.show(api.send("POST", "incidents", incident_id, "snooze", body=body), _INCIDENT)


@command(alert)
@click.argument("name")
@click.option("--shape", required=True, type=click.Choice(["webhook", "slack", "pagerduty"]), help="Who takes it.")
@click.option("--to", help="The URL that it is sent to; PagerDuty's own is known.")
@click.option("--secret", help="pagerduty: the secret that holds the routing key.")
def endpoint(api: Api, name: str, shape: str, to: str | None, secret: str | None) -> None:
    """Make the endpoint NAME for notifications of this shape. `kronos endpoint edit` changes it like any other.

    kronos alert endpoint chat --shape slack --to https://hooks.slack.com/services/T0/B0/x
    kronos alert endpoint pager --shape pagerduty --secret pagerduty-key
    """
    if shape == "pagerduty":
        if secret is None:
            raise click.UsageError(
                "PagerDuty wants a routing key: store it (kronos secret set) and name it by --secret"
            )
        to = to or alert_shapes.PAGERDUTY_URL
    elif secret is not None:
        raise click.UsageError("--secret goes with --shape pagerduty")
    if to is None:
        raise click.UsageError("say where it goes: --to URL")
    body = alert_shapes.endpoint(cast(alert_shapes.Shape, shape), url=to, secret=secret)
    made = api.send("POST", "endpoints", body={"name": name} | body)
    api.show(made, ("name", "type", "spec", "version"))


def _rule(terms: dict[str, Json]) -> JsonObject:
    """The body that the options ask for. Raises UsageError."""
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
            "say what breaks the rule: one of --failures 3, --missed 1, --late 5m, --running 1h or --factor 3, "
            "--no-success 1d, and --failure-rate 20 --within 1h"
        )
    return found[0]


def _named(row: JsonObject) -> Json:
    subject = row.get("subject")
    return subject.get("name") or subject.get("kind") if isinstance(subject, dict) else subject
