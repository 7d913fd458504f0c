"""Shared code of the commands that change the database directly, as its administrator."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from kronos.cli.exits import Ended, Exit
from kronos.cli.local import none_here
from kronos.embedded import running
from kronos.embedded.errors import EmbeddedError
from kronos.embedded.home import Home, absolute, default_home

_NO_DATABASE = (
    "no database is configured: set KRONOS_DATABASE_URL to the URL that `kronos migrate` uses, or start `kronos up`; "
)
_T = TypeVar("_T")

home_option = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="Home folder of a running `kronos up`.  [KRONOS_DATABASE_URL, or the local one]",
)


def instance(home: Path | None) -> tuple[str, running.Running | None]:
    """Return the administrator's database URL, and the `kronos up` that it belongs to. Raises ClickException."""
    from kronos.cli import environment  # imported here: takes 0.15 s, and API commands do not need it

    environment.warn_of_unknown()
    if home is None and os.environ.get("KRONOS_DATABASE_URL"):
        return environment.judged().database_url.get_secret_value(), None
    try:
        here = running.find(Home(default_home() if home is None else absolute(home)))
    except EmbeddedError as error:
        raise Ended(str(error), Exit.USAGE) from None
    if here is None:
        why = _NO_DATABASE + none_here() if home is None else f"no `kronos up` is running in {home}"
        raise Ended(why, Exit.USAGE)
    return environment.database_url_of(here), here


def done(act: Callable[[], _T]) -> _T:
    """Return the result of `act`. Raises ClickException with the error in words for people."""
    from kronos import errors  # imported here, as above
    from kronos.cli import environment

    try:
        return act()
    except errors.KronosError as error:
        raise environment.refusal(error) from None
