"""`kronos` itself: commands by name, and how any of them ends."""

import contextlib
import errno
import io
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

from kronos.cli import aliases
from kronos.cli.exits import Exit
from kronos.cli.helping import CommandGroup
from kronos.loading import loading
from kronos.redaction import key_in, redacted

# Of these standard output and standard error complain: no file of ours is named with them.
_CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_ENDS_KEYS = {("key", verb) for verb in ("revoke", "rm", "delete")}
_ENVIRONMENT = {
    "KRONOS_URL": "where the API is",
    "KRONOS_API_KEY": "the key to it",
    "KRONOS_WORKSPACE": "the workspace, a slug or an id",
    "KRONOS_CONTEXT": "the context: an address with its key (kronos context)",
    "NO_COLOR": "if it is set, nothing has a colour",
}


class Root(CommandGroup):
    """Commands by name, each imported when it is asked for: `kronos worker` starts without what only `migrate` and
    `doctor` need."""

    def __init__(self, *args: Any, places: Mapping[str, str], **extra: Any) -> None:  # noqa: ANN401 - as click has it
        """`places` are the commands, each with its module and name."""
        super().__init__(*args, **extra)
        self._places = places

    def main(self, *args: Any, **extra: Any) -> Any:  # noqa: ANN401 - as click has it
        """Runs a command, and ends as Exit says; where nobody can take down what it says, that is a sentence too."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                # a terminal that has not all letters shows \xfc for those that it lacks
                stream.reconfigure(errors="backslashreplace")
        is_last = extra.pop("standalone_mode", True)
        try:
            ended: object = super().main(*args, **{**extra, "standalone_mode": False})
            if is_last and sys.stdout is not None:
                sys.stdout.flush()
        except click.ClickException as error:
            if not is_last:
                raise
            error.show()
            sys.exit(error.exit_code)
        except click.Abort:
            if not is_last:
                raise
            click.echo("Cancelled.", err=True)
            sys.exit(Exit.CANCELLED)
        except OSError as error:
            if error.errno not in (*_CANNOT_WRITE, errno.EPIPE) or error.filename is not None:
                raise
            _drop_what_is_left()
            if error.errno == errno.EPIPE:  # who reads has heard enough
                sys.exit(Exit.FAILED)
            with contextlib.suppress(OSError):
                click.echo(f"Error: what this command says cannot be written: {error.strerror}", err=True)
            sys.exit(Exit.FAILED)
        if is_last:
            sys.exit(ended if isinstance(ended, int) else Exit.DONE)
        return ended

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, once no argument holds a key: other users can read it there, and the shell keeps it."""
        found = next(filter(None, map(key_in, args)), None)
        if found is not None and not ctx.resilient_parsing and tuple(args[:2]) not in _ENDS_KEYS:
            raise click.UsageError(
                f"a key, {redacted(found)}, stands on the command line, where others could read it, and in the shell's "
                "history. Give it in a file (--key-file) or in KRONOS_API_KEY, and end this one: kronos key revoke",
                ctx,
            )
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which a newcomer meets them."""
        return list(self._places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name."""
        if cmd_name not in self._places:
            return None
        module, _, attribute = self._places[cmd_name].partition(":")
        with loading():
            command = getattr(import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self._places[cmd_name]} is no command")
        return aliases.add(command) if isinstance(command, click.Group) else command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The names of commands, which are imported for nothing but their names; options are completed as anywhere."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        return [CompletionItem(name) for name in self._places if name.startswith(incomplete)]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """What the environment says to all commands, and what their exit codes mean."""
        with formatter.section("Environment"):
            formatter.write_dl(list(_ENVIRONMENT.items()))
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(int(each)), each.meaning) for each in Exit])


def _drop_what_is_left() -> None:
    """Of what cannot be written: Python would try again at its end, and end with 120."""
    with contextlib.suppress(OSError):  # a stream that is no file, as a test's
        nowhere = os.open(os.devnull, os.O_WRONLY)
        if sys.stdout is not None:
            os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
