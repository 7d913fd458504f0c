"""Whether two JSON values are equal. Python's own == says that true is 1."""

from kronos.model import Json


def is_same(one: Json, other: Json) -> bool:
    """Return whether two JSON values are equal: numbers by value, and true is not 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
