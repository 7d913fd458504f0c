"""`kronos operation …`: follow and cancel operations, which change many rows in the background, over the API."""

import click

from kronos.cli.command import Api, command, group
from kronos.cli.following import Stand, Work, whole
from kronos.model import JsonObject

_FIELDS = (
    "operation_id",
    "kind",
    "status",
    "status_reason",
    "filter",
    "count",
    "total",
    "done",
    "failed",
    "failures",
    "refused",
    "per_second",
    "endpoint_version",
    "created_at",
    "completed_at",
)
_COLUMNS = {
    "operation_id": "OPERATION",
    "kind": "KIND",
    "status": "STATUS",
    "total": "TOTAL",
    "done": "DONE",
    "failed": "FAILED",
    "created_at": "CREATED",
}
_EMPTY = "no operation yet; start one: kronos job bulk pause --tag TAG --dry-run"


def _stand(found: JsonObject) -> Stand:
    return Stand(
        done=whole(found, "done", "failed"), total=whole(found, "total") or None, failed=whole(found, "failed")
    )


OPERATION = Work(noun="operation", fields=_FIELDS, stand=_stand)


@group
def operation() -> None:
    """Operations: background work on many rows."""


@command(operation)
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="Maximum number of rows.")
def ls(api: Api, limit: int) -> None:
    """List operations, newest first.

    kronos operation ls
    """
    api.list(api.rows("operations", limit=limit), _COLUMNS, empty=_EMPTY)


@command(operation)
@click.argument("operation_id")
def get(api: Api, operation_id: str) -> None:
    """Show one operation, with its progress.

    kronos operation get 01a22140-a496-7251-b2bf-f3fbba30bcd5
    """
    api.show(api.get("operations", operation_id), _FIELDS)


@command(operation)
@click.argument("operation_id")
def cancel(api: Api, operation_id: str) -> None:
    """Cancel an operation. What it has done so far stays done.

    kronos operation cancel 01a22140-a496-7251-b2bf-f3fbba30bcd5
    """
    api.show(api.send("POST", "operations", operation_id, "cancel"), _FIELDS)


@command(operation)
@click.argument("operation_id")
def watch(api: Api, operation_id: str) -> None:
    """Show the progress of an operation until it ends. Ctrl-C leaves it running. Exits with 1 if it did not succeed.

    kronos operation watch 01a22140-a496-7251-b2bf-f3fbba30bcd5
    """
    OPERATION.finish(api, operation_id)
