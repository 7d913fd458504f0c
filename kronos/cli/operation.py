"""`kronos operation …`: work over many rows, begun by a request, that goes on behind it, over the API."""

import click

from kronos.cli.command import Api, command, group

FIELDS = (
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
_EMPTY = "no operation yet; begin one: kronos dead-letter redrive --endpoint ENDPOINT --dry-run"


@group
def operation() -> None:
    """Operations: redrives and discards, and how far they are."""


@command(operation)
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many rows at most.")
def ls(api: Api, limit: int) -> None:
    """List operations, newest first."""
    api.list(api.rows("operations", limit=limit), _COLUMNS, empty=_EMPTY)


@command(operation)
@click.argument("operation_id")
def get(api: Api, operation_id: str) -> None:
    """Show one operation, and how far it has come."""
    api.show(api.get("operations", operation_id), FIELDS)


@command(operation)
@click.argument("operation_id")
def cancel(api: Api, operation_id: str) -> None:
    """Stop an operation; what it has done stays done."""
    api.show(api.send("POST", "operations", operation_id, "cancel"), FIELDS)
