"""`kronos completion`: print the script with which a shell completes commands, options and names."""

import click
from click.shell_completion import BashComplete, get_completion_class

from kronos.cli.helping import Command

_VARIABLE = "_KRONOS_COMPLETE"


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a shell's completion script for commands and names.

    $ kronos completion bash > ~/.local/share/bash-completion/completions/kronos
    $ kronos completion zsh > ~/.zfunc/_kronos
    $ kronos completion fish > ~/.config/fish/completions/kronos.fish

    Names of jobs, endpoints and other resources come from the API that the typed options, the environment or the
    context name. Completion waits at most 3 seconds, and 1.5 seconds without a byte; if there is no response, it
    completes no names and prints nothing.
    """
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"{shell} is not a supported shell")
    made = found(click.Command("kronos"), {}, "kronos", _VARIABLE)
    # For bash, click's source() would run bash to check its version, and print the result on standard error.
    click.echo(made.source_template % made.source_vars() if isinstance(made, BashComplete) else made.source())
