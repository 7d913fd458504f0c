"""How often a test checks the condition that it waits for, and how long it waits."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

LONGEST = 400.0
"""Seconds that any wait may last: less than a test's own limit (pyproject.toml)."""
_PRESSURE = Path("/proc/pressure/cpu")


def looks(seconds: float, *, is_patient: bool = True) -> Iterator[float]:
    """Yield the pause before each next check, until `seconds` have passed: a twentieth of the time waited so far.

    Time in which a process of this machine waited for a core is not counted, up to LONGEST: eight test processes and
    what they start share two cores, and a start of 3 s has taken more than 60. A test that fails where nothing else
    runs fails after `seconds`. Not `is_patient`: all time is counted, for waits whose end is no failure.

    A check is a query or a walk over /proc. Checking every 10 ms, a wait of a minute ran 6,000 of them and used half a
    core.
    """
    begun, before = time.monotonic(), starved()
    most = max(seconds, LONGEST) if is_patient else seconds
    while (waited := time.monotonic() - begun) < most:
        if waited >= seconds and waited - (starved() - before) >= seconds:
            return
        yield min(max(waited / 20, 0.01), 0.25)


def starved() -> float:
    """The seconds so far in which a process waited for a core. A test that limits how long something takes subtracts
    those that have passed meanwhile. A kernel that does not count them may have been busy at any time.
    """
    try:
        found = re.search(r"^some .*total=(\d+)", _PRESSURE.read_text(), re.MULTILINE)
    except OSError:
        found = None
    return int(found[1]) / 1e6 if found else time.monotonic()
