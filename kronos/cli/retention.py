"""`kronos retention run`: history that is old enough goes now, or is counted."""

import sys
import time

import click
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from kronos import errors
from kronos import retention as history
from kronos.cli import environment
from kronos.cli.exits import Exit
from kronos.cli.helping import group
from kronos.cli.output import console
from kronos.model import JsonObject

_KINDS = {
    "partitions_dropped": "partitions",
    "executions_dropped": "executions in them (about)",
    "executions": "executions",
    "attempts": "attempts",
    "late_results": "late results",
    "jobs": "jobs and versions",
    "backfills": "backfills",
    "job_faults": "faults of jobs that are over",
    "dead_letters": "dead letters",
    "operations": "operations that have ended",
    "workspaces": "deleted workspaces",
    "idempotency_keys": "idempotency keys",
    "audit_rows": "rows of the audit",
    "run_details": "rows of cron.job_run_details",
    "partitions_made": "partitions made",
}
_BUSY_SECONDS = 0.5
_LOCKED = (
    "an open transaction has them locked (a dump, a report: see pg_stat_activity by xact_start); run it again "
    "once that has ended"
)


@group
def retention() -> None:
    """How long history is kept."""


@retention.command()
@click.option("--dry-run", is_flag=True, help="Only count what would go.")
def run(*, dry_run: bool) -> None:
    """Delete all history that is older than its age, in small transactions. The internal job retention does it hourly,
    a piece at a time.

    Reads KRONOS_DATABASE_URL; it takes the one that `kronos migrate` is run with. Without it, the instance that `kronos
    up` runs here.
    """
    url = environment.database_url()
    totals: dict[str, int] = {}
    failed: list[JsonObject] = []
    is_left = False
    to = console(err=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=to, transient=True, disable=not to.is_terminal) as progress:
        task = progress.add_task("looking", total=None)

        def report(counts: JsonObject) -> None:
            nonlocal is_left
            is_left = counts.get("is_left", False)
            failed.extend(counts.get("errors", []))
            if counts.get("busy"):
                progress.update(task, description="another run is at it: waiting")
                time.sleep(_BUSY_SECONDS)  # it says nothing when it ends
                return
            for kind in _KINDS:
                totals[kind] = totals.get(kind, 0) + counts.get(kind, 0)
            progress.update(
                task,
                description=f"{totals['executions'] + totals['executions_dropped']} executions, {totals['jobs']} jobs",
            )

        try:
            history.age_out(url, is_dry=dry_run, report=report)
        except errors.KronosError as error:
            raise environment.refusal(error) from None
    for kind, name in _KINDS.items():
        if totals.get(kind) or kind in ("executions", "attempts", "jobs", "run_details"):
            click.echo(
                f"{totals.get(kind, 0):>12}  {name}{' would go' if dry_run and kind != 'partitions_made' else ''}"
            )
    for each in failed:
        click.echo(f"failed: {each['task']}: {each['message']} ({each['type']})", err=True)
    if is_left and not failed:
        click.echo(f"partitions are left: {_LOCKED}", err=True)
    if failed or is_left:
        sys.exit(Exit.FAILED)
