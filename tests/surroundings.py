"""What tests find around them, and must not depend on: a developer's settings, and how pytest was started."""

import os
import signal
import sys

from kronos import libpq

_DEFAULTS = {signal.SIGINT: signal.default_int_handler} | dict.fromkeys(
    (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM, signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2), signal.SIG_DFL
)


def forget() -> None:
    """As in a shell of somebody who has no Kronos: for this process, and all that it starts."""
    # Compiled once, not by each of the hundreds of processes that tests start (15 % of what `kronos serve` takes to
    # start).
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.pop("PYTHONUNBUFFERED", None)  # or what a command says first comes first by itself
    os.environ.pop("KRONOS_DATABASE_URL", None)
    os.environ["XDG_DATA_HOME"] = "/nowhere"  # nor an instance that runs here
    libpq.forget_environment()
    # What runs in the background or under nohup ignores these, and so do its children: they would never end by them.
    for each, handler in _DEFAULTS.items():
        if signal.getsignal(each) is signal.SIG_IGN:
            signal.signal(each, handler)
