"""How long JSON is once PostgreSQL has written it: jsonb writes numbers without an exponent, 1e300 in 301 digits, and
zero without a sign."""

from collections.abc import Callable
from decimal import Decimal

from kronos.model import Json


def growth(value: Json, write: Callable[[float], str]) -> int:
    """Return how many more characters the numbers of a value have in jsonb than as `write` writes them."""
    if isinstance(value, float):
        text = write(value)
        written = f"{Decimal(text):f}" if "e" in text else text
        return len(written.lstrip("-") if value == 0 else written) - len(text)
    if isinstance(value, dict):
        return sum(growth(each, write) for each in value.values())
    if isinstance(value, list):
        return sum(growth(each, write) for each in value)
    return 0
