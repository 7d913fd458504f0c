"""What an API process knows about sessions while PostgreSQL is slow or has no connection left."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import pytest

from kronos import errors, people
from kronos.api.rates import RateStanding
from kronos.api.sessions import Sessions


@pytest.mark.parametrize("granted", [10, 1, 0])
async def test_an_answer_that_comes_late_is_one(monkeypatch: pytest.MonkeyPatch, granted: int) -> None:
    """It arrives later than a session is trusted for. The process must not ask for it again and again."""
    now, asked = [1000.0], 0

    async def find(view: object, digest: bytes, wanted: int) -> people.SignIn:
        nonlocal asked
        asked += 1
        assert asked == 1
        now[0] += 2.0
        return people.SignIn(
            sign_in_id=uuid4(),
            subject="ada",
            email=None,
            valid_seconds=100,
            grants=[],
            quota=100,
            granted=granted,
            left_over=0,
            window_at=datetime(2026, 1, 1, tzinfo=UTC),
            seconds=60,
        )

    monkeypatch.setattr("kronos.api.sessions.time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(people, "find", find)
    sessions = Sessions(cast(Any, None), cast(Any, None), None)
    scope = {"kronos.standing": RateStanding()}
    if granted:
        assert (await sessions.calling("a", "127.0.0.1", scope)).subject == "ada"
    else:
        with pytest.raises(errors.RateLimited):
            await sessions.calling("a", "127.0.0.1", scope)
    assert scope["kronos.standing"].headers()[0] == (b"ratelimit-policy", b'"key";q=100;w=60')
