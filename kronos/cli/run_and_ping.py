"""`kronos run-and-ping -- CMD`: run a command and report its result to a heartbeat. Needs none of the server's
packages. The command runs, and its exit code is returned, whatever happens to the pings."""

import os
import sys

import click

from kronos.cli.helping import Command
from kronos.cli.pinging import Pinger, WatchedRun

_URL = "KRONOS_PING_URL"


@click.command(
    "run-and-ping", cls=Command, context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@click.option("--url", help=f"Ping URL of the heartbeat. Set it in {_URL} to hide it from other users.  [{_URL}]")
@click.option("--log", "with_log", is_flag=True, help="Also send the last 10,000 bytes of the command's output.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run_and_ping(url: str | None, command: tuple[str, ...], *, with_log: bool) -> None:
    """Run COMMAND, and report its result to a heartbeat.

    kronos run-and-ping --url https://kronos.example.com/ping/hb_… -- /usr/local/bin/backup --all
    $ 0 3 * * * KRONOS_PING_URL=https://kronos.example.com/ping/hb_… kronos run-and-ping -- backup --all

    The heartbeat receives the command's start, result and duration. The command's input, output and signals are
    unchanged. The exit code is the command's: 128 plus the signal number if a signal ended it, 127 if the command does
    not exist, 126 if it cannot be run. If Kronos is unavailable, the command still runs, and a line on standard error
    reports the failed ping. With --log the output goes through a pipe, so the command sees no terminal.
    """
    pinger = Pinger(url or os.environ.get(_URL, ""))
    pinger.begin()
    run = WatchedRun(command, keeps_log=with_log, run_id=pinger.run_id)
    code = run.ended()
    pinger.end(code, run.milliseconds, run.log)
    sys.exit(code)
