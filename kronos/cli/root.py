"""The `kronos` command itself: subcommands by name, and how every command exits."""

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

# Errors of standard output and standard error. They name no file.
_CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_ENDS_KEYS = {("key", verb) for verb in ("revoke", "rm", "delete")}
_ENVIRONMENT = {
    "KRONOS_URL": "address of the API",
    "KRONOS_API_KEY": "API key",
    "KRONOS_WORKSPACE": "workspace, by slug or id",
    "KRONOS_CONTEXT": "context: a saved API address with its key (kronos context)",
    "KRONOS_HOME": "folder of the local `kronos up`",
    "NO_COLOR": "if set, output has no color",
}


class Root(CommandGroup):
    """Commands by name. Each is imported only when it is called: `kronos worker` starts without the modules that only
    `migrate` and `doctor` need."""

    def __init__(self, *args: Any, places: Mapping[str, str], **extra: Any) -> None:  # noqa: ANN401 - as click has it
        """`places` maps each command to its module and attribute."""
        super().__init__(*args, **extra)
        self._places = places

    def main(self, *args: Any, **extra: Any) -> Any:  # noqa: ANN401 - as click has it
        """Run a command and exit with a code of Exit. Output that cannot be written is reported as an error, too."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                # on a terminal that lacks a character, print it as an escape such as \xfc
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
            if error.errno == errno.EPIPE:  # the reader has closed the pipe
                sys.exit(Exit.FAILED)
            with contextlib.suppress(OSError):
                click.echo(f"Error: cannot write the output: {error.strerror}", err=True)
            sys.exit(Exit.FAILED)
        if is_last:
            sys.exit(ended if isinstance(ended, int) else Exit.DONE)
        return ended

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Reject arguments that contain an API key, which other users could read and the shell keeps. Then parse as
        usual."""
        found = next(filter(None, map(key_in, args)), None)
        if found is not None and not ctx.resilient_parsing and tuple(args[:2]) not in _ENDS_KEYS:
            raise click.UsageError(
                f"the key {redacted(found)} is on the command line, where other users can read it, and in the shell's "
                "history. Pass it in a file (--key-file) or in KRONOS_API_KEY, and revoke this one: kronos key revoke",
                ctx,
            )
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which a new user meets them."""
        return list(self._places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command with this name."""
        if cmd_name not in self._places:
            return None
        module, _, attribute = self._places[cmd_name].partition(":")
        with loading():
            command = getattr(import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self._places[cmd_name]} is not a command")
        return aliases.add(command) if isinstance(command, click.Group) else command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete command names without importing the commands. Options are completed as usual."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        return [CompletionItem(name) for name in self._places if name.startswith(incomplete)]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the environment variables of all commands, and the exit codes."""
        with formatter.section("Environment"):
            formatter.write_dl(list(_ENVIRONMENT.items()))
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(int(each)), each.meaning) for each in Exit])


def _drop_what_is_left() -> None:
    """Discard output that cannot be written. Otherwise Python would retry when it exits, and exit with 120."""
    with contextlib.suppress(OSError):  # a stream without a file descriptor, as in tests
        nowhere = os.open(os.devnull, os.O_WRONLY)
        if sys.stdout is not None:
            os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
