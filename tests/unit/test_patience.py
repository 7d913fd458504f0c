"""Transactions that yield to others are retried a limited number of times."""

from collections.abc import Callable

import psycopg
import pytest

from kronos import patience


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, without waiting."""
    made: list[float] = []
    monkeypatch.setattr("kronos.patience.time.sleep", made.append)
    return made


def attempts(*ends: int | type[Exception] | None) -> Callable[[], int | None]:
    """Attempts with these results, one after another."""
    left = list(ends)

    def attempt() -> int | None:
        end = left.pop(0)
        if isinstance(end, type):
            raise end
        return end

    return attempt


def test_it_is_tried_again_until_it_is_made(pauses: list[float]) -> None:
    tried = attempts(psycopg.errors.LockNotAvailable, None, psycopg.errors.DeadlockDetected, 0, 1)
    assert patience.patiently(tried, tries=9) == 0  # 0 is a result
    assert (pauses, tried()) == ([1.0] * 3, 1)


def test_no_pause_follows_the_last_try(pauses: list[float]) -> None:
    assert patience.patiently(attempts(None, None), tries=2) is None
    with pytest.raises(psycopg.errors.LockNotAvailable):
        patience.patiently(attempts(None, psycopg.errors.LockNotAvailable), tries=2)
    assert pauses == [1.0] * 2


def test_what_nobody_is_to_blame_for_is_raised_at_once(pauses: list[float]) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        patience.patiently(attempts(psycopg.errors.DivisionByZero, 1), tries=9)
    assert pauses == []
