"""What an API process serves of a key's minute: never more than it took, never in the next minute."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from kronos import errors
from kronos.api.rates import Allowance, RateStanding, rate_limited, stands

MINUTE = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Granted:
    """What PostgreSQL answers."""

    granted: int
    quota: int | None = 100
    left_over: int = 0
    window_at: datetime = MINUTE
    seconds: float = 60.0


def an_allowance(granted: Granted, at: float = 0.0) -> Allowance:
    made = Allowance()
    made.take(granted, at)
    return made


def spent(allowance: Allowance, now: float, tries: int = 1000) -> int:
    return sum(allowance.spend(now) for _ in range(tries))


def test_nothing_is_served_before_anything_was_taken() -> None:
    new = Allowance()
    assert not new.spend(0.0)
    assert not new.is_used_up(0.0)  # PostgreSQL was not asked yet
    assert new.wanted(0.0, 1) == 10


def test_what_was_taken_is_served_once_until_its_minute_ends() -> None:
    allowance = an_allowance(Granted(3, seconds=60), at=100.0)
    assert [allowance.spend(now) for now in (100.0, 159.9, 160.0, 159.9, 159.9)] == [True, True, False, True, False]


def test_more_of_the_same_minute_adds_to_what_is_left_and_of_the_next_one_does_not() -> None:
    allowance = an_allowance(Granted(5))
    assert spent(allowance, 1.0, 2) == 2
    allowance.take(Granted(4), 2.0)
    assert spent(allowance, 3.0) == 7
    allowance.take(Granted(4), 4.0)
    allowance.take(Granted(2, window_at=MINUTE + timedelta(minutes=1)), 61.0)
    assert spent(allowance, 62.0) == 2


def test_a_minute_is_used_up_once_postgresql_had_nothing_left_to_grant() -> None:
    allowance = an_allowance(Granted(1))
    assert not allowance.is_used_up(1.0)
    allowance.spend(1.0)
    assert not allowance.is_used_up(1.0)  # there may be more: it has to ask
    allowance.take(Granted(0), 2.0)
    assert allowance.is_used_up(3.0)
    left = an_allowance(Granted(5))
    left.take(Granted(0), 2.0)
    assert not left.is_used_up(3.0)  # of what it took before, there is still some
    assert not allowance.is_used_up(62.0)  # its minute is over


def test_a_key_without_a_limit_is_always_served() -> None:
    allowance = an_allowance(Granted(0, quota=None))
    assert spent(allowance, 1e9) == 1000
    assert (allowance.quota, allowance.headers(1.0), allowance.is_used_up(1.0)) == (None, [], False)
    assert allowance.wanted(1.0, 1) == 10


@pytest.mark.parametrize(
    ("quota", "served", "waiting", "wanted"),
    [
        (10_000, 0, 1, 9),  # at least ten, of which one is left
        (10_000, 100, 1, 199),  # twice as many as were served
        (10_000, 400, 1, 499),  # a twentieth of the limit
        (10_000, 0, 300, 299),  # as many as wait
        (10_000, 0, 900, 499),
        (100, 50, 9, 4),
        (7, 0, 1, 1),  # never none
        (40, 0, 1, 1),
        (60, 0, 1, 2),
    ],
)
def test_as_many_are_taken_as_were_served_lately_and_never_much_of_the_limit(
    quota: int, served: int, waiting: int, wanted: int
) -> None:
    allowance = an_allowance(Granted(served + 1, quota=quota))
    assert spent(allowance, 1.0, served) == served
    assert allowance.wanted(1.0, waiting) == wanted
    assert allowance.wanted(1.0, 0) == max(1, min(10, max(1, quota // 20)) - 1)  # it counts from the last time on


def test_what_is_left_of_a_minute_that_is_over_does_not_count() -> None:
    allowance = an_allowance(Granted(500, quota=10_000))
    assert (allowance.wanted(59.9, 1), allowance.wanted(60.0, 1)) == (1, 10)


def test_a_caller_learns_the_limit_what_is_left_and_when_it_begins_anew() -> None:
    allowance = an_allowance(Granted(5, left_over=30), at=10.0)
    allowance.spend(11.0)
    assert allowance.headers(11.5) == [(b"ratelimit-policy", b'"key";q=100;w=60'), (b"ratelimit", b'"key";r=34;t=59')]
    assert allowance.headers(99.0)[1] == (b"ratelimit", b'"key";r=34;t=0')


@pytest.mark.parametrize(("now", "seconds"), [(0.0, 60), (0.1, 60), (1.0, 59), (59.5, 1), (60.0, 1), (99.0, 1)])
def test_a_refused_caller_waits_whole_seconds_and_at_least_one(now: float, seconds: int) -> None:
    allowance = an_allowance(Granted(0))
    scope = {"kronos.standing": RateStanding()}
    error = rate_limited("key abc", allowance, now, scope)
    assert isinstance(error, errors.RateLimited)
    assert error.retry_after_seconds == seconds
    assert error.detail == f"key abc used up its 100 requests per minute; nothing was done; retry in {seconds} s"
    assert scope["kronos.standing"].headers()[0] == (b"ratelimit-policy", b'"key";q=100;w=60')


def test_an_unknown_caller_learns_of_no_limit() -> None:
    assert RateStanding().headers() == []
    stands(None, Allowance())  # as for a request that has no response
