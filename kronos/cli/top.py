"""`kronos top`: a workspace on a terminal, live. The screen itself needs Textual, which the extra `top` brings."""

import sys
from functools import partial

import click

from kronos.cli.command import Api, command
from kronos.cli.exits import Ended
from kronos.cli.inputs import Number

_MISSING = (
    "kronos top needs Textual, which is not installed here: it is the extra top of Kronos's wheel "
    "(docs/install.md#extras); once: kronos overview"
)
_NO_TERMINAL = "kronos top needs a terminal; into a file or a pipe: kronos overview, or kronos logs -f"
_FIELDS = ("at", "minutes", "failing", "late", "queue", "workers", "dead_letters", "pg_cron")


@command(None)
@click.option(
    "--every",
    type=Number(0.5, 3600),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="How often it is read.",
)
def top(api: Api, every: float) -> None:
    """Watch a workspace on a terminal.

    Due, running, failing, workers, lag, the age of the queue.

    kronos top

    q or Ctrl-C quits, p pauses, r reads at once. Once, and into a file: kronos overview.
    """
    try:
        from kronos.cli.top_screen import TopScreen  # here, for it is an extra
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "textual":
            raise
        raise Ended(_MISSING) from None
    if not _is_terminal():
        raise click.UsageError(_NO_TERMINAL)
    look = partial(api.get, "overview", fields=_FIELDS)
    look()  # what is refused is a sentence, before there is a screen
    screen = TopScreen(look, workspace=str(api.workspace), every=every)
    screen.run()
    sys.exit(screen.return_code or 0)


def _is_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()
