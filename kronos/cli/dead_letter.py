"""`kronos dead-letter …`: list, redrive and discard dead letters, over the API."""

import click

from kronos.cli.command import Api, IdempotencyKey, command, given, group, options
from kronos.cli.confirmation import Consent, confirmed
from kronos.cli.following import watch_option
from kronos.cli.operation import OPERATION
from kronos.model import Json

_LETTERS = {
    "execution_id": "EXECUTION",
    "job_name or job_id": "JOB",
    "endpoint": "ENDPOINT",
    "completed_at": "FAILED",
    "attempt_count": "ATTEMPTS",
    "error": "ERROR",
}
_GROUPS = {
    "endpoint": "ENDPOINT",
    "error_type": "ERROR",
    "number": "DEAD LETTERS",
    "jobs": "JOBS",
    "first_failed_at": "FIRST FAILED",
    "last_failed_at": "LAST FAILED",
    "message": "LATEST ERROR",
}
_NO_LETTER = "no dead letter matches: there is nothing to retry or discard"


_filters = options(
    click.option("--endpoint", help="Only dead letters of this endpoint."),
    click.option("--job", help="Only dead letters of this job, by id or name."),
    click.option("--error-type", help="Only dead letters whose last error has this type, such as http_status."),
    click.option("--search", "q", help="Only dead letters whose last error contains this text."),
    click.option("--after", help="Only dead letters that failed after this time, such as 2026-12-01T00:00:00Z."),
    click.option("--before", help="Only dead letters that failed before this time, such as 2026-12-02T00:00:00Z."),
)
"""The options that select dead letters."""


@group
def dead_letter() -> None:
    """Dead letters: FAILED executions that need attention.

    An execution is no longer a dead letter once it has been retried or discarded.
    """


@command(dead_letter)
@_filters
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="Maximum number of rows.")
def ls(api: Api, limit: int, **filters: str | None) -> None:
    """List dead letters, latest failure first.

    kronos dead-letter ls --endpoint hook
    """
    api.list(api.rows("dead-letters", limit=limit, **filters), _LETTERS, empty=_NO_LETTER)


@command(dead_letter)
@_filters
@click.option("--per-second", type=int, help="Redrive at most this many per second.")
@click.option(
    "--endpoint-version",
    type=click.Choice(["latest", "same"]),
    help="Endpoint version to deliver to: as it is now, or as it was.  [default: latest]",
)
@click.option("--dry-run", is_flag=True, help="Only count the dead letters.")
@watch_option
@click.option("--idempotency-key", type=IdempotencyKey(), help="The same key starts only one operation.")
def redrive(api: Api, dry_run: bool, watch: bool | None, idempotency_key: str | None, **terms: Json) -> None:
    """Make dead letters due again, oldest first. Without a filter, all of them.

    kronos dead-letter redrive --endpoint hook --per-second 10
    """
    _begin(api, "redrive", dry_run, watch, idempotency_key, terms)


@command(dead_letter)
@_filters
@click.option("--dry-run", is_flag=True, help="Only count the dead letters.")
@watch_option
@click.option("--idempotency-key", type=IdempotencyKey(), help="The same key starts only one operation.")
@confirmed
def discard(
    api: Api, dry_run: bool, watch: bool | None, idempotency_key: str | None, consent: Consent, **terms: Json
) -> None:
    """Remove dead letters from the list. Without a filter, removes all of them.

    kronos dead-letter discard --endpoint hook --before 2026-11-01T00:00:00Z --dry-run

    The executions stay in the history. Without a filter, confirm with the name of the workspace.
    """
    if not dry_run and not given(**terms):
        consent.require("discard all dead letters of the workspace", str(api.workspace))
    _begin(api, "discard", dry_run, watch, idempotency_key, terms)


def _begin(
    api: Api, what: str, dry_run: bool, watch: bool | None, idempotency_key: str | None, terms: dict[str, Json]
) -> None:
    body = given(**terms, validate_only=dry_run or None)
    fields = () if dry_run else ("status", "operation_id")
    found = api.send("POST", "dead-letters", what, body=body, key=idempotency_key, fields=fields)
    if dry_run:
        api.show(found, OPERATION.fields)
    else:
        OPERATION.begun(api, found, watch)


@command(dead_letter)
@_filters
def groups(api: Api, **filters: str | None) -> None:
    """Group the newest 10,000 dead letters. Groups are by endpoint and error type, each with its latest error message.

    kronos dead-letter groups
    """
    answer = api.get("dead-letters", "groups", fields=("data",), **filters)
    rows = api.rows_of(answer, "data")
    if not rows:
        api.require_named(filters)
    api.list(rows, _GROUPS, empty=_NO_LETTER)
