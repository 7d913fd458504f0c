"""`kronos overview`: a workspace at a glance; and `kronos me`: the key's owner."""

import click
import orjson

from kronos.cli.command import Api, command
from kronos.cli.following import whole
from kronos.counting import counted
from kronos.model import JsonObject

_FAILING = {
    "job_name or job_id or endpoint": "FAILING",
    "failures": "FAILURES",
    "last_failed_at": "LAST FAILED",
    "execution_id": "EXECUTION",
    "message": "LATEST ERROR",
}
_LATE = {"job_name or job_id": "LATE", "number": "RUNS", "since": "SINCE", "why": "WHY"}
_PLAIN = ("at", "delivered", "failed", "coming_jobs", "queue", "dead_letters", "pg_cron", "failing", "late", "alerts")
_ME = ("kind", "actor", "email", "grants")


@command(None)
def overview(api: Api) -> None:
    """Show a workspace at a glance.

    Covers the last and the next hour, failures, late runs with the reason, the queue, workers and pg_cron.

    kronos overview

    For a live view on a terminal, use kronos top.
    """
    answer = api.get("overview", fields=("at", "minutes", "failing", "late", "queue", "dead_letters", "pg_cron"))
    if api.as_json:
        click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2))
        return
    if api.as_plain:
        api.show(answer, _PLAIN)
        return
    api.show(facts_of(api, answer), ("last_hour", "next_hour", "queue", "workers", "dead_letters", "alerts", "pg_cron"))
    for field, columns in (("failing", _FAILING), ("late", _LATE)):
        if rows := api.rows_of(answer, field):
            click.echo()
            api.list(rows, columns, empty="")


def facts_of(api: Api, answer: JsonObject) -> JsonObject:
    """Return the most important facts, one sentence each."""
    queue, letters, firing = (_object(answer.get(name)) for name in ("queue", "dead_letters", "pg_cron"))
    told = _object(answer.get("alerts"))
    upcoming = sum(minute.get("upcoming") or 0 for minute in api.rows_of(answer, "minutes"))
    more = " and more" if answer.get("is_delivered_cut") else ""
    since = f" since {queue['waiting_since']}" if queue.get("waiting_since") else ""
    warnings = firing.get("warnings")
    well = "rings" if firing.get("is_ready") else "does not ring"
    return {
        "last_hour": f"{answer.get('delivered')}{more} delivered, {answer.get('failed')} failed",
        "next_hour": f"{counted(upcoming, 'run')} of {counted(whole(answer, 'coming_jobs'), 'CRON job')}",
        "queue": f"{queue.get('running')} running, {queue.get('waiting')} waiting{since}",
        "workers": counted(whole(firing, "worker_sessions"), "session"),
        "dead_letters": f"{letters.get('number')}",
        "alerts": f"{told.get('live')} unresolved, {told.get('open')} of them not acknowledged",
        "pg_cron": "; ".join([well, *(map(str, warnings) if isinstance(warnings, list) else [])]),
    }


def _object(value: object) -> JsonObject:
    return value if isinstance(value, dict) else {}


@command(None, in_workspace=False)
def me(api: Api) -> None:
    """Show whose key this is, and what it may do where.

    kronos me
    """
    api.show(api.of(None).get("me"), _ME)
