"""`kronos logs`: what changes in a workspace, a line each, over the API's events."""

import time

import click
import orjson

from kronos.cli.client import LostError, Told, printable
from kronos.cli.command import Api, command
from kronos.model import JsonObject

_AGAIN_SECONDS = 2.0
_TIMES = ("completed_at", "started_at", "retired_at", "last_ping_at", "created_at")
"""Of which the first that there is stands in front."""
_MORE = ("reason", "attempt_count", "next_run_at", "done", "total")
_RESET = "changes may be missing: list jobs and executions (kronos job ls, kronos execution ls)"


@command(None)
@click.option("-f", "--follow", is_flag=True, required=True, expose_value=False, help="Go on until Ctrl-C.")
@click.option("--job", help="Of this job and its executions, an id or a name.")
@click.option(
    "--type",
    "kind",
    type=click.Choice(["job", "execution", "heartbeat", "operation"]),
    help="Of these alone; heartbeats and operations where they are named.",
)
@click.option("--status", help="Of what is in this status now, such as FAILED.")
def logs(api: Api, kind: str | None, **filters: str | None) -> None:
    """Print what changes in a workspace, until Ctrl-C.

    kronos logs -f --job report --status FAILED
    """
    after: str | None = None
    has_listened = False
    while True:
        try:
            for told in api.listen("events", after=after, types=kind, **filters):
                has_listened = True
                after = told.id or after
                if told.data is not None:
                    click.echo(orjson.dumps(told.data) if api.as_json else _line(told, told.data))
            why = "the stream has ended"
        except LostError as error:
            if not has_listened:
                raise
            why = error.message
        click.echo(f"{why}: listening again", err=True)
        time.sleep(_AGAIN_SECONDS)  # nothing says when a server that is away is back


def _line(told: Told, data: JsonObject) -> str:
    """One event as people read it."""
    if told.type == "reset":
        return _RESET
    at = next(filter(None, (data.get(name) for name in _TIMES)), "-")
    name = data.get("name") or data.get("job_name") or data.get("job_id") or data.get("kind")
    own_id = next(filter(None, (data.get(f"{each}_id") for each in ("execution", "job", "heartbeat", "operation"))), "")
    what = [str(at), told.type, str(own_id), str(name), str(data.get("state") or data.get("status"))]
    what += [f"{field}={data[field]}" for field in _MORE if data.get(field)]
    return printable("  ".join(what))
