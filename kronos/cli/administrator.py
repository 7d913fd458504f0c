"""What the commands share that act on the database itself, as its administrator."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from kronos.cli.exits import Ended, Exit
from kronos.embedded import running
from kronos.embedded.errors import EmbeddedError
from kronos.embedded.home import Home, default_home

_NO_DATABASE = (
    "no database is known: set KRONOS_DATABASE_URL to the one that `kronos migrate` is run with, or start `kronos up`"
)
_T = TypeVar("_T")

home_option = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="The home of a running `kronos up`.  [KRONOS_DATABASE_URL, or the one that runs here]",
)


def instance(home: Path | None) -> tuple[str, running.Running | None]:
    """The administrator's database URL, and the `kronos up` that it is of. Raises ClickException."""
    from kronos.cli import environment  # here: it takes 0.15 s, and those who call the API do without it

    environment.warn_of_unknown()
    if home is None and os.environ.get("KRONOS_DATABASE_URL"):
        return environment.judged().database_url.get_secret_value(), None
    try:
        here = running.find(Home((home or default_home()).absolute()))
    except EmbeddedError as error:
        raise Ended(str(error), Exit.USAGE) from None
    if here is None:
        raise Ended(_NO_DATABASE if home is None else f"no `kronos up` is ready in {home}", Exit.USAGE)
    return here.database_url, here


def done(act: Callable[[], _T]) -> _T:
    """What `act` gives. Raises ClickException: what went wrong, as people read it."""
    from kronos import errors  # here, as above
    from kronos.cli import environment

    try:
        return act()
    except errors.KronosError as error:
        raise environment.refusal(error) from None
