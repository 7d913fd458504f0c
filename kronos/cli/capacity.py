"""`kronos capacity`: what an instance of given size can do, from costs that were measured."""

from dataclasses import asdict

import click

from kronos import capacity
from kronos.cli.command import shaped
from kronos.cli.helping import Command
from kronos.cli.inputs import Number
from kronos.cli.output import Output
from kronos.model import Json

_DEFAULTS = capacity.AskedInstance()


@click.command(cls=Command)
@click.option(
    "--cores", type=click.IntRange(1, 4096), default=_DEFAULTS.cores, show_default=True, help="Of all machines."
)
@click.option(
    "--schedules", type=click.IntRange(0, 10**9), default=_DEFAULTS.schedules, show_default=True, help="Live CRON jobs."
)
@click.option(
    "--runs-per-minute",
    type=Number(0, 1e9),
    default=_DEFAULTS.runs_per_minute,
    show_default=True,
    help="Of CRON jobs, on average.",
)
@click.option("--busiest-minute", type=Number(0, 1e9), help="Runs in it.  [default: the average]")
@click.option(
    "--rings-per-minute",
    type=Number(0, 1e9),
    help="Alarms of pg_cron that ring: with shared alarms, how many are distinct.  [default: one a run]",
)
@click.option("--one-shots-per-second", type=Number(0, 1e9), default=0.0, show_default=True, help="Made over HTTP.")
@click.option(
    "--payload-bytes",
    type=click.IntRange(0, 2**30),
    default=_DEFAULTS.payload_bytes,
    show_default=True,
    help="Of an input.",
)
@click.option(
    "--latency-ms",
    type=Number(0, 86_400_000),
    default=_DEFAULTS.latency_ms,
    show_default=True,
    help="How long endpoints take.",
)
@click.option(
    "--history-days",
    type=Number(0, 36_500),
    default=_DEFAULTS.history_days,
    show_default=True,
    help="How long finished executions are kept.",
)
@click.option("--workers", type=click.IntRange(1, 10_000), default=1, show_default=True, help="Worker processes.")
@click.option("--api-processes", type=click.IntRange(1, 10_000), default=1, show_default=True, help="API processes.")
@click.option("--here", is_flag=True, help="With the speed of this machine, which is measured for some 0.1 s.")
@shaped
def capacity_command(output: Output, *, here: bool, **given: Json) -> None:
    """What an instance of given size can do, and what to add.

    kronos capacity --cores 4 --runs-per-minute 5000 --payload-bytes 2000

    From costs that were measured (docs/capacity.md), within a fifth. Nothing is asked of an instance: what it is going
    to do is in `kronos system load`.
    """
    speed = capacity.LOOP_US / capacity.loop() if here else 1.0
    found = capacity.answer(capacity.AskedInstance(**given, speed=speed))
    document = {name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(found).items()}
    output.show(document, list(document))
