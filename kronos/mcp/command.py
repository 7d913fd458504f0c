"""`kronos mcp`: the tools of one workspace, over standard input and output."""

import signal
from pathlib import Path

import click

from kronos.cli.command import Api, command
from kronos.cli.inputs import STDIN

_MISSING = "the tools need the package mcp: it is the extra mcp of Kronos's wheel (docs/install.md#extras)"


@command(None, name="mcp")
@click.option("--allow-writes", is_flag=True, help="Offer the tools that change something, too.")
def mcp(api: Api, allow_writes: bool) -> None:
    """Serve a workspace to a language model over stdio.

    A client of the Model Context Protocol starts it and speaks to it through standard input and output; the log goes
    to standard error. It can do what the key may: give it a viewer's key, or an operator's with --allow-writes.

    kronos mcp --workspace acme --key-file viewer.key
    """
    try:
        from kronos.mcp.server import Server
    except ModuleNotFoundError as error:
        if error.name != "mcp" and not (error.name or "").startswith("mcp."):
            raise
        raise click.ClickException(_MISSING) from None
    server = Server(api, allow_writes=allow_writes)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # the thread that reads the input is not woken by an exception
    server.run()


def _no_stdin(context: click.Context, option: click.Parameter, value: Path | None) -> Path | None:
    """The key's file. Raises BadParameter for standard input."""
    if str(value) == STDIN:
        raise click.BadParameter("standard input is the protocol's: give a file, or KRONOS_API_KEY", context, option)
    return value


for option in mcp.params:
    if isinstance(option, click.Option) and option.name in ("as_json", "as_plain"):
        option.hidden = True  # its answers are the protocol's
    if isinstance(option, click.Option) and option.name == "key_file":
        option.callback = _no_stdin
        option.help = "A file with an API key.  [KRONOS_API_KEY]"
