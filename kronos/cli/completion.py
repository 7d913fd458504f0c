"""`kronos completion`: what a shell is to read so that a tab completes commands, options and names."""

import click
from click.shell_completion import BashComplete, get_completion_class

from kronos.cli.helping import Command

_VARIABLE = "_KRONOS_COMPLETE"


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what a shell reads to complete commands and names.

    $ kronos completion bash > ~/.local/share/bash-completion/completions/kronos
    $ kronos completion zsh > ~/.zfunc/_kronos
    $ kronos completion fish > ~/.config/fish/completions/kronos.fish

    Names of jobs, endpoints and the like are asked of the API that the typed options, the environment or the context
    name, for 3 seconds at most; where it does not answer within 1.5, a tab completes no names and says nothing.
    """
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"{shell} is no shell that is known here")
    made = found(click.Command("kronos"), {}, "kronos", _VARIABLE)
    # Of bash, click starts one to see whether it is new enough, and says what it found on standard error.
    click.echo(made.source_template % made.source_vars() if isinstance(made, BashComplete) else made.source())
