"""Signals for processes that may end by themselves meanwhile."""

import os
import signal


def signalled(pid: int, number: signal.Signals) -> bool:
    """Whether the process was still there to get it. What a look at /proc or pg_stat_activity has found can have ended,
    and been reaped by its parent, since then; our own children cannot."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True
