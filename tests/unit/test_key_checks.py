"""Requests that wait for the check of a key, and requests that arrive just as it ends."""

import asyncio
import hashlib
import itertools
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest

from kronos import keys
from kronos.api.keys import Keys
from kronos.pool import Pool

_SECRET = "s" * 43


def test_who_comes_as_a_check_ends_and_finds_nothing_left_has_another_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check has ended but its end is not recorded yet. A request that waited for it again used to occupy the event
    loop forever.
    """
    looks = itertools.count()

    def monotonic() -> float:
        assert next(looks) < 1000, "it loops forever"
        return 1000.0

    async def requests() -> int:
        begun, answered, asked = asyncio.Event(), asyncio.Event(), list[int]()

        async def find(view: object, given: keys.GivenKey, wanted: int) -> keys.FoundKey:
            asked.append(wanted)
            begun.set()
            await answered.wait()
            return keys.FoundKey(
                key_id=UUID(int=1),
                role="admin",
                sees_payloads=True,
                workspace_id=UUID(int=2),
                workspace="acme",
                valid_seconds=None,
                secret_sha256=hashlib.sha256(_SECRET.encode()).digest(),
                quota=1000,
                granted=1,
                left_over=900,
                window_at=datetime(2026, 1, 1, tzinfo=UTC),
                seconds=60,
            )

        monkeypatch.setattr(keys, "find", find)
        known = Keys(cast(Pool, None))
        scope: dict[str, Any] = {"kronos.standing": SimpleNamespace(allowance=None)}

        async def request() -> None:
            await known.authenticate(f"Bearer kr_live_a_{_SECRET}", scope)

        async def request_at_its_end() -> None:
            await answered.wait()
            await request()

        first = asyncio.create_task(request())
        await begun.wait()
        others = [asyncio.create_task(request_at_its_end()) for _ in range(3)]
        await asyncio.sleep(0)
        answered.set()  # all resume in one turn of the loop: after the check, before its end is recorded
        await asyncio.gather(first, *others)
        return len(asked)

    monkeypatch.setattr("kronos.api.keys.time", SimpleNamespace(monotonic=monotonic))
    assert asyncio.run(requests()) <= 4
