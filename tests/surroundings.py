"""Parts of the environment that tests must not depend on: a developer's settings, and how pytest was started."""

import os
import signal
import sys

from kronos import libpq

_DEFAULTS = {signal.SIGINT: signal.default_int_handler} | dict.fromkeys(
    (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM, signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2), signal.SIG_DFL
)


def forget() -> None:
    """Make this process and its children start as from the shell of a user who does not have Kronos."""
    # Compile modules once, not in each of the hundreds of processes that tests start (15 % of the start of `kronos
    # serve`).
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.pop("PYTHONUNBUFFERED", None)  # otherwise output is not in the order in which it was written
    os.environ.pop("KRONOS_DATABASE_URL", None)
    os.environ.pop("KRONOS_HOME", None)
    os.environ["XDG_DATA_HOME"] = "/nowhere"  # ignore an instance that runs on this machine
    libpq.forget_environment()
    # A process started in the background or by nohup ignores these signals, and so do its children: signals would never
    # end them.
    for each, handler in _DEFAULTS.items():
        if signal.getsignal(each) is signal.SIG_IGN:
            signal.signal(each, handler)
