"""`kronos run-and-ping -- CMD`: runs a command and tells a heartbeat how it went. It needs none of the server's
packages, and whatever becomes of the pings, the command runs and its exit code is ours."""

import os
import sys

import click

from kronos.cli.helping import Command
from kronos.cli.pinging import Pinger, WatchedRun

_URL = "KRONOS_PING_URL"


@click.command(
    "run-and-ping", cls=Command, context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@click.option("--url", help=f"The heartbeat's ping URL; in {_URL} no other user sees it.  [{_URL}]")
@click.option("--log", "with_log", is_flag=True, help="Send the end of what it prints, too: 10,000 bytes.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run_and_ping(url: str | None, command: tuple[str, ...], *, with_log: bool) -> None:
    """Run COMMAND, and tell a heartbeat how it went.

    kronos run-and-ping --url https://kronos.example.com/ping/hb_… -- /usr/local/bin/backup --all
    $ 0 3 * * * KRONOS_PING_URL=https://kronos.example.com/ping/hb_… kronos run-and-ping -- backup --all

    It hears that it begins, how it ended and how long it took. Its input, output and signals are its own, and its exit
    code is this command's: 128 and the number of a signal that ended it, 127 where there is no such command, 126 where
    it cannot be run. Where Kronos cannot be reached, it runs all the same; a line on standard error says so. With --log
    what it prints goes through a pipe, so it finds no terminal.
    """
    pinger = Pinger(url or os.environ.get(_URL, ""))
    pinger.begin()
    run = WatchedRun(command, keeps_log=with_log, run_id=pinger.run_id)
    code = run.ended()
    pinger.end(code, run.milliseconds, run.log)
    sys.exit(code)
