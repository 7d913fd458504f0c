"""`kronos next`: what an expression will do, asked of the one interpreter in the database."""

import asyncio
import sys
from datetime import UTC

import click
from rich.console import Console

from kronos import config, database, errors, schedules


@click.command()
@click.argument("expression")
@click.option("--tz", "timezone", default="UTC", show_default=True, help="Time zone of the expression.")
@click.option("-n", "count", default=10, show_default=True, type=click.IntRange(1, 100), help="How many runs.")
def next_command(expression: str, timezone: str, count: int) -> None:
    """The next runs of a cron EXPRESSION, and what it says in words. Reads KRONOS_DATABASE_URL."""
    try:
        preview = asyncio.run(_preview(config.load().database_url.get_secret_value(), expression, timezone, count))
    except config.SettingsInvalid as error:
        raise click.ClickException(str(error)) from None
    except errors.KronosError as error:
        hint = next((f"\nhint: {fault.hint}" for fault in error.faults if fault.hint), "")
        raise click.ClickException(f"{error.detail}{hint}") from None
    console = Console(file=sys.stdout, highlight=False)
    console.print(preview.description, style="bold")
    for run in preview.next_runs:
        console.print(f"{run.at.astimezone(UTC):%a %Y-%m-%d %H:%M} UTC")


async def _preview(url: str, expression: str, timezone: str, count: int) -> schedules.Preview:
    async with database.api_pool(url, size=1) as pool:
        return await schedules.preview(
            database.InstanceView(pool), schedules.ScheduleText(cron=expression, timezone=timezone), after=None, count=count
        )
