"""Confirmation of actions that cannot be undone: type the name again on a terminal, or pass --confirm or --yes in a
script."""

import shlex
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from kronos.cli.exits import Ended, Exit
from kronos.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """The values of --yes and --confirm."""

    is_given: bool
    name: str | None

    def require(self, deed: str, name: str) -> None:
        """Raises Ended unless the action is confirmed. `deed` is the action, such as "delete the job", `name` its
        target."""
        if self.name is not None:
            if self.name != name:
                raise Ended(f"--confirm is {self.name!r}, but this would {deed} {name}: nothing was done", Exit.USAGE)
            return
        if self.is_given:
            return
        if not _is_anyone_there():
            raise Ended(
                f"nothing was done: this would {deed} {name}, which cannot be undone, and there is no "
                f"terminal to confirm on. Pass --confirm {shlex.quote(name)}, or --yes",
                Exit.USAGE,
            )
        typed = click.prompt(
            f"This will {deed} {name}, which cannot be undone. Type {name} to continue",
            default="",
            show_default=False,
            err=True,
        )
        if typed.strip() != name:
            raise Ended("nothing was done: the name does not match", Exit.CANCELLED)


def confirmed(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options --yes and --confirm to a command. It receives them as `consent`."""

    @click.option("--yes", "-y", "is_given", is_flag=True, help="Do not ask for confirmation.")
    @click.option("--confirm", "confirm_name", metavar="NAME", help="Confirm with this name instead of a prompt.")
    @wraps(function)
    def run(*arguments: Any, is_given: bool, confirm_name: str | None, **own: Any) -> None:  # noqa: ANN401
        function(*arguments, consent=Consent(is_given=is_given, name=confirm_name), **own)

    return run


def _is_anyone_there() -> bool:
    """Return whether a user can read the question and answer it."""
    return all(each is not None and each.isatty() for each in (sys.stdin, sys.stderr))
