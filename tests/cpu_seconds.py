"""How much CPU something takes, for tests that compare it with something else."""

import time
from collections.abc import Callable


def cpu_seconds(act: Callable[[], object]) -> float:
    """The CPU seconds of `act` in this thread, the least of three times. Another thread, a page that is touched for the
    first time or a garbage collection would count as well.
    """
    took = []
    for _ in range(3):
        began = time.thread_time()
        act()
        took.append(time.thread_time() - began)
    return min(took)
