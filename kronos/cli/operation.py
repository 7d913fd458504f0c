"""`kronos operation …`: work over many rows, begun by a request, that goes on behind it, over the API."""

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
_EMPTY = "no operation yet; begin one: kronos job bulk pause --tag TAG --dry-run"


def _stand(found: JsonObject) -> Stand:
    return Stand(
        done=whole(found, "done", "failed"), total=whole(found, "total") or None, failed=whole(found, "failed")
    )


OPERATION = Work(noun="operation", fields=_FIELDS, stand=_stand)


@group
def operation() -> None:
    """Operations: bulks, redrives, discards, deletions; how far."""


@command(operation)
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many rows at most.")
def ls(api: Api, limit: int) -> None:
    """List operations, newest first.

    kronos operation ls
    """
    api.list(api.rows("operations", limit=limit), _COLUMNS, empty=_EMPTY)


@command(operation)
@click.argument("operation_id")
def get(api: Api, operation_id: str) -> None:
    """Show one operation, and how far it has come.

    kronos operation get 01a22140-a496-7251-b2bf-f3fbba30bcd5
    """
    api.show(api.get("operations", operation_id), _FIELDS)


@command(operation)
@click.argument("operation_id")
def cancel(api: Api, operation_id: str) -> None:
    """Stop an operation; what it has done stays done.

    kronos operation cancel 01a22140-a496-7251-b2bf-f3fbba30bcd5
    """
    api.show(api.send("POST", "operations", operation_id, "cancel"), _FIELDS)


@command(operation)
@click.argument("operation_id")
def watch(api: Api, operation_id: str) -> None:
    """Show how far an operation is, until it ends. Ctrl-C leaves it running; exit 1 where it did not end well.

    kronos operation watch 01a22140-a496-7251-b2bf-f3fbba30bcd5
    """
    OPERATION.finish(api, operation_id)
