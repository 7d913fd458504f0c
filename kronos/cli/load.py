"""`kronos load`: the coming load of a workspace's jobs, and how to spread it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import click
import orjson

from kronos.cli.command import Api, command
from kronos.cli.following import partly_done, whole
from kronos.counting import counted
from kronos.model import JsonObject

_HOUR = 60
_WIDTH = 40
_JOBS = {"name or job_id": "JOB", "endpoint": "ENDPOINT", "cron or every": "SCHEDULE", "timezone": "ZONE"}
_MOVES = {"job": "JOB", "minutes": "MINUTES LATER", "cron": "ITS NEW CRON"}
_PLANNED = {
    "job": "JOB",
    "tick": "NEXT TICK",
    "run_at_before": "RUNS AT",
    "run_at": "WOULD RUN AT",
    "offset_seconds": "OFFSET",
    "spread_seconds": "AT MOST",
}

_AGAIN = "To plan the rest anew and move it: kronos load --apply, with the same --window"

window_option = click.option(
    "--window", type=click.Choice(["24h", "7d"]), default="24h", show_default=True, help="How far to look ahead."
)


@command(None)
@window_option
@click.option("--at", help="List the jobs of this minute, such as 2026-12-01T09:00:00Z, and how to spread them.")
@click.option(
    "--spread",
    type=click.IntRange(1, 59),
    default=10,
    show_default=True,
    help="With --at: spread the jobs over this many minutes.",
)
@click.option("--plan", is_flag=True, help="Show how to move the jobs whose owners allow it (--spread of a job).")
@click.option("--apply", is_flag=True, help="Carry out that plan, with one change to each job.")
def load(api: Api, window: str, at: str | None, spread: int, plan: bool, apply: bool) -> None:
    """Show how many runs each coming minute has.

    kronos load --window 7d

    kronos load --at 2026-12-01T09:00:00Z --spread 15

    kronos load --plan --window 7d

    Also shows the busiest minutes. With --at, lists the jobs of one minute and how to spread them. With --plain, prints
    only the minutes that have runs, or the jobs.
    """
    if plan or apply:
        if at is not None:
            raise click.UsageError("--at is for one minute, a plan for all: pass only one of the two")
        _plan(api, api.get("load", "plan", fields=("moves", "before", "after"), window=window), is_applied=apply)
        return
    if at is None:
        show_load(api, api.get("load", fields=("runs", "busiest"), window=window))
        return
    answer = api.get("load", "minute", fields=("number", "jobs"), window=window, at=at, spread=str(spread))
    if api.as_json:
        click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2))
        return
    api.list(api.rows_of(answer, "jobs"), _JOBS, empty=f"no job runs at {at}")
    found = answer.get("spread")
    if api.as_plain or not isinstance(found, dict):
        return
    click.echo(
        f"\nspread over {counted(spread, 'minute')}, the busiest minute would have "
        f"{counted(found['after'], 'run')}, not {found['before']}:"
    )
    moves = api.rows_of(found, "moves")
    named = [{**move, "job": _named(move["job"])} for move in moves]
    api.list(named, _MOVES, empty="nothing would be moved")
    click.echo("move one: kronos job edit JOB --cron 'ITS NEW CRON'")


def _minutes(api: Api, answer: JsonObject, runs: Sequence[int]) -> list[JsonObject]:
    """Return the minutes that have runs. Raises ClickException."""
    try:
        first = datetime.fromisoformat(str(answer.get("from_at")))
    except ValueError:
        raise api.client.foreign("does not say when its window begins") from None
    at = (first + timedelta(minutes=number) for number in range(len(runs)))
    return [
        {"at": minute.isoformat().replace("+00:00", "Z"), "runs": count}
        for minute, count in zip(at, runs, strict=True)
        if count
    ]


def _plan(api: Api, answer: JsonObject, *, is_applied: bool) -> None:
    """Show the plan's effect and moves, or apply the moves. Each is applied only if its job has not changed."""
    moves = api.rows_of(answer, "moves")
    shown = [{**move, "job": _named(move)} for move in moves]
    if is_applied:
        _move(api, moves)
        api.say(f"moved {counted(len(moves), 'job')}", answer)
        return
    if api.as_json:
        click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2))
        return
    api.list(shown, _PLANNED, empty="no move lowers the busiest minute")
    if api.as_plain:
        return
    looked = f"{counted(whole(answer, 'jobs'), 'job')} can be moved"
    click.echo(
        f"{looked}; the busiest minute has {counted(answer['before'], 'delivery', 'deliveries')}, and "
        f"would have {answer['after']}"
    )
    if left_out := answer.get("left_out"):
        click.echo(
            f"{left_out:,} more could be moved but were not considered: plan again after applying this", err=True
        )
    if moves:
        click.echo("to apply this: kronos load --apply, with the same --window")


def _move(api: Api, moves: Sequence[JsonObject]) -> None:
    """Raises ClickException, which says how many were moved before."""
    done = 0
    with partly_done(lambda: f"{done:,} of {counted(len(moves), 'job')} moved before that. {_AGAIN}"):
        for move in moves:
            path, change = ("jobs", str(move["job_id"])), {"offset_seconds": move["offset_seconds"]}
            api.send("PATCH", *path, body=change, if_match=f'"{move["version"]}"', fields=("version",))
            done += 1


def _named(job: object) -> object:
    return (job.get("name") or job.get("job_id")) if isinstance(job, dict) else job


def show_load(api: Api, answer: JsonObject) -> None:
    """Print the busiest minute of each hour, the busiest minutes overall, and the capacity per minute."""
    if api.as_json:
        click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2))
        return
    runs = [count for count in answer["runs"] if isinstance(count, int)] if isinstance(answer["runs"], list) else []
    if api.as_plain:
        api.list(_minutes(api, answer, runs), {"at": "AT", "runs": "RUNS"}, empty="")
        return
    hours = [runs[at : at + _HOUR] for at in range(0, len(runs), _HOUR)]
    most = max(map(max, hours), default=0)
    when = f"from {answer.get('from_at')} to {answer.get('until')}"
    click.echo(f"{counted(whole(answer, 'jobs'), 'job')}, {counted(sum(runs), 'run')} {when}")
    if most:
        click.echo("hour  the busiest minute, and total runs")
        for number, hour in enumerate(hours):
            if any(hour):
                click.echo(f"{f'+{number}':<5} {'#' * max(1, _WIDTH * max(hour) // most)} {max(hour):,}  {sum(hour):,}")
        click.echo("busiest minutes:")
        for each in api.rows_of(answer, "busiest"):
            click.echo(f"  {each['at']}  {each['runs']:,}")
    click.echo(
        f"capacity per minute: pg_cron {answer.get('pg_cron_per_minute'):,} runs, one worker "
        f"{answer.get('worker_per_minute'):,} deliveries"
    )
    if left_out := answer.get("left_out"):
        click.echo(
            f"{counted(left_out, 'job is', 'jobs are')} not counted: too many different schedules, or "
            f"ticks moved by calendars",
            err=True,
        )
