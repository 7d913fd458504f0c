"""Two depths: what bin/test tries on each run, and with --deep, by night, what takes minutes more.

What is drawn at random or repeated has two numbers, and only these differ: no test runs at one depth alone. Decision 77
has what each number is worth.
"""

import os
from typing import TypeVar

DEEP = "KRONOS_TEST_DEEP"
"""Set by --deep, for processes that tests start as well."""
Amount = TypeVar("Amount", int, str)


def depth(usual: Amount, *, deep: Amount) -> Amount:
    """Which of the two holds in this run."""
    return deep if DEEP in os.environ else usual
