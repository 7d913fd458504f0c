"""`kronos mcp`: serve the tools of one workspace over standard input and output."""

import signal
import sys
from pathlib import Path

import click

from kronos.cli.command import Api, command
from kronos.cli.inputs import STDIN

_CLOSED = "standard input or output is closed: a client of the protocol starts this command, and talks to it there"
_MISSING = "the tools need the package mcp: install Kronos with its extra mcp (docs/install.md#extras)"


@command(None, name="mcp")
@click.option("--allow-writes", is_flag=True, help="Also offer tools that change something.")
def mcp(api: Api, allow_writes: bool) -> None:
    """Serve a workspace to a language model over stdio.

    A client of the Model Context Protocol starts this command and talks to it over standard input and output; the log
    goes to standard error. The tools can do what the key allows: pass a viewer's key, or an operator's key with
    --allow-writes.

    kronos mcp --workspace acme --key-file viewer.key
    """
    try:
        from kronos.mcp.server import Server
    except ModuleNotFoundError as error:
        if error.name != "mcp" and not (error.name or "").startswith("mcp."):
            raise
        raise click.ClickException(_MISSING) from None
    if not (sys.stdin and sys.stdout):
        raise click.ClickException(_CLOSED)
    server = Server(api, allow_writes=allow_writes)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # an exception would not wake the thread that reads the input
    server.run()


def _no_stdin(context: click.Context, option: click.Parameter, value: Path | None) -> Path | None:
    """Return the key's file. Raises BadParameter for standard input."""
    if str(value) == STDIN:
        raise click.BadParameter(
            "the protocol uses standard input: pass a file, or set KRONOS_API_KEY", context, option
        )
    return value


for option in mcp.params:
    if isinstance(option, click.Option) and option.name in ("as_json", "as_plain"):
        option.hidden = True  # its output is the protocol's
    if isinstance(option, click.Option) and option.name == "key_file":
        option.callback = _no_stdin
        option.help = "File with the API key.  [KRONOS_API_KEY]"
