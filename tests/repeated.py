"""Repeats what Kronos does a part of at a time, until the clock stops it: how many times depends on the machine."""

from collections.abc import Callable
from typing import TypeVar

Part = TypeVar("Part")
# With --hurried each call does one step, and draws by lot which.
_MOST = 3_000


def repeated(call: Callable[[], Part], is_enough: Callable[[Part], bool]) -> list[Part]:
    """Call until `is_enough` of what the last call returned. Return what all calls returned."""
    parts = [call()]
    while not is_enough(parts[-1]):
        assert len(parts) < _MOST, f"{_MOST} calls were not enough; the last returned {parts[-1]}"
        parts.append(call())
    return parts
