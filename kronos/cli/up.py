"""`kronos up`: everything on this machine, in the foreground."""

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path

import click

from kronos import libpq, logs
from kronos.cli import environment
from kronos.cli.exits import Ended
from kronos.cli.helping import Command
from kronos.config import Settings
from kronos.dashboard import static
from kronos.embedded.errors import PASSING, explained
from kronos.embedded.home import default_home
from kronos.embedded.supervisor import Plan, Supervisor
from kronos.errors import KronosError
from kronos.lines import Log

_log = Log("kronos.up")


@click.command(cls=Command)
@click.option(
    "--home",
    type=click.Path(file_okay=False),
    help="Where data, keys and logs are kept.  [default: $XDG_DATA_HOME/kronos]",
)
@click.option("--host", help="Address that the API listens on.  [KRONOS_HOST, default 127.0.0.1]")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Its port; 0 finds a free one.  [KRONOS_PORT, default 8080]"
)
@click.option("--workers", type=click.IntRange(0, 64), default=1, show_default=True, help="Number of worker processes.")
@click.option(
    "--hold",
    is_flag=True,
    help="Account for no tick and deliver nothing, as if it were down, but for the API: for a restored copy.",
)
@click.option(
    "--abandon-key",
    "abandoned_keys",
    multiple=True,
    metavar="KEY_ID",
    help="An encryption key that is lost: the secrets under it have no value until they are set again.",
)
@click.option("--demo", is_flag=True, help="Make three jobs and a receiver for them, and watch their deliveries.")
def up(
    *,
    home: str | None,
    host: str | None,
    port: int | None,
    workers: int,
    hold: bool,
    abandoned_keys: tuple[str, ...],
    demo: bool,
) -> None:
    """Run everything on this machine. That is PostgreSQL with pg_cron, API and workers; Ctrl-C stops all of it.

    kronos up --demo
    kronos up --home /srv/kronos --port 8080 --workers 2

    When it is ready it prints `ready URL` and has written run.json in its home.
    """
    if hold and demo:
        raise click.UsageError("--demo shows deliveries, and --hold makes none: leave one of them out")
    if home == "":
        raise click.UsageError(
            "--home is empty: a variable that is not set? It would be the present folder, which is written --home ."
        )
    libpq.forget_environment()  # all of its connections lead to its own cluster
    environment.warn_of_unknown()
    # The cluster's URL is the children's; nobody's password is needed before there is one.
    settings = environment.judged(database_url="postgresql://", host=host, port=port)
    try:
        static.require_all()  # the API would end for it, again and again
        place = (Path(home) if home is not None else default_home()).absolute()
        plan = Plan(
            home=place,
            settings=settings,
            workers=workers,
            is_held=hold,
            abandoned_keys=abandoned_keys,
            egress_allow=("127.0.0.1/32",) if demo else (),
            companions=(("demo", (sys.executable, "-P", "-m", "kronos.cli.demo", str(place))),) if demo else (),
        )
        Supervisor(plan, announce=_announce, note=_noting(settings)).run()
    except static.NotInstalled as error:
        raise Ended(str(error)) from None
    except PASSING as error:
        raise Ended(explained(error)) from error
    except KronosError as error:
        raise environment.refusal(error) from error


def _announce(line: str) -> None:
    """To standard output, for a program that waits for it there."""
    with contextlib.suppress(OSError):  # a full disk, a pipe that nobody reads: no reason to stop
        print(line, flush=True)


def _noting(settings: Settings) -> Callable[[str], None]:
    """What says what happens to the processes: as lines of a log where collectors read them, else for people."""
    if settings.log_format != "json":
        return _note
    logs.configure(settings)
    return lambda line: _log.warning("up.noted", "%s", line)


def _note(line: str) -> None:
    """To standard error, where it does not mix with what a script reads."""
    with contextlib.suppress(OSError):
        print(f"kronos: {line}", file=sys.stderr, flush=True)
