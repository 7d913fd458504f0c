"""Signals for processes of which one may have ended by itself meanwhile."""

import os
import signal
from collections.abc import Iterable


def signalled(pid: int, number: signal.Signals) -> bool:
    """Whether the process was still there to get it. What a look at /proc or pg_stat_activity has found can have ended,
    and been reaped by its parent, since then; our own children cannot."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def kill(pids: Iterable[int], number: signal.Signals = signal.SIGKILL) -> None:
    """`kill -9` of each, or another signal: backends come and go, and children end when their parent does."""
    for pid in pids:
        signalled(pid, number)
