"""`kronos logs`: print the changes in a workspace, one per line, from the API's events."""

import time

import click
import orjson

from kronos.cli.client import LostError, Told, printable
from kronos.cli.command import Api, command
from kronos.model import JsonObject

_AGAIN_SECONDS = 2.0
_TIMES = ("completed_at", "started_at", "retired_at", "last_ping_at", "created_at")
"""Fields of an event. The first that is set is printed in front."""
_MORE = ("reason", "attempt_count", "next_run_at", "done", "total")
_RESET = "some changes may be missing: list jobs and executions (kronos job ls, kronos execution ls)"


@command(None)
@click.option("-f", "--follow", is_flag=True, required=True, expose_value=False, help="Continue until Ctrl-C.")
@click.option("--job", help="Only this job and its executions, by id or name.")
@click.option(
    "--type",
    "kind",
    type=click.Choice(["job", "execution", "heartbeat", "operation"]),
    help="Only changes of this type. Heartbeats and operations are shown only if named here.",
)
@click.option("--status", help="Only what is in this status now, such as FAILED.")
def logs(api: Api, kind: str | None, **filters: str | None) -> None:
    """Print the changes in a workspace until Ctrl-C.

    kronos logs -f --job report --status FAILED
    """
    api.require_named(filters)
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
        click.echo(f"{why}: reconnecting", err=True)
        time.sleep(_AGAIN_SECONDS)  # nothing reports when the server is back


def _line(told: Told, data: JsonObject) -> str:
    """Return one event in the form for people."""
    if told.type == "reset":
        return _RESET
    at = next(filter(None, (data.get(name) for name in _TIMES)), "-")
    name = data.get("name") or data.get("job_name") or data.get("job_id") or data.get("kind")
    own_id = next(filter(None, (data.get(f"{each}_id") for each in ("execution", "job", "heartbeat", "operation"))), "")
    what = [str(at), told.type, str(own_id), str(name), str(data.get("state") or data.get("status"))]
    what += [f"{field}={data[field]}" for field in _MORE if data.get(field)]
    return printable("  ".join(what))
