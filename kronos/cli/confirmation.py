"""What cannot be undone is done to what was named twice: in a terminal by typing the name, in a script by --confirm
or --yes."""

import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from kronos.cli.exits import Ended, Exit


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What --yes and --confirm say."""

    is_given: bool
    name: str | None

    def require(self, deed: str, name: str) -> None:
        """That it is to be done: `deed` says what, such as "delete the job", and `name` to which. Raises Ended."""
        if self.name is not None:
            if self.name != name:
                raise Ended(
                    f"--confirm names {self.name!r}, and this would {deed} {name}: nothing was done", Exit.USAGE
                )
            return
        if self.is_given:
            return
        if not _is_anyone_there():
            raise Ended(
                f"nothing was done: this would {deed} {name}, which cannot be undone, and nobody is here to be asked. "
                f"Pass --confirm {shlex.quote(name)}, or --yes",
                Exit.USAGE,
            )
        typed = click.prompt(
            f"This will {deed} {name}, which cannot be undone. Type {name} to go on",
            default="",
            show_default=False,
            err=True,
        )
        if typed.strip() != name:
            raise Ended("nothing was done: that is not its name", Exit.CANCELLED)


def confirmed(function: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options --yes and --confirm, which it has as `consent`."""

    @click.option("--yes", "-y", "is_given", is_flag=True, help="Ask nothing.")
    @click.option("--confirm", "confirm_name", metavar="NAME", help="Its name again, in place of being asked.")
    @wraps(function)
    def run(*arguments: Any, is_given: bool, confirm_name: str | None, **own: Any) -> None:  # noqa: ANN401
        function(*arguments, consent=Consent(is_given=is_given, name=confirm_name), **own)

    return run


def _is_anyone_there() -> bool:
    """Whether somebody reads the question and can answer it."""
    return all(each is not None and each.isatty() for each in (sys.stdin, sys.stderr))
