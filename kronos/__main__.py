"""The command line's root: `kronos COMMAND`, or `python -m kronos COMMAND`. The only place that wires parts
together."""

import contextlib
import errno
import io
import sys
from importlib import import_module
from typing import Any

import click

from kronos.loading import loading

_COMMANDS = {
    "up": "kronos.cli.up:up",
    "serve": "kronos.cli.processes:serve",
    "worker": "kronos.cli.processes:worker",
    "migrate": "kronos.cli.migrate:migrate",
    "doctor": "kronos.cli.doctor:doctor",
    "retention": "kronos.cli.retention:retention",
    "key": "kronos.cli.key:key",
    "organization": "kronos.cli.organization:organization",
    "workspace": "kronos.cli.workspace:workspace",
    "endpoint": "kronos.cli.endpoint:endpoint",
    "config": "kronos.cli.documents:config",
    "payload-spec": "kronos.cli.documents:payload_spec",
    "secret": "kronos.cli.secret:secret",
    "secrets": "kronos.cli.secrets:secrets",
    "job": "kronos.cli.job:job",
    "execution": "kronos.cli.execution:execution",
    "backfill": "kronos.cli.backfill:backfill",
    "dead-letter": "kronos.cli.dead_letter:dead_letter",
    "operation": "kronos.cli.operation:operation",
    "audit": "kronos.cli.audit:audit",
    "import": "kronos.cli.imports:import_group",
    "logs": "kronos.cli.logs:logs",
    "next": "kronos.cli.next:next_command",
    "psql": "kronos.cli.psql:psql",
}


# Of these standard output and standard error complain: no file of ours is named with them.
_CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class Commands(click.Group):
    """Commands by name, each imported when it is asked for: `kronos worker` starts without what only `migrate` and
    `doctor` need."""

    def main(self, *args: Any, **extra: Any) -> Any:  # noqa: ANN401 - as click has it
        """Runs a command; where nobody can take down what it says, that is a sentence too."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(
                    errors="backslashreplace"
                )  # a terminal that has not all letters shows \xfc for those that it lacks
        try:
            return super().main(*args, **extra)
        except OSError as error:
            if error.errno not in _CANNOT_WRITE or error.filename is not None:
                raise
            with contextlib.suppress(OSError):
                click.echo(f"Error: what this command says cannot be written: {error.strerror}", err=True)
            sys.exit(1)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which a newcomer meets them."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name."""
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name].partition(":")
        with loading():
            command = getattr(import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{_COMMANDS[cmd_name]} is no command")
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="kronos")
def main() -> None:
    """Kronos: a job scheduler on PostgreSQL and pg_cron that accounts for every tick."""


if __name__ == "__main__":
    main(prog_name="kronos")
