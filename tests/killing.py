"""Signals for processes that may already have ended by themselves."""

import os
import signal
from collections.abc import Iterable


def signalled(pid: int, number: signal.Signals) -> bool:
    """Send a signal. Return whether the process still existed to receive it. A process found in /proc or
    pg_stat_activity may have ended and been reaped by its parent since then; this process's own children cannot.
    """
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def kill(pids: Iterable[int], number: signal.Signals = signal.SIGKILL) -> None:
    """`kill -9` each process, or send another signal. Ended processes are ignored: backends come and go, and children
    end with their parent.
    """
    for pid in pids:
        signalled(pid, number)
