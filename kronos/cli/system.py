"""`kronos system …`: the instance, as its administrator sees it over the API."""

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
_WORKERS = {"worker_id": "WORKER", "running": "RUNNING", "executions": "THE FIRST OF THEM"}
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
    """The instance: pg_cron, workers, history, load. For its administrator.

    kronos system status
    """


@command(system, in_workspace=False)
def status(api: Api) -> None:
    """Show how the instance is doing.

    kronos system status

    pg_cron, lag, workers, what is followed in steps, and warnings.
    """
    answer = api.of(None).get("system", "status", fields=("status", "warnings", "steps"))
    inner = answer["status"]
    flat = {**inner, **answer} if isinstance(inner, dict) else answer
    api.show(answer if api.as_json else flat, ("status", *_STATUS) if api.as_json else _STATUS)


@command(system, in_workspace=False)
def ready(api: Api) -> None:
    """Say whether the instance can do its work. Exit code 0 where ticks are fired in time.

    kronos system ready
    """
    answer: JsonObject = api.client.call("GET", ("readyz",), fields=("status", "warnings"))
    api.show(answer, ("status", "warnings", "pg_cron_version", "internal_jobs", "silent_seconds"))


@command(system, in_workspace=False)
def workers(api: Api) -> None:
    """List the workers that have something under way.

    kronos system workers
    """
    answer = api.of(None).get("system", "workers", fields=("data",))
    empty = "no worker has anything under way; kronos system status counts the sessions of all"
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
    api.list(api.rows_of(answer, "partitions"), _PARTITIONS, empty="there is no partition: run `kronos migrate`")


@command(system, in_workspace=False)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 200), help="How many are listed.")
def drift(api: Api, limit: int) -> None:
    """List where jobs and the entries of pg_cron differ. The reaper puts it right within a minute.

    kronos system drift
    """
    answer = api.of(None).get("system", "drift", fields=("differences", "data"), limit=str(limit))
    rows = api.rows_of(answer, "data")
    api.list(rows, _DRIFT, empty="jobs and entries agree")
    if isinstance(count := answer["differences"], int) and count > len(rows):
        click.echo(f"{count - len(rows):,} more differences are not listed", err=True)


@command(system, in_workspace=False)
def alarms(api: Api) -> None:
    """Show how pg_cron is asked to ring for jobs. An entry each, or one for all that ring alike.

    kronos system alarms

    jobs that are live, how many alarms differ among them, and how often pg_cron rings a day: with an entry a job, with
    one an alarm, and as it is now. KRONOS_ALARMS says which, and kronos migrate stores it.
    """
    api.show(api.of(None).get("system", "alarms", fields=_ALARMS), _ALARMS)


@command(system, in_workspace=False)
@window_option
def load(api: Api, window: str) -> None:
    """How many runs each coming minute has, of all jobs. Against what pg_cron and a worker can do.

    kronos system load
    """
    show_load(api, api.of(None).get("system", "load", fields=("runs", "busiest"), window=window))
