"""`kronos next`: show a schedule's runs, as the database interprets them, through the API or directly."""

import asyncio
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
import orjson
from rich.text import Text

from kronos import database, errors, schedules, sentences, session
from kronos.cli import environment, target
from kronos.cli.exits import Ended, Exit
from kronos.cli.helping import Command
from kronos.cli.output import console
from kronos.cli.schedule_texts import kind_of
from kronos.model import Json, JsonObject
from kronos.pool import Pool, api_session

# How this command calls the fields of a preview.
_OPTIONS = {"/cron": "EXPR", "/sentence": "EXPR", "/timezone": "--tz", "/count": "-n"}
_STYLES = {"shifted": "yellow", "repeated": "cyan", "skipped": "red"}
_MARK_AT = 51  # the column of a mark, where no seconds are shown
_GAP = click.Choice(["SHIFT", "SHIFT_BY_GAP", "SKIP"], case_sensitive=False)
_OVERLAP = click.Choice(["FIRST", "BOTH"], case_sensitive=False)


@click.command(cls=Command)
@click.argument("cron", metavar="[EXPR]", required=False)
@click.option("--every", help="An interval, such as 90m, 2w or 1mo, instead of EXPR.")
@click.option(
    "--anchor",
    help="The instant that the interval counts from; without Z, a local time: 2026-12-01T09:00:00.  [default: "
    "this minute]",
)
@click.option("--tz", "timezone", default="UTC", show_default=True, help="Time zone of the schedule.")
@click.option("-n", "count", default=10, show_default=True, type=click.IntRange(1, 100), help="Number of runs.")
@click.option("--after", help="List runs after this time, such as 2026-12-01T00:00:00Z.  [default: now]")
@click.option(
    "--dst-gap", default="SHIFT", show_default=True, type=_GAP, help="What to do with a local time that does not exist."
)
@click.option(
    "--dst-overlap",
    default="FIRST",
    show_default=True,
    type=_OVERLAP,
    help="What to do with a local time that occurs twice.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the response of POST /v1/schedules/preview.")
@click.option("--url", help="Address of the API.  [KRONOS_URL]")
@click.option("--context", metavar="NAME", help="A saved API address with its key.  [KRONOS_CONTEXT]")
@click.option(
    "--key-file", type=click.Path(dir_okay=False, path_type=Path), help="File with the API key.  [KRONOS_API_KEY]"
)
def next_command(as_json: bool, url: str | None, context: str | None, key_file: Path | None, **given: Json) -> None:
    """Show the next runs of a schedule. Also describes it in words.

    kronos next '0 9 * * 1' --tz Europe/Berlin

    kronos next 'every weekday at 9:30'

    EXPR is a cron expression of five fields, an interval, or a sentence. Each run is one line: its local time, the same
    instant in UTC, and the effect of clock changes: shifted, repeated, or skipped. Exit code 2: the schedule is
    invalid, or never fires.

    The schedule is interpreted by the first of these that is set: the API of --url or --context; the database of
    KRONOS_DATABASE_URL; the API of KRONOS_URL or the chosen context; the local `kronos up`.
    """
    preview = _asked(_read(given), target.WhereAsked(url=url, context=context, key_file=key_file))
    if as_json:
        click.echo(orjson.dumps(preview, option=orjson.OPT_UTC_Z | orjson.OPT_INDENT_2))
        return
    to = console()
    for line in _lines(preview):
        to.print(line, soft_wrap=True)


def _read(given: Json) -> Json:
    """Return the options, with an EXPR in other words turned into a cron expression or an interval. Raises
    ClickException."""
    text = given["cron"]
    if text is None or (kind := kind_of(text)) == "cron":
        return given
    if kind == "every":
        if given["every"] is not None:
            raise click.UsageError("EXPR and --every are both intervals: pass only one of the two")
        return {**given, "cron": None, "every": text}
    try:
        read = sentences.read(text)
    except errors.Unprocessable as error:
        raise Ended(_explained(error), Exit.USAGE) from None
    return {**given, **({"cron": read.cron} if read.cron else {"cron": None, "every": read.every})}


def _asked(given: Json, where: target.WhereAsked) -> schedules.Preview:
    """Return the preview, from the API or from the database. Raises ClickException."""
    if not (where.url or where.context):
        has_api = bool(os.environ.get("KRONOS_URL")) or target.chosen(where) is not None
        if os.environ.get("KRONOS_DATABASE_URL") or not has_api:
            return _of_database(given)
    body = {name: value for name, value in given.items() if value is not None}
    fields = ("description", "next_runs", "skipped", "lints")
    client = target.find(where).client
    found: JsonObject = client.call("POST", ("v1", "schedules", "preview"), body=body, fields=fields)
    try:
        return schedules.Preview(
            description=found["description"],
            next_runs=[
                schedules.NextRun(**each | {"at": _instant(each["at"]), "rolled_from": None})
                for each in found["next_runs"]
            ],
            skipped=[schedules.SkippedTick(**each | {"at": _instant(each["at"])}) for each in found["skipped"]],
            lints=found["lints"],
        )
    except (TypeError, KeyError, ValueError):
        raise client.foreign("is not a preview of a schedule") from None


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _of_database(given: Json) -> schedules.Preview:
    url = environment.database_url()
    try:
        session.connect(url, api_session()).close()  # raises the reason immediately; the pool would wait and retry
        return asyncio.run(_preview(url, given))
    except errors.Unprocessable as error:
        raise Ended(_explained(error), Exit.USAGE) from None
    except errors.KronosError as error:
        raise Ended(_explained(error), environment.of_error(error)) from None


async def _preview(url: str, given: Json) -> schedules.Preview:
    """Return what the API would respond. Raises KronosError."""
    from pydantic import ValidationError  # imported here, so that other commands do not load the API's schemas

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
    """Return what is wrong with which option, and what to write instead."""
    lines: list[str] = []
    for fault in error.faults:
        option = _OPTIONS.get(fault.pointer, f"--{fault.pointer.strip('/').replace('_', '-')}")
        lines.append(f"{option}: {fault.detail}")
        if fault.hint:
            lines.append(f"  hint: {fault.hint}")
    return "\n".join(lines) or error.said


def _lines(preview: schedules.Preview) -> Iterator[Text]:
    """Yield the description, a line per run or skipped tick in order, and a line per lint."""
    yield Text(preview.description, style="bold")
    ticks: list[schedules.NextRun | schedules.SkippedTick] = [*preview.skipped, *preview.next_runs]
    ticks.sort(key=lambda tick: tick.at)  # stable: a skipped tick comes before the run at the gap's end
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
