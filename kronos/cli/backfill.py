"""`kronos backfill …`: follow and cancel what `kronos job backfill` started, over the API."""

import click

from kronos.cli.command import Api, command, group
from kronos.cli.following import Stand, Work, whole
from kronos.model import JsonObject

_FIELDS = (
    "backfill_id",
    "job_id",
    "status",
    "status_reason",
    "from",
    "to",
    "include",
    "ticks",
    "to_run",
    "redriven",
    "created",
    "left_out",
    "max_active",
    "priority",
    "progress",
    "created_at",
    "completed_at",
)
_COLUMNS = {
    "backfill_id": "BACKFILL",
    "status": "STATUS",
    "from": "FROM",
    "to": "TO",
    "ticks": "TICKS",
    "created": "CREATED",
    "left_out": "LEFT OUT",
    "progress": "PROGRESS",
}
_EMPTY = (
    "no backfill of this job yet; start one: kronos job backfill JOB --from 2026-11-01T00:00:00Z --to "
    "2026-11-02T00:00:00Z"
)


def _stand(found: JsonObject) -> Stand:
    """Return the progress of a backfill: ticks that were left out or whose run has ended count as done."""
    progress, ticks = found.get("progress"), whole(found, "ticks")
    parts = progress if isinstance(progress, dict) else {}
    return Stand(
        done=ticks - whole(parts, "undecided", "waiting", "running"), total=ticks, failed=whole(parts, "failed")
    )


BACKFILL = Work(noun="backfill", fields=_FIELDS, stand=_stand)


@group
def backfill() -> None:
    """Backfills: a job's ticks of a past window, run now. `kronos job backfill` starts one."""


@command(backfill)
@click.argument("job")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="Maximum number of rows.")
def ls(api: Api, job: str, limit: int) -> None:
    """List a job's backfills, newest first.

    kronos backfill ls report
    """
    api.list(api.rows("jobs", job, "backfills", limit=limit), _COLUMNS, empty=_EMPTY)


@command(backfill)
@click.argument("backfill_id")
def get(api: Api, backfill_id: str) -> None:
    """Show one backfill, with the state of its executions.

    kronos backfill get 01a22140-a496-7251-b2bf-f3fbba30bcd5
    """
    api.show(api.get("backfills", backfill_id), _FIELDS)


@command(backfill)
@click.argument("backfill_id")
def cancel(api: Api, backfill_id: str) -> None:
    """Cancel a backfill. Waiting executions are cancelled, running ones are ended.

    kronos backfill cancel 01a22140-a496-7251-b2bf-f3fbba30bcd5
    """
    api.show(api.send("POST", "backfills", backfill_id, "cancel"), _FIELDS)


@command(backfill)
@click.argument("backfill_id")
def watch(api: Api, backfill_id: str) -> None:
    """Show the progress of a backfill until it ends. Ctrl-C leaves it running. Exits with 1 if one of its runs failed.

    kronos backfill watch 01a22140-a496-7251-b2bf-f3fbba30bcd5
    """
    BACKFILL.finish(api, backfill_id)
