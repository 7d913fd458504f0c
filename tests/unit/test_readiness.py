"""When /readyz stops waiting for PostgreSQL."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from kronos import errors
from kronos.api import system


def test_a_probe_that_waits_as_long_as_it_may_take_hears_the_cause() -> None:
    """It answers before KRONOS_READY_SECONDS are over: a load balancer with the same timeout would be gone by then."""

    async def says_nothing(_: object, seconds: float) -> None:
        return None

    def why(seconds: float) -> errors.DatabaseUnavailable:
        return errors.DatabaseUnavailable(f"after {seconds:g} s")

    context = SimpleNamespace(
        pool=SimpleNamespace(why_no_answer=why),
        settings=SimpleNamespace(ready_seconds=2),
        probe=SimpleNamespace(ask=says_nothing),
    )
    call: Any = SimpleNamespace(context=context)
    instance: Any = None
    with pytest.raises(errors.DatabaseUnavailable, match=r"^after 1\.8 s$"):
        asyncio.run(system.get_readiness(call, instance))
