"""Signals for processes of which one may have ended by itself meanwhile."""

import os
import signal
from collections.abc import Iterable
from contextlib import suppress


def kill(pids: Iterable[int], number: signal.Signals = signal.SIGKILL) -> None:
    """`kill -9` of each, or another signal: backends come and go, and children end when their parent does."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
