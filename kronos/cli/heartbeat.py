"""`kronos heartbeat …`: jobs that run elsewhere, and what is expected of them, over the API."""

from collections.abc import Callable

import click

from kronos.cli.command import Api, command, given, group
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
_EMPTY = "no heartbeat yet; make one: kronos heartbeat create nightly-backup --cron '0 3 * * *'"


@group
def heartbeat() -> None:
    """Heartbeats: what is expected of jobs elsewhere.

    Each has a ping URL, which its job calls: see also `kronos run-and-ping`.
    """


def _terms(function: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--tag", "tags", multiple=True, help="A word to find it by; again for more."),
        click.option("--max-run-seconds", type=int, help="A run that has not ended by then has failed.  [a day]"),
        click.option("--grace-seconds", type=int, help="How long after its tick a ping is on time.  [300]"),
        click.option("--period", "period_seconds", type=int, help="Seconds from one ping to the next, at most."),
        click.option("--tz", "timezone", help="The zone of the expression.  [UTC]"),
        click.option("--anchor", help="What --every is counted from."),
        click.option("--every", help="An interval on a grid, such as 90m."),
        click.option("--cron", help="Five fields, such as '0 3 * * *'."),
    ):
        function = option(function)
    return function


@command(heartbeat)
@click.option("--tag", help="With this tag.")
@click.option("--state", help="In this state, such as DOWN.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="How many rows at most.")
def ls(api: Api, limit: int, tag: str | None, state: str | None) -> None:
    """List heartbeats, newest first.

    kronos heartbeat ls --state DOWN
    """
    api.list(api.rows("heartbeats", limit=limit, tag=tag, state=state), _COLUMNS, empty=_EMPTY)


@command(heartbeat)
@click.argument("heartbeat")
def get(api: Api, heartbeat: str) -> None:
    """Show one heartbeat. Its ping URL is not shown again: rotate gives it another.

    kronos heartbeat get nightly-backup
    """
    api.show(api.get("heartbeats", heartbeat), _FIELDS)
    if not (api.as_json or api.as_plain):
        alerts = api.rows("incidents", limit=10, status="LIVE", heartbeat=heartbeat)
        if alerts:
            click.echo()
            api.list(alerts, {"rule": "ALERT", "detail": "WHAT", "opened_at": "SINCE"}, empty="")


@command(heartbeat)
@click.argument("name")
@_terms
def create(api: Api, name: str, **terms: Json) -> None:
    """Make the heartbeat NAME. Its ping URL is shown this once: whoever has it may ping.

    kronos heartbeat create nightly-backup --cron '0 3 * * *' --tz Europe/Berlin --grace-seconds 900
    kronos heartbeat create worker --period 600
    """
    api.show(api.send("POST", "heartbeats", body={"name": name, **_given(terms)}), _FIELDS)


@command(heartbeat)
@click.argument("heartbeat")
@_terms
def edit(api: Api, heartbeat: str, **terms: Json) -> None:
    """Change what is expected of a heartbeat; what is not given stays. Its ping URL stays as it is.

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
    """Delete a heartbeat with all that it said. Its ping URL works no longer.

    kronos heartbeat rm nightly-backup
    """
    consent.require("delete the heartbeat", heartbeat)
    api.send("DELETE", "heartbeats", heartbeat)
    api.say(f"heartbeat {heartbeat} is deleted")


@command(heartbeat)
@click.argument("heartbeat")
@click.option("--note", help="For people who wonder later.")
def pause(api: Api, heartbeat: str, note: str | None) -> None:
    """Expect nothing of a heartbeat until it is resumed.

    kronos heartbeat pause nightly-backup --note 'moving hosts'
    """
    api.show(api.send("POST", "heartbeats", heartbeat, "pause", body=given(note=note)), _FIELDS)


@command(heartbeat)
@click.argument("heartbeat")
def resume(api: Api, heartbeat: str) -> None:
    """Expect the next tick of a paused heartbeat again.

    kronos heartbeat resume nightly-backup
    """
    api.show(api.send("POST", "heartbeats", heartbeat, "resume"), _FIELDS)


@command(heartbeat)
@click.argument("heartbeat")
@confirmed
def rotate(api: Api, heartbeat: str, consent: Consent) -> None:
    """Give a heartbeat another ping URL, shown this once. The one before works no longer.

    kronos heartbeat rotate nightly-backup
    """
    consent.require("end the ping URL of", heartbeat)
    api.show(api.send("POST", "heartbeats", heartbeat, "rotate"), _FIELDS)


@command(heartbeat)
@click.argument("heartbeat")
@click.option("--log", "with_log", is_flag=True, help="What each printed, too.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many rows at most.")
def pings(api: Api, heartbeat: str, limit: int, with_log: bool) -> None:
    """What came, the newest first.

    kronos heartbeat pings nightly-backup --log
    """
    columns = {
        "at": "AT", "kind": "KIND", "exit_code": "EXIT", "duration_ms": "MS", "run_id": "RUN", "tick_at": "TICK",
        **({"log": "LOG"} if with_log else {}),
    }  # fmt: skip
    rows = api.rows("heartbeats", heartbeat, "pings", limit=limit, include="log" if with_log else None)
    api.list(rows, columns, empty=f"{heartbeat} has not pinged yet")


@command(heartbeat)
@click.argument("heartbeat")
@click.option("--status", help="Of which this has become, such as MISSED.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many rows at most.")
def ticks(api: Api, heartbeat: str, limit: int, status: str | None) -> None:
    """What became of each tick, the newest first.

    kronos heartbeat ticks nightly-backup --status MISSED
    """
    columns = {
        "tick_at": "TICK", "status": "STATUS", "reason": "REASON", "tick_count": "TICKS", "started_at": "BEGAN",
        "ended_at": "ENDED", "duration_ms": "MS", "exit_code": "EXIT",
    }  # fmt: skip
    rows = api.rows("heartbeats", heartbeat, "ticks", limit=limit, status=status)
    api.list(rows, columns, empty=f"{heartbeat} has no tick behind it yet")


def _given(terms: Json) -> Json:
    return given(**{**terms, "tags": list(terms["tags"]) or None})
