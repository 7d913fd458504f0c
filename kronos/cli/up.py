"""`kronos up`: run everything on this machine, in the foreground."""

import contextlib
import sys
from collections.abc import Callable

import click

from kronos import descriptors, libpq, logs
from kronos.cli import environment
from kronos.cli.exits import Ended
from kronos.cli.helping import Command
from kronos.config import Settings
from kronos.dashboard import static
from kronos.embedded.errors import PASSING, explained
from kronos.embedded.home import absolute, default_home
from kronos.embedded.supervisor import Plan, Supervisor
from kronos.errors import KronosError
from kronos.lines import Log

_log = Log("kronos.up")


@click.command(cls=Command)
@click.option(
    "--home",
    type=click.Path(file_okay=False),
    help="Folder for data, keys and logs.  [KRONOS_HOME, default $XDG_DATA_HOME/kronos]",
)
@click.option("--host", help="Address the API listens on.  [KRONOS_HOST, default 127.0.0.1]")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port of the API; 0 picks a free one.  [KRONOS_PORT, default 8080]"
)
@click.option("--workers", type=click.IntRange(0, 64), default=1, show_default=True, help="Number of workers.")
@click.option(
    "--hold",
    is_flag=True,
    help="Serve only the API: account for no ticks and deliver nothing. For a restored copy.",
)
@click.option(
    "--abandon-key",
    "abandoned_keys",
    multiple=True,
    metavar="KEY_ID",
    help="A lost encryption key: secrets encrypted under it have no value until they are set again.",
)
@click.option("--demo", is_flag=True, help="Create three jobs and a receiver for them, and show the deliveries.")
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
    """Run everything on this machine. Starts PostgreSQL with pg_cron, the API and workers; Ctrl-C stops all of them.

    kronos up --demo
    kronos up --home /srv/kronos --port 8080 --workers 2

    Once everything is ready, run.json is in the home folder and the command prints `ready URL`.
    """
    if hold and demo:
        raise click.UsageError("--demo shows deliveries, and --hold prevents them: pass only one of the two")
    if home == "":
        raise click.UsageError("--home is empty: is a variable not set? Pass --home . for the current folder.")
    descriptors.hold_standard()
    libpq.forget_environment()  # this process connects only to its own cluster
    environment.warn_of_unknown()
    # The children get the URL of the cluster. No password is needed before the cluster exists.
    settings = environment.judged(database_url="postgresql://", host=host, port=port)
    try:
        static.require_all()  # otherwise the API would exit, again and again
        place = default_home() if home is None else absolute(home)
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
    """Print to standard output, where a program may wait for the line."""
    with contextlib.suppress(OSError):  # a full disk or an unread pipe is no reason to stop
        print(line, flush=True)


def _noting(settings: Settings) -> Callable[[str], None]:
    """Return a function that reports what happens to the processes: to the log if it is JSON, otherwise to people."""
    if settings.log_format != "json":
        return _note
    logs.configure(settings)
    return lambda line: _log.warning("up.noted", "%s", line)


def _note(line: str) -> None:
    """Print to standard error, separate from the output that scripts read."""
    if sys.stderr is None:  # it was closed; print would use standard output instead
        return
    with contextlib.suppress(OSError):
        print(f"kronos: {line}", file=sys.stderr, flush=True)
