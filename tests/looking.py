"""How often a condition is looked at while a test waits for it."""

import time
from collections.abc import Iterator


def looks(seconds: float) -> Iterator[float]:
    """What to pause before the next look, until `seconds` are over: a twentieth of what was waited so far.

    A look is a query, or a walk over /proc: every 10 ms, a wait of a minute took 6,000 of them and half a core.
    """
    begun = time.monotonic()
    while (waited := time.monotonic() - begun) < seconds:
        yield min(max(waited / 20, 0.01), 0.25)
