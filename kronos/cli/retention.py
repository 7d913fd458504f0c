"""`kronos retention …`: set how long history is kept, and delete what is older now."""

import sys
import time

import click

from kronos import errors
from kronos import retention as history
from kronos.cli import environment
from kronos.cli.command import Api, command
from kronos.cli.exits import Exit
from kronos.cli.following import Stand, display, partly_done
from kronos.cli.helping import group
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
_MADE = "partitions_made"
_FIELDS = ("workspace", "success_days", "failure_days", "override", "defaults", "retained_from", "version")
_BUSY_SECONDS = 0.5
_LOCKED = (
    "an open transaction has locked them (a dump or a report: see pg_stat_activity, ordered by xact_start); run this "
    "again after it has ended"
)


@group
def retention() -> None:
    """Retention: how long history is kept."""


@retention.command()
@click.option("--dry-run", is_flag=True, help="Only count what would be deleted.")
def run(*, dry_run: bool) -> None:
    """Delete all history that is past its retention.

    Deletes in small transactions. The internal job retention does the same hourly, in portions.

    kronos retention run --dry-run

    Uses KRONOS_DATABASE_URL, the same URL as `kronos migrate`; if it is not set, the local `kronos up`.
    """
    url = environment.database_url()
    totals: dict[str, int] = {}
    failed: list[JsonObject] = []
    is_left = False
    with (
        partly_done(lambda: _left(totals, is_dry=dry_run), has_begun=lambda: bool(totals) and not dry_run),
        display("old history") as shown,
    ):

        def report(counts: JsonObject) -> None:
            nonlocal is_left
            is_left = counts.get("is_left", False)
            failed.extend(counts.get("errors", []))
            if counts.get("busy"):
                shown.show(_stand(totals), status="another run is in progress: waiting")
                time.sleep(_BUSY_SECONDS)  # nothing reports its end
                return
            for kind in _KINDS:
                totals[kind] = totals.get(kind, 0) + counts.get(kind, 0)
            shown.show(_stand(totals), status="would delete:" if dry_run else "")

        try:
            history.age_out(url, is_dry=dry_run, report=report)
        except errors.KronosError as error:
            raise environment.refusal(error) from None
    for kind, name in _KINDS.items():
        if totals.get(kind) or kind in ("executions", "attempts", "jobs", "run_details"):
            click.echo(f"{totals.get(kind, 0):>12}  {name}{' to delete' if dry_run and kind != _MADE else ''}")
    for each in failed:
        click.echo(f"failed: {each['task']}: {each['message']} ({each['type']})", err=True)
    if is_left and not failed:
        click.echo(f"partitions remain: {_LOCKED}", err=True)
    if failed or is_left:
        sys.exit(Exit.FAILED)


def _left(totals: dict[str, int], *, is_dry: bool) -> str:
    """Return what a run that was stopped has deleted, and how to continue it."""
    if is_dry:
        return "nothing was deleted. To count again: kronos retention run --dry-run"
    done = [f"{totals[kind]:,} {name}" for kind, name in _KINDS.items() if totals.get(kind) and kind != _MADE]
    return f"deleted before that: {', '.join(done) or 'nothing'}. To continue: kronos retention run"


def _stand(totals: dict[str, int]) -> Stand:
    return Stand(done=sum(totals.get(kind, 0) for kind in ("executions", "executions_dropped", "jobs")))


@command(retention)
def get(api: Api) -> None:
    """Show how long the history of a workspace is kept.

    kronos retention get
    """
    api.show(api.get("retention"), _FIELDS)


@command(retention)
@click.option("--success-days", type=int, help="Days to keep SUCCESS, SKIPPED and CANCELLED executions.")
@click.option("--failure-days", type=int, help="Days to keep FAILED, MISSED and EXPIRED executions.")
@click.option(
    "--clear",
    multiple=True,
    type=click.Choice(["success-days", "failure-days"]),
    help="Use the instance's value again; repeatable.",
)
def edit(api: Api, clear: tuple[str, ...], **days: int | None) -> None:
    """Set how long the history of a workspace is kept.

    kronos retention edit --success-days 7 --failure-days 90
    """
    cleared = [each.replace("-", "_") for each in clear]
    if twice := [name for name in cleared if days[name] is not None]:
        raise click.UsageError(f"--{twice[0].replace('_', '-')} is both set and cleared: pass only one of the two")
    changed = {name: value for name, value in days.items() if value is not None} | dict.fromkeys(cleared)
    if not changed:
        raise click.UsageError("nothing to change: pass --success-days, --failure-days or --clear")
    present = api.get("retention", fields=("override", "version"))
    body = {**present["override"], **changed}
    api.show(api.send("PUT", "retention", body=body, if_match=f'"{present["version"]}"'), _FIELDS)
