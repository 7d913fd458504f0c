"""`kronos next`: what a schedule will do, asked of the one interpreter in the database."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

import click
import orjson
from rich.text import Text

from kronos import database, errors, schedules, session
from kronos.cli import environment
from kronos.cli.exits import Ended, Exit
from kronos.cli.helping import Command
from kronos.cli.output import console
from kronos.model import Json
from kronos.pool import Pool, api_session

# What a field of a preview is called here.
_OPTIONS = {"/cron": "EXPR", "/timezone": "--tz", "/count": "-n"}
_STYLES = {"shifted": "yellow", "repeated": "cyan", "skipped": "red"}
_MARK_AT = 51  # the column of a mark, where no seconds are shown
_GAP = click.Choice(["SHIFT", "SHIFT_BY_GAP", "SKIP"], case_sensitive=False)
_OVERLAP = click.Choice(["FIRST", "BOTH"], case_sensitive=False)


@click.command(cls=Command)
@click.argument("cron", metavar="[EXPR]", required=False)
@click.option("--every", help="An interval, such as 90m, 2w or 1mo, in place of EXPR.")
@click.option(
    "--anchor",
    help="What the interval is counted from; without its Z, on the zone's clocks: 2026-12-01T09:00:00.  [default: "
    "this minute]",
)
@click.option("--tz", "timezone", default="UTC", show_default=True, help="Time zone of the schedule.")
@click.option("-n", "count", default=10, show_default=True, type=click.IntRange(1, 100), help="How many runs.")
@click.option("--after", help="Runs are strictly later, such as 2026-12-01T00:00:00Z.  [default: now]")
@click.option("--dst-gap", default="SHIFT", show_default=True, type=_GAP, help="For a local time that does not exist.")
@click.option(
    "--dst-overlap", default="FIRST", show_default=True, type=_OVERLAP, help="For a local time that there is twice."
)
@click.option("--json", "as_json", is_flag=True, help="The answer of POST /v1/schedules/preview.")
def next_command(as_json: bool, **given: Json) -> None:
    """The next runs of a schedule, and what it says in words.

    EXPR is a cron expression of five fields, such as '0 9 * * 1'. Each run is a line: its local time, the same instant
    in UTC, and what the zone's clock changes do to it: shifted, repeated, or skipped. Exit code 2: it is no schedule,
    or one that never fires. Reads KRONOS_DATABASE_URL; without it, asks the instance that `kronos up` runs here.
    """
    url = environment.database_url()
    try:
        session.connect(
            url, api_session()
        ).close()  # which says why not, where the pool would wait for it to become well
        preview = asyncio.run(_preview(url, given))
    except errors.Unprocessable as error:
        raise Ended(_explained(error), Exit.USAGE) from None
    except errors.KronosError as error:
        raise Ended(_explained(error), environment.of_error(error)) from None
    if as_json:
        click.echo(orjson.dumps(preview, option=orjson.OPT_UTC_Z | orjson.OPT_INDENT_2))
        return
    to = console()
    for line in _lines(preview):
        to.print(line, soft_wrap=True)


async def _preview(url: str, given: Json) -> schedules.Preview:
    """What the API would answer. Raises KronosError."""
    from pydantic import ValidationError  # here, so that the other commands do not load the API's schemas

    from kronos.api.job_schemas import SchedulePreview
    from kronos.api.requests import schedule_text
    from kronos.api.validation import faults_of

    try:
        body = SchedulePreview.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        faults = faults_of(error, SchedulePreview)
        raise errors.Unprocessable(faults[0].detail, faults=faults) from None
    async with Pool(url, size=1) as pool:
        return await schedules.preview(
            database.InstanceView(pool), schedule_text(body), after=body.after, count=body.count
        )


def _explained(error: errors.KronosError) -> str:
    """What is wrong with which option, and what to write instead."""
    lines: list[str] = []
    for fault in error.faults:
        option = _OPTIONS.get(fault.pointer, f"--{fault.pointer.strip('/').replace('_', '-')}")
        lines.append(f"{option}: {fault.detail}")
        if fault.hint:
            lines.append(f"  hint: {fault.hint}")
    return "\n".join(lines) or error.said


def _lines(preview: schedules.Preview) -> Iterator[Text]:
    """The description, a line a run or skipped tick in order, a line a lint."""
    yield Text(preview.description, style="bold")
    ticks: list[schedules.NextRun | schedules.SkippedTick] = [*preview.skipped, *preview.next_runs]
    ticks.sort(key=lambda tick: tick.at)  # stable: what is skipped stands before the run at the gap's end
    seconds = ":%S" if any(tick.at.second or tick.at.microsecond for tick in ticks) else ""
    for tick in ticks:
        local = datetime.fromisoformat(tick.local)
        offset = tick.local[19:].lstrip(".0123456789")
        utc = f"{tick.at.astimezone(UTC):%Y-%m-%d %H:%M{seconds}} UTC" if tick.dst != "skipped" else "does not exist"
        line = Text(f"{local:%a %Y-%m-%d %H:%M{seconds}} {offset:6}  {utc}")
        if tick.dst is not None:
            line.pad_right(_MARK_AT + 2 * len(seconds) - len(line))
            line.append(tick.dst, style=_STYLES[tick.dst])
        yield line
    for lint in preview.lints:
        yield Text.assemble(("note: ", "yellow"), lint)
