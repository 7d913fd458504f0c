"""`kronos job diff|ticks|glance|executions`: the effect of a change, the outcome of each tick, and how jobs are
doing."""

import re

import click
from rich.text import Text

from kronos.cli.command import Api, command
from kronos.cli.execution import COLUMNS as EXECUTIONS
from kronos.cli.execution import EMPTY as NO_EXECUTION
from kronos.cli.job import changes_given, clear_option, job, job_terms, offset_option
from kronos.model import Json, JsonObject

_MOST_GLANCED = 50
_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DIFF = (
    "description_before",
    "description",
    "before",
    "after",
    "added",
    "removed",
    "moved",
    "first_added",
    "first_removed",
    "first_moved",
)
_TICKS = {"tick": "TICK", "disposition": "DISPOSITION", "execution_id": "EXECUTION", "because": "WHY"}
_GLANCES = {
    "name": "JOB",
    "success_rate": "SUCCESS",
    "p95_ms": "P95 MS",
    "overdue_since": "OVERDUE SINCE",
    "runs": "LATEST RUNS, NEWEST FIRST",
}
_SIGNS = {"SUCCESS": "+", "FAILED": "x", "EXPIRED": "x", "MISSED": "m", "RUNNING": ">", "RETRYING": "~"}


@command(job)
@click.argument("job")
@click.option("--name", help="New name.")
@clear_option
@offset_option
@job_terms
def diff(api: Api, job: str, name: str | None, clear: tuple[str, ...], **terms: Json) -> None:
    """Show how an edit would change a job's runs. Covers the next 7 days; nothing is changed.

    kronos job diff report --cron '0 7 * * *'
    """
    changes = changes_given(name, clear, terms)
    if not changes:
        raise click.UsageError("which change? Pass it as to `kronos job edit`: --cron '0 7 * * *'")
    api.show(api.send("POST", "jobs", job, "diff", body=changes), _DIFF)


@command(job)
@click.argument("job")
@click.option("--from", "from_", help="Ticks at this time or later.  [default: a day before --to; by day, 31 days]")
@click.option("--to", help="Ticks before this time.  [default: now]")
@click.option("--by-day", is_flag=True, help="Count the ticks of each day by outcome; at most 32 days.")
@click.option("--tz", "timezone", help="With --by-day: the time zone of the days.  [default: the job's]")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 1000), help="Maximum number of ticks.")
def ticks(
    api: Api, job: str, from_: str | None, to: str | None, by_day: bool, timezone: str | None, limit: int
) -> None:
    """Show the outcome of each tick of a CRON job. Includes upcoming ticks.

    kronos job ticks report --from 2026-12-01T00:00:00Z --to 2026-12-02T00:00:00Z

    A time without an offset is local, in the job's zone.
    """
    if timezone is not None and not by_day:
        raise click.UsageError("--tz needs --by-day: ticks are instants, only days depend on a time zone")
    window = {"from": from_, "to": to}
    if by_day:
        answer = api.get("jobs", job, "ticks", "days", fields=("data",), timezone=timezone, **window)
        api.list(
            api.rows_of(answer, "data"), {"day": "DAY", "ticks": "TICKS"}, empty=f"{job} has no tick in this window"
        )
        return
    answer = api.get("jobs", job, "ticks", fields=("data",), limit=str(limit), **window)
    api.list(api.rows_of(answer, "data"), _TICKS, empty=f"{job} has no tick in this window")
    if (more := answer.get("next_from")) is not None:
        click.echo(f"more ticks follow: --from {more}", err=True)


@command(job)
@click.argument("jobs", nargs=-1, metavar="[JOB]...")
def glance(api: Api, jobs: tuple[str, ...]) -> None:
    """Show the last 20 runs of each of several CRON jobs.

    + is a success, x a failure, m a missed tick, > a run in progress, ~ a run that is being retried.

    kronos job glance report

    Without a JOB: the fifty newest live jobs.
    """
    found = {str(row["job_id"]): row for row in _glanced(api, jobs)}
    if not found:
        api.list([], _GLANCES, empty="no CRON job yet; create one: kronos job create NAME --endpoint hook --every 1h")
        return
    answer = api.get("jobs:glance", fields=("data",), ids=",".join(found))
    rows = api.rows_of(answer, "data")
    shown = rows if api.as_json else [_glance(row, found.get(str(row["job_id"]), {})) for row in rows]
    api.list(shown, _GLANCES, empty="none of these jobs is a CRON job")


@command(job)
@click.argument("job")
@click.option("--status", help="Only executions in this status, such as FAILED.")
@click.option("--after", "scheduled_after", help="Only ticks after this time, such as 2026-12-01T00:00:00Z.")
@click.option("--before", "scheduled_before", help="Only ticks before this time.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="Maximum number of rows.")
def executions(api: Api, job: str, limit: int, **filters: str | None) -> None:
    """List the executions of JOB, newest first.

    kronos job executions report --status FAILED
    """
    api.list(api.rows("jobs", job, "executions", limit=limit, **filters), EXECUTIONS, empty=NO_EXECUTION)


def _glanced(api: Api, jobs: tuple[str, ...]) -> list[JsonObject]:
    """Return the named jobs, or the newest live ones."""
    if not jobs:
        more = "name the jobs to see others"
        rows: list[JsonObject] = api.rows("jobs", limit=_MOST_GLANCED, for_more=more, trigger="CRON", status="LIVE")
        return rows
    if len(jobs) > _MOST_GLANCED:
        raise click.UsageError(f"name at most {_MOST_GLANCED} jobs")
    return [{"job_id": each} if _ID.fullmatch(each) else api.get("jobs", each, fields=("job_id",)) for each in jobs]


def _glance(row: JsonObject, of: JsonObject) -> JsonObject:
    """Return a row in the form for people."""
    rate, runs = row.get("success_rate"), row.get("runs")
    signs = [_SIGNS.get(str(run.get("status")), ".") for run in runs] if isinstance(runs, list) else []
    shown = f"{rate:.0%}" if isinstance(rate, int | float) else None
    return {**row, "name": of.get("name") or row["job_id"], "success_rate": shown, "runs": Text("".join(signs)).plain}
