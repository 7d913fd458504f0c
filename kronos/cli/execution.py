"""`kronos execution …`: inspect, cancel and retry executions, over the API."""

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
EMPTY = "no execution matches; a job creates one at each tick; to run one now: kronos job trigger JOB"


@group
def execution() -> None:
    """Executions: runs of jobs, each with its attempts."""


@command(execution)
@click.option("--job", help="Only executions of this job, by id or name.")
@click.option("--status", help="Only executions in this status, such as FAILED.")
@click.option("--after", "scheduled_after", help="Only ticks after this time, such as 2026-12-01T00:00:00Z.")
@click.option("--before", "scheduled_before", help="Only ticks before this time.")
@click.option("--endpoint", help="Only executions to this endpoint.")
@click.option(
    "--search",
    "q",
    help="Only executions whose error, reason or job name contains this text, or whose id begins with it.",
)
@click.option("--caused-by", help="Only callbacks that the end of this execution started.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="Maximum number of rows.")
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
    api.list(api.rows("executions", execution_id, "attempts"), _ATTEMPTS, empty="there was no attempt yet")


@command(execution)
@click.argument("execution_id")
def logs(api: Api, execution_id: str) -> None:
    """List what happened to an execution, line by line.

    kronos execution logs 01a22140-a496-7251-b2bf-f3fbba30bcd5
    """
    api.list(api.rows("executions", execution_id, "logs"), _LOGS, empty="nothing has happened to it yet")


@command(execution)
@click.argument("execution_id")
def cancel(api: Api, execution_id: str) -> None:
    """Cancel an execution that has not ended. If a request is in progress, its connection is closed.

    kronos execution cancel 01a22140-a496-7251-b2bf-f3fbba30bcd5
    """
    api.show(api.send("POST", "executions", execution_id, "cancel"), _FIELDS)


@command(execution)
@click.argument("execution_id")
@click.option(
    "--endpoint-version",
    type=click.Choice(["latest", "same"]),
    help="Deliver to the endpoint as it is now (latest, default) or as it was (same).",
)
@click.option("--idempotency-key", type=IdempotencyKey(), help="The same key retries only once.")
def retry(api: Api, execution_id: str, endpoint_version: str | None, idempotency_key: str | None) -> None:
    """Make a failed, cancelled or expired execution due again. It keeps its id.

    kronos execution retry 01a22140-a496-7251-b2bf-f3fbba30bcd5 --endpoint-version same
    """
    body = given(endpoint_version=endpoint_version) or None
    api.show(api.send("POST", "executions", execution_id, "retry", body=body, key=idempotency_key), _FIELDS)
