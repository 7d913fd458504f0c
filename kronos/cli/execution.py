"""`kronos execution …`: what ran, what became of it, and what it said, over the API."""

import click

from kronos.cli.command import Api, IdempotencyKey, command, given, group

_FIELDS = (
    "execution_id",
    "job_name",
    "job_id",
    "endpoint",
    "cause",
    "status",
    "status_reason",
    "scheduled_at",
    "run_at",
    "started_at",
    "completed_at",
    "duration_ms",
    "attempt_count",
    "max_attempts",
    "input",
    "output",
    "error",
    "worker_id",
    "created_by",
    "caused_by",
    "callbacks",
)
COLUMNS = {
    "execution_id": "EXECUTION",
    "job_name or job_id": "JOB",
    "cause": "CAUSE",
    "status": "STATUS",
    "scheduled_at": "SCHEDULED",
    "duration_ms": "MS",
    "attempt_count": "ATTEMPTS",
}
_ATTEMPTS = {
    "attempt_number": "ATTEMPT",
    "status": "STATUS",
    "started_at": "STARTED",
    "duration_ms": "MS",
    "worker_id": "WORKER",
    "response": "RESPONSE",
    "error": "ERROR",
}
_LOGS = {"at": "AT", "level": "LEVEL", "message": "MESSAGE"}
EMPTY = "no execution matches; a job makes one at each tick, or now: kronos job trigger JOB"


@group
def execution() -> None:
    """Executions: one run of a job each, with its attempts."""


@command(execution)
@click.option("--job", help="Of this job, an id or a name.")
@click.option("--status", help="In this status, such as FAILED.")
@click.option("--after", "scheduled_after", help="Of later ticks, such as 2026-12-01T00:00:00Z.")
@click.option("--before", "scheduled_before", help="Of earlier ticks.")
@click.option("--endpoint", help="To this endpoint.")
@click.option("--search", "q", help="Whose error, reason or job's name holds this text; or whose id begins with it.")
@click.option("--caused-by", help="Set off by the end of this execution: its callbacks.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many rows at most.")
def ls(api: Api, limit: int, **filters: str | None) -> None:
    """List executions, newest first.

    kronos execution ls --job report --status FAILED
    """
    api.list(api.rows("executions", limit=limit, **filters), COLUMNS, empty=EMPTY)


@command(execution)
@click.argument("execution_id")
def get(api: Api, execution_id: str) -> None:
    """Show one execution.

    kronos execution get 01a22140-a496-7251-b2bf-f3fbba30bcd5 --json
    """
    api.show(api.get("executions", execution_id), _FIELDS)


@command(execution)
@click.argument("execution_id")
def attempts(api: Api, execution_id: str) -> None:
    """List an execution's attempts, first to last.

    kronos execution attempts 01a22140-a496-7251-b2bf-f3fbba30bcd5
    """
    api.list(api.rows("executions", execution_id, "attempts"), _ATTEMPTS, empty="it has not been tried yet")


@command(execution)
@click.argument("execution_id")
def logs(api: Api, execution_id: str) -> None:
    """Say what happened to an execution, line by line.

    kronos execution logs 01a22140-a496-7251-b2bf-f3fbba30bcd5
    """
    api.list(api.rows("executions", execution_id, "logs"), _LOGS, empty="nothing has happened to it yet")


@command(execution)
@click.argument("execution_id")
def cancel(api: Api, execution_id: str) -> None:
    """Cancel an execution that has not ended. A request under way is ended: its connection is closed.

    kronos execution cancel 01a22140-a496-7251-b2bf-f3fbba30bcd5
    """
    api.show(api.send("POST", "executions", execution_id, "cancel"), _FIELDS)


@command(execution)
@click.argument("execution_id")
@click.option(
    "--endpoint-version",
    type=click.Choice(["latest", "same"]),
    help="To its endpoint as it is now (default), or as it was.",
)
@click.option("--idempotency-key", type=IdempotencyKey(), help="The same key is the same retry.")
def retry(api: Api, execution_id: str, endpoint_version: str | None, idempotency_key: str | None) -> None:
    """Make a failed, cancelled or expired execution due again. It keeps its id.

    kronos execution retry 01a22140-a496-7251-b2bf-f3fbba30bcd5 --endpoint-version same
    """
    body = given(endpoint_version=endpoint_version) or None
    api.show(api.send("POST", "executions", execution_id, "retry", body=body, key=idempotency_key), _FIELDS)
