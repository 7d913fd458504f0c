"""Garbage collections that scan only the objects of the current test."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def of_new_objects_alone() -> Iterator[None]:
    """Exclude all existing objects from collections. After thousands of tests, a collection of everything takes 0.2 s
    of whichever thread triggers it.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
