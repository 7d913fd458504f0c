"""`kronos heartbeat …`: monitor jobs that run elsewhere, over the API."""

from collections.abc import Callable

import click

from kronos.cli.command import Api, command, given, group, options
from kronos.cli.confirmation import Consent, confirmed
from kronos.model import Json

_FIELDS = (
    "name", "state", "status", "note", "description", "cron", "every", "anchor", "timezone", "period_seconds",
    "grace_seconds", "max_run_seconds", "tags", "next_tick_at", "last_status", "last_ping_at", "last_success_at",
    "last_duration_ms", "running_since", "version", "ping_url",
)  # fmt: skip
_COLUMNS = {
    "name": "NAME",
    "state": "STATE",
    "description": "EXPECTED",
    "last_ping_at": "LAST PING",
    "next_tick_at": "NEXT TICK",
}
_TERMS = ("cron", "every", "anchor", "timezone", "dst_gap", "dst_overlap", "period_seconds", "grace_seconds",
          "max_run_seconds", "tags")  # fmt: skip
_EMPTY = "no heartbeat yet; create one: kronos heartbeat create nightly-backup --cron '0 3 * * *'"


@group
def heartbeat() -> None:
    """Heartbeats: monitor jobs that run elsewhere.

    Each heartbeat has a ping URL, which its job calls. See also `kronos run-and-ping`.
    """


