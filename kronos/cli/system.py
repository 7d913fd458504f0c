"""`kronos system …`: the administrator's view of the instance, over the API."""

import click

from kronos.cli.command import Api, command, group
from kronos.cli.load import show_load, window_option
from kronos.model import JsonObject

_STATUS = (
    "warnings",
    "postgresql_version",
    "pg_cron_version",
    "pg_cron_silent_seconds",
    "has_launcher",
    "internal_jobs",
    "internal_entries",
    "overdue_jobs",
    "overdue_seconds",
    "worker_sessions",
    "waiting_endpoints",
    "waiting_seconds",
    "unserved_groups",
    "cron_timezone",
    "zones_changed_at",
    "is_held",
    "is_read_only",
    "alarm_failure",
    "steps",
)
_WORKERS = {"worker_id": "WORKER", "running": "RUNNING", "executions": "OLDEST CLAIMS"}
_PARTITIONS = {
    "history": "HISTORY",
    "partition": "PARTITION",
    "from_at": "FROM",
    "until_at": "UNTIL",
    "rows": "ROWS",
    "bytes": "BYTES",
}
_ALARMS = (
    "wanted",
    "are_shared",
    "changed_at",
    "jobs",
    "alarms",
    "entries",
    "folded",
    "rings_apart",
    "rings_shared",
    "rings_now",
)
_DRIFT = {"difference": "DIFFERENCE", "jobname": "ENTRY", "job_id": "JOB", "workspace": "WORKSPACE", "jobid": "NUMBER"}


@group
def system() -> None:
    """Instance: pg_cron, workers, history and load. For its administrator.

    kronos system status
    """


@command(system, in_workspace=False)
def status(api: Api) -> None:
    """Show the state of the instance.

    kronos system status

    Covers pg_cron, lag, workers, work that is done in steps, and warnings.
    """
    answer = api.of(None).get("system", "status", fields=("status", "warnings", "steps"))
    inner = answer["status"]
    flat = {**inner, **answer} if isinstance(inner, dict) else answer
    api.show(answer if api.as_json else flat, ("status", *_STATUS) if api.as_json else _STATUS)


@command(system, in_workspace=False)
def ready(api: Api) -> None:
    """Check whether the instance is ready. Exits with 0 if ticks are fired on time.

    kronos system ready
    """
    answer: JsonObject = api.client.call("GET", ("readyz",), fields=("status", "warnings"))
    api.show(answer, ("status", "warnings", "pg_cron_version", "internal_jobs", "silent_seconds"))


@command(system, in_workspace=False)
def workers(api: Api) -> None:
    """List the workers that have deliveries in progress.

    kronos system workers
    """
    answer = api.of(None).get("system", "workers", fields=("data",))
    empty = "no worker has deliveries in progress; to count worker sessions: kronos system status"
    api.list(api.rows_of(answer, "data"), _WORKERS, empty=empty)


@command(system, in_workspace=False)
def history(api: Api) -> None:
    """Show how long history is kept, and in which partitions.

    kronos system history
    """
    answer = api.of(None).get("system", "history", fields=("retention", "partitions"))
    if api.as_json:
        api.show(answer, ("retention", "partitions"))
        return
    kept = answer["retention"]
    if isinstance(kept, dict) and not api.as_plain:
        api.show(kept, tuple(kept))
        click.echo()
    api.list(api.rows_of(answer, "partitions"), _PARTITIONS, empty="there are no partitions: run `kronos migrate`")


@command(system, in_workspace=False)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 200), help="Maximum number of rows.")
def drift(api: Api, limit: int) -> None:
    """List differences between jobs and pg_cron's entries. The reaper repairs them within a minute.

    kronos system drift
    """
    answer = api.of(None).get("system", "drift", fields=("differences", "data"), limit=str(limit))
    rows = api.rows_of(answer, "data")
    api.list(rows, _DRIFT, empty="jobs and entries agree")
    if isinstance(count := answer["differences"], int) and count > len(rows):
        click.echo(f"{count - len(rows):,} more differences not listed", err=True)


@command(system, in_workspace=False)
def alarms(api: Api) -> None:
    """Show how pg_cron rings for jobs. Each job has an entry, or shares one.

    kronos system alarms

    Shows the number of live jobs and of distinct alarms, and how often pg_cron rings per day: with one entry per job,
    with one per alarm, and now. KRONOS_ALARMS selects the mode, and kronos migrate stores it.
    """
    api.show(api.of(None).get("system", "alarms", fields=_ALARMS), _ALARMS)


@command(system, in_workspace=False)
@window_option
def load(api: Api, window: str) -> None:
    """Show how many runs each coming minute has, across all jobs. Also shows the capacity of pg_cron and a worker.

    kronos system load
    """
    show_load(api, api.of(None).get("system", "load", fields=("runs", "busiest"), window=window))
