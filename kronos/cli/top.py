"""`kronos top`: a live view of a workspace on a terminal. The screen needs Textual, from the extra `top`."""

import os
import sys
from functools import partial

import click

from kronos.cli.command import Api, command
from kronos.cli.exits import Ended
from kronos.cli.inputs import Number

_MISSING = (
    "kronos top needs Textual, which is not installed: install Kronos with its extra top (docs/install.md#extras), or "
    "use kronos overview"
)
_NO_TERMINAL = (
    "kronos top needs a terminal that can move its cursor, not TERM=dumb; for a file or a pipe, use kronos overview "
    "or kronos logs -f"
)
_FIELDS = ("at", "minutes", "failing", "late", "queue", "workers", "dead_letters", "pg_cron")


@command(None)
@click.option(
    "--every",
    type=Number(0.5, 3600),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="Refresh interval.",
)
def top(api: Api, every: float) -> None:
    """Watch a workspace live on a terminal.

    Shows due, running and failing jobs, workers, lag, and the age of the queue.

    kronos top

    q or Ctrl-C quits, p pauses, r refreshes now. To print the state once, use kronos overview.
    """
    try:
        from kronos.cli.top_screen import TopScreen  # imported here, because it is an extra
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "textual":
            raise
        raise Ended(_MISSING) from None
    if not _is_terminal():
        raise click.UsageError(_NO_TERMINAL)
    look = partial(api.get, "overview", fields=_FIELDS)
    look()  # report errors before the screen opens
    screen = TopScreen(look, workspace=str(api.workspace), every=every)
    screen.run()
    sys.exit(screen.return_code or 0)


def _is_terminal() -> bool:
    """Return whether there is a terminal that can move its cursor."""
    can_move = os.environ.get("TERM", "") not in ("", "dumb", "unknown")
    return can_move and sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()
