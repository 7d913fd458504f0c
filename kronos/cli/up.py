"""`kronos up`: everything on this machine, in the foreground."""

import sys
from pathlib import Path

import click

from kronos import libpq
from kronos.cli import environment
from kronos.embedded.errors import EmbeddedError
from kronos.embedded.home import default_home
from kronos.embedded.supervisor import Plan, Supervisor
from kronos.errors import KronosError


@click.command()
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    default=default_home,
    show_default="$XDG_DATA_HOME/kronos",
    help="Where data, keys and logs are kept.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address that the API listens on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="Its port; 0 finds a free one.")
@click.option("--workers", type=click.IntRange(0, 64), default=1, show_default=True, help="Number of worker processes.")
@click.option("--demo", is_flag=True, help="Make three jobs and a receiver for them, and watch their deliveries.")
def up(*, home: Path, host: str, port: int, workers: int, demo: bool) -> None:
    """Run everything on this machine: PostgreSQL with pg_cron, API and workers. Ctrl-C stops all of it.

    When it is ready it prints `ready URL` and has written run.json in its home.
    """
    environment.warn_of_unknown()
    libpq.forget_environment()  # all of its connections lead to its own cluster
    plan = Plan(
        home=home,
        host=host,
        port=port,
        workers=workers,
        egress_allow=("127.0.0.1/32",) if demo else (),
        companions=(("demo", (sys.executable, "-P", "-m", "kronos.cli.demo", str(home.absolute()))),) if demo else (),
    )
    try:
        Supervisor(plan, announce=_announce, note=_note).run()
    except EmbeddedError as error:
        raise click.ClickException(str(error)) from error
    except KronosError as error:
        raise environment.refusal(error) from error


def _announce(line: str) -> None:
    """To standard output, for whoever waits for it there."""
    print(line, flush=True)


def _note(line: str) -> None:
    """To standard error, where it does not mix with what a script reads."""
    print(f"kronos: {line}", file=sys.stderr, flush=True)
