"""A cache with a budget in bytes, since tenants and receivers choose the keys and their sizes."""

from collections import OrderedDict
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Cache(Generic[Key, Value]):
    """The most recently used values, by key: at most `budget` bytes in total, and no value larger than `each` bytes."""

    def __init__(self, *, budget: int, each: int) -> None:
        self._budget = budget
        self._each = each
        self._bytes = 0
        self._values: OrderedDict[Key, tuple[Value, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: Key) -> bool:
        return key in self._values

    def get(self, key: Key) -> Value | None:
        """Return the value if it is kept, and mark it as used."""
        if (found := self._values.get(key)) is None:
            return None
        self._values.move_to_end(key)
        return found[0]

    def put(self, key: Key, value: Value, size: int) -> None:
        """Keep a value of this many bytes if it may be kept, and drop those used longest ago."""
        if (before := self._values.pop(key, None)) is not None:
            self._bytes -= before[1]
        if size > self._each:
            return
        self._values[key] = value, size
        self._bytes += size
        while self._bytes > self._budget:
            _, (_, freed) = self._values.popitem(last=False)
            self._bytes -= freed
