"""How often a test checks the condition that it waits for."""

import time
from collections.abc import Iterator


def looks(seconds: float) -> Iterator[float]:
    """Yield the pause before each next check, until `seconds` have passed: a twentieth of the time waited so far.

    A check is a query or a walk over /proc. Checking every 10 ms, a wait of a minute ran 6,000 of them and used half a
    core.
    """
    begun = time.monotonic()
    while (waited := time.monotonic() - begun) < seconds:
        yield min(max(waited / 20, 0.01), 0.25)
