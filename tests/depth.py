"""Two depths of testing: what bin/test tries on each run, and what --deep adds at night, which takes minutes more.

Amounts of random or repeated cases come in pairs, and only these differ: every test runs at both depths. Decision 77
explains the value of each amount.
"""

import os
from typing import TypeVar

DEEP = "KRONOS_TEST_DEEP"
"""Set by --deep; processes that tests start inherit it."""
Amount = TypeVar("Amount", int, str)


def depth(usual: Amount, *, deep: Amount) -> Amount:
    """Return the amount that applies to this run."""
    return deep if DEEP in os.environ else usual
