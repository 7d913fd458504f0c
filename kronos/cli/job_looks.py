"""`kronos job diff|ticks|glance|executions`: what a change would do, what became of each tick, and how jobs do."""

import re

import click
from rich.text import Text

from kronos.cli.command import Api, command
from kronos.cli.execution import COLUMNS as EXECUTIONS
from kronos.cli.execution import EMPTY as NO_EXECUTION
from kronos.cli.job import changes_given, clear_option, job, job_terms
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
_TICKS = {"tick": "TICK", "disposition": "DISPOSITION", "execution_id": "EXECUTION", "because": "BECAUSE"}
_GLANCES = {
    "name": "JOB",
    "success_rate": "SUCCESS",
    "p95_ms": "P95 MS",
    "overdue_since": "OVERDUE SINCE",
    "runs": "LAST RUNS, THE NEWEST FIRST",
}
_SIGNS = {"SUCCESS": "+", "FAILED": "x", "EXPIRED": "x", "MISSED": "m", "RUNNING": ">", "RETRYING": "~"}


@command(job)
@click.argument("job")
@click.option("--name", help="Another name.")
@clear_option
@job_terms
def diff(api: Api, job: str, name: str | None, clear: tuple[str, ...], **terms: Json) -> None:
    """What an edit would do to a job's runs of 7 days. Nothing is changed.

    kronos job diff report --cron '0 7 * * *'
    """
    changes = changes_given(name, clear, terms)
    if not changes:
        raise click.UsageError("say what would be changed, as with `kronos job edit`: --cron '0 7 * * *'")
    api.show(api.send("POST", "jobs", job, "diff", body=changes), _DIFF)


@command(job)
@click.argument("job")
@click.option("--from", "from_", help="The first is not before.  [default: a day before --to; by day, 31 days]")
@click.option("--to", help="The last is before.  [default: now]")
@click.option("--by-day", is_flag=True, help="How many of each kind a day had, 32 days at most.")
@click.option("--tz", "timezone", help="With --by-day: whose days.  [default: the job's]")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 1000), help="How many ticks at most.")
def ticks(
    api: Api, job: str, from_: str | None, to: str | None, by_day: bool, timezone: str | None, limit: int
) -> None:
    """What became of each tick of a CRON job. Those to come among them.

    kronos job ticks report --from 2026-12-01T00:00:00Z --to 2026-12-02T00:00:00Z
    """
    if timezone is not None and not by_day:
        raise click.UsageError("--tz goes with --by-day: ticks are instants, days are a zone's")
    window = {"from": from_, "to": to}
    if by_day:
        answer = api.get("jobs", job, "ticks", "days", fields=("data",), timezone=timezone, **window)
        api.list(api.rows_of(answer, "data"), {"day": "DAY", "ticks": "TICKS"}, empty=f"{job} has no tick then")
        return
    answer = api.get("jobs", job, "ticks", fields=("data",), limit=str(limit), **window)
    api.list(api.rows_of(answer, "data"), _TICKS, empty=f"{job} has no tick then")
    if (more := answer.get("next_from")) is not None:
        click.echo(f"there are more: --from {more}", err=True)


@command(job)
@click.argument("jobs", nargs=-1, metavar="[JOB]...")
def glance(api: Api, jobs: tuple[str, ...]) -> None:
    """How CRON jobs do: the last 20 runs of each. + is a success, x a failure, m a missed tick, > runs, ~ is retried.

    kronos job glance report

    Without a JOB: the newest fifty that are live.
    """
    found = {str(row["job_id"]): row for row in _glanced(api, jobs)}
    if not found:
        api.list([], _GLANCES, empty="no CRON job yet; make one: kronos job create NAME --endpoint hook --every 1h")
        return
    answer = api.get("jobs:glance", fields=("data",), ids=",".join(found))
    rows = api.rows_of(answer, "data")
    shown = rows if api.as_json else [_glance(row, found.get(str(row["job_id"]), {})) for row in rows]
    api.list(shown, _GLANCES, empty="none of these is a CRON job")


@command(job)
@click.argument("job")
@click.option("--status", help="In this status, such as FAILED.")
@click.option("--after", "scheduled_after", help="Of later ticks, such as 2026-12-01T00:00:00Z.")
@click.option("--before", "scheduled_before", help="Of earlier ticks.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many rows at most.")
def executions(api: Api, job: str, limit: int, **filters: str | None) -> None:
    """The executions of JOB, newest first.

    kronos job executions report --status FAILED
    """
    api.list(api.rows("jobs", job, "executions", limit=limit, **filters), EXECUTIONS, empty=NO_EXECUTION)


def _glanced(api: Api, jobs: tuple[str, ...]) -> list[JsonObject]:
    """The jobs that were named, or the newest of those that are live."""
    if not jobs:
        rows: list[JsonObject] = api.rows("jobs", limit=_MOST_GLANCED, trigger="CRON", status="LIVE")
        return rows
    if len(jobs) > _MOST_GLANCED:
        raise click.UsageError(f"name {_MOST_GLANCED} jobs at most")
    return [{"job_id": each} if _ID.fullmatch(each) else api.get("jobs", each, fields=("job_id",)) for each in jobs]


def _glance(row: JsonObject, of: JsonObject) -> JsonObject:
    """A line for people."""
    rate, runs = row.get("success_rate"), row.get("runs")
    signs = [_SIGNS.get(str(run.get("status")), ".") for run in runs] if isinstance(runs, list) else []
    shown = f"{rate:.0%}" if isinstance(rate, int | float) else None
    return {**row, "name": of.get("name") or row["job_id"], "success_rate": shown, "runs": Text("".join(signs)).plain}
