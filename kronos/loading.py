"""Imports without the garbage collector, which finds nothing in them."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """What is imported inside is looked through by no garbage collection, neither meanwhile nor later, nor at the end.

    Modules make some 100,000 objects that stay: to look for garbage among them was a quarter of what `kronos serve`
    took to start and to end, and a third of what `kronos up` did.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
