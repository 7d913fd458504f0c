"""`kronos capacity`: estimate what an instance of a given size can do, from measured costs."""

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
    "--cores", type=click.IntRange(1, 4096), default=_DEFAULTS.cores, show_default=True, help="Cores of all machines."
)
@click.option(
    "--schedules",
    type=click.IntRange(0, 10**9),
    default=_DEFAULTS.schedules,
    show_default=True,
    help="Number of live CRON jobs.",
)
@click.option(
    "--runs-per-minute",
    type=Number(0, 1e9),
    default=_DEFAULTS.runs_per_minute,
    show_default=True,
    help="Runs of CRON jobs per minute, on average.",
)
@click.option("--busiest-minute", type=Number(0, 1e9), help="Runs in the busiest minute.  [default: the average]")
@click.option(
    "--rings-per-minute",
    type=Number(0, 1e9),
    help="pg_cron alarms that ring per minute; with shared alarms, the distinct ones.  [default: one per run]",
)
@click.option(
    "--one-shots-per-second",
    type=Number(0, 1e9),
    default=0.0,
    show_default=True,
    help="One-shots created over HTTP per second.",
)
@click.option(
    "--payload-bytes",
    type=click.IntRange(0, 2**30),
    default=_DEFAULTS.payload_bytes,
    show_default=True,
    help="Size of an input.",
)
@click.option(
    "--latency-ms",
    type=Number(0, 86_400_000),
    default=_DEFAULTS.latency_ms,
    show_default=True,
    help="Response time of endpoints.",
)
@click.option(
    "--history-days",
    type=Number(0, 36_500),
    default=_DEFAULTS.history_days,
    show_default=True,
    help="Days that finished executions are kept.",
)
@click.option(
    "--workers", type=click.IntRange(1, 10_000), default=1, show_default=True, help="Number of worker processes."
)
@click.option(
    "--api-processes", type=click.IntRange(1, 10_000), default=1, show_default=True, help="Number of API processes."
)
@click.option("--here", is_flag=True, help="Use the speed of this machine, measured for about 0.1 s.")
@shaped
def capacity_command(output: Output, *, here: bool, **given: Json) -> None:
    """Estimate what an instance can do, and what to add.

    kronos capacity --cores 4 --runs-per-minute 5000 --payload-bytes 2000

    The estimate uses measured costs (docs/capacity.md), and is within a fifth of reality. It does not query an
    instance: for the load that one will have, use `kronos system load`.
    """
    speed = capacity.LOOP_US / capacity.loop() if here else 1.0
    found = capacity.answer(capacity.AskedInstance(**given, speed=speed))
    document = {name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(found).items()}
    output.show(document, list(document))
