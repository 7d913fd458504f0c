"""Modules are imported with the garbage collector off."""

import gc

from kronos.loading import loading


def test_what_is_loaded_is_never_looked_through() -> None:
    frozen = gc.get_freeze_count()
    with loading():
        is_enabled = gc.isenabled()
        made: list[list[int]] = [[] for _ in range(1000)]
    assert (is_enabled, gc.isenabled()) == (False, True)
    assert gc.get_freeze_count() - frozen >= len(made)


def test_who_collects_no_garbage_goes_on_so() -> None:
    gc.disable()
    try:
        with loading():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
