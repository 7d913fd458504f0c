"""Looking for garbage, in a process that serves: only among what it has made since it began."""

import gc


def leave_what_is_there() -> None:
    """What was imported never becomes garbage, and a request or a delivery makes hardly any. Looking for it again and
    again took a tenth of the time of a process, and of a request that it came upon a third of a second."""
    gc.collect()
    gc.freeze()
    gc.collect()  # of nothing, so that what comes is not measured by what was frozen
    gc.set_threshold(20_000, 20, 100)