def _terms(*, is_new: bool) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The options that define a heartbeat. Only a new one gets defaults: edit keeps what it has."""

    def default(value: str) -> str:
        return f"  [default: {value}]" if is_new else ""

    return options(
        click.option("--cron", help="A cron expression of five fields, such as '0 3 * * *'."),
        click.option("--every", help="An interval, such as 90m."),
        click.option("--anchor", help="The instant that --every counts from."),
        click.option("--tz", "timezone", help=f"Time zone of the schedule.{default('UTC')}"),
        click.option("--period", "period_seconds", type=int, help="Maximum number of seconds between two pings."),
        click.option(
            "--grace-seconds", type=int, help=f"How long after its tick a ping is still on time.{default('300')}"
        ),
        click.option(
            "--max-run-seconds", type=int, help=f"A run that takes longer counts as failed.{default('one day')}"
        ),
        click.option("--tag", "tags", multiple=True, help="A tag to find the heartbeat by; repeatable."),
    )


@command(heartbeat)
@click.option("--tag", help="Only heartbeats with this tag.")
@click.option("--state", help="Only heartbeats in this state, such as DOWN.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="Maximum number of rows.")
def ls(api: Api, limit: int, tag: str | None, state: str | None) -> None:
    """List heartbeats, newest first.

    kronos heartbeat ls --state DOWN
    """
    api.list(api.rows("heartbeats", limit=limit, tag=tag, state=state), _COLUMNS, empty=_EMPTY)


@command(heartbeat)
@click.argument("heartbeat")
def get(api: Api, heartbeat: str) -> None:
    """Show one heartbeat. Its ping URL is not shown again; `rotate` gives it a new one.

    kronos heartbeat get nightly-backup
    """
    api.show(api.get("heartbeats", heartbeat), _FIELDS)
    if not (api.as_json or api.as_plain):
        found = api.get("incidents", fields=("data",), limit="10", status="LIVE", heartbeat=heartbeat)
        alerts = api.rows_of(found, "data")
        if alerts:
            click.echo()
            api.list(alerts, {"rule": "ALERT", "detail": "WHAT", "opened_at": "SINCE"}, empty="")


@command(heartbeat)
@click.argument("name")
@_terms(is_new=True)
def create(api: Api, name: str, **terms: Json) -> None:
    """Create the heartbeat NAME. Its ping URL is shown only once; anyone who has it can ping.

    kronos heartbeat create nightly-backup --cron '0 3 * * *' --tz Europe/Berlin --grace-seconds 900
    kronos heartbeat create worker --period 600
    """
    api.show(api.send("POST", "heartbeats", body={"name": name, **_given(terms)}), _FIELDS)


@command(heartbeat)
@click.argument("heartbeat")
@_terms(is_new=False)
def edit(api: Api, heartbeat: str, **terms: Json) -> None:
    """Change the given fields of a heartbeat. Its ping URL does not change.

    kronos heartbeat edit nightly-backup --grace-seconds 1800
    """
    present = api.get("heartbeats", heartbeat)
    changed = _given(terms)
    body = {name: present[name] for name in _TERMS if present.get(name) is not None}
    if changed.keys() & {"cron", "every", "period_seconds"}:
        for name in ("cron", "every", "anchor", "period_seconds"):
            body.pop(name, None)
    elif present.get("anchor_local") is not None:
        body["anchor"] = present["anchor_local"]
    version = present.get("version")
    tag = None if version is None else f'"{version}"'
    api.show(api.send("PUT", "heartbeats", heartbeat, body={**body, **changed}, if_match=tag), _FIELDS)


@command(heartbeat)
@click.argument("heartbeat")
@confirmed
def rm(api: Api, heartbeat: str, consent: Consent) -> None:
    """Delete a heartbeat with its history. Its ping URL stops working.

    kronos heartbeat rm nightly-backup
    """
    consent.require("delete the heartbeat", heartbeat)
    api.send("DELETE", "heartbeats", heartbeat)
    api.say(f"heartbeat {heartbeat} is deleted")


@command(heartbeat)
@click.argument("heartbeat")
@click.option("--note", help="Reason, recorded for later.")
def pause(api: Api, heartbeat: str, note: str | None) -> None:
    """Pause a heartbeat. No ping is expected until you resume it.

    kronos heartbeat pause nightly-backup --note 'moving hosts'
    """
    api.show(api.send("POST", "heartbeats", heartbeat, "pause", body=given(note=note)), _FIELDS)


@command(heartbeat)
@click.argument("heartbeat")
def resume(api: Api, heartbeat: str) -> None:
    """Resume a paused heartbeat. A ping is expected from its next tick on.

    kronos heartbeat resume nightly-backup
    """
    api.show(api.send("POST", "heartbeats", heartbeat, "resume"), _FIELDS)


@command(heartbeat)
@click.argument("heartbeat")
@confirmed
def rotate(api: Api, heartbeat: str, consent: Consent) -> None:
    """Give a heartbeat a new ping URL, which is shown only once. The old one stops working.

    kronos heartbeat rotate nightly-backup
    """
    consent.require("end the ping URL of", heartbeat)
    api.show(api.send("POST", "heartbeats", heartbeat, "rotate"), _FIELDS)


@command(heartbeat)
@click.argument("heartbeat")
@click.option("--log", "with_log", is_flag=True, help="Also show the logs that the runs sent.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="Maximum number of rows.")
def pings(api: Api, heartbeat: str, limit: int, with_log: bool) -> None:
    """List a heartbeat's pings, newest first.

    kronos heartbeat pings nightly-backup --log
    """
    columns = {
        "at": "AT", "kind": "KIND", "exit_code": "EXIT", "duration_ms": "MS", "run_id": "RUN", "tick_at": "TICK",
        **({"log": "LOG"} if with_log else {}),
    }  # fmt: skip
    rows = api.rows("heartbeats", heartbeat, "pings", limit=limit, include="log" if with_log else None)
    api.list(rows, columns, empty=f"{heartbeat} has no pings yet")


@command(heartbeat)
@click.argument("heartbeat")
@click.option("--status", help="Only ticks in this status, such as MISSED.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="Maximum number of rows.")
def ticks(api: Api, heartbeat: str, limit: int, status: str | None) -> None:
    """Show the outcome of each tick, newest first.

    kronos heartbeat ticks nightly-backup --status MISSED
    """
    columns = {
        "tick_at": "TICK", "status": "STATUS", "reason": "REASON", "tick_count": "TICKS", "started_at": "STARTED",
        "ended_at": "ENDED", "duration_ms": "MS", "exit_code": "EXIT",
    }  # fmt: skip
    rows = api.rows("heartbeats", heartbeat, "ticks", limit=limit, status=status)
    api.list(rows, columns, empty=f"{heartbeat} has no past ticks yet")


def _given(terms: Json) -> Json:
    return given(**{**terms, "tags": list(terms["tags"]) or None})
