"""Waits between attempts: their bounds hold for every policy, attempt and draw."""

from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kronos.worker.backoff import Backoff

_DAY = 86_400_000
untimed = settings(deadline=None)  # how long an example takes is the machine's affair
policies = st.fixed_dictionaries(
    {
        "backoff": st.sampled_from(["fixed", "linear", "exponential"]),
        "initial_delay_ms": st.integers(0, _DAY),
        "max_delay_ms": st.integers(0, _DAY),
    },
    optional={"jitter": st.floats(0, 1), "max_attempts": st.integers(1, 100)},
)


@untimed
@given(policies, st.integers(1, 32_767), st.integers())
def test_a_wait_is_never_shorter_than_the_first_nor_longer_than_the_longest(
    policy: dict[str, Any], attempt_number: int, seed: int
) -> None:
    wait = Backoff.parse(policy).wait(attempt_number, retry_after=None, random=Random(seed))
    least = min(policy["initial_delay_ms"], policy["max_delay_ms"])
    assert timedelta(milliseconds=least) <= wait <= timedelta(milliseconds=policy["max_delay_ms"])


@untimed
@given(policies, st.integers(1, 99), st.integers())
def test_without_jitter_waits_never_shrink(policy: dict[str, Any], attempt_number: int, seed: int) -> None:
    backoff = Backoff.parse({**policy, "jitter": 0})
    waits = [
        backoff.wait(number, retry_after=None, random=Random(seed)) for number in (attempt_number, attempt_number + 1)
    ]
    assert waits[0] <= waits[1]


@untimed
@given(policies, st.integers(1, 100), st.integers(0, 3600), st.integers())
def test_what_the_receiver_asks_for_is_waited_out(
    policy: dict[str, Any], attempt_number: int, seconds: int, seed: int
) -> None:
    asked = timedelta(seconds=seconds)
    backoff = Backoff.parse(policy)
    wait = backoff.wait(attempt_number, retry_after=asked, random=Random(seed))
    assert wait >= asked
    assert wait <= max(asked, backoff.longest) + backoff.longest


@untimed
@given(policies, st.integers(0, 31 * 86_400), st.integers(0, 10**10), st.integers())
def test_of_what_the_receiver_asks_for_as_much_is_waited_as_the_policy_grants(
    policy: dict[str, Any], most: int, seconds: int, seed: int
) -> None:
    asked = timedelta(seconds=seconds)
    backoff = Backoff.parse({**policy, "max_retry_after_seconds": most})
    granted = backoff.granted(asked)
    assert granted == min(asked, timedelta(seconds=most))
    wait = backoff.wait(1, retry_after=asked, random=Random(seed))
    assert granted <= wait <= max(granted, backoff.longest) + backoff.longest


def test_an_hour_is_granted_by_default_and_nothing_where_nobody_asks() -> None:
    backoff = Backoff.parse({})
    assert (backoff.granted(timedelta(days=1)), backoff.granted(None)) == (timedelta(hours=1), None)


@pytest.mark.parametrize(
    ("shape", "waits"),
    [("fixed", [100, 100, 100, 100]), ("linear", [100, 200, 300, 350]), ("exponential", [100, 200, 350, 350])],
)
def test_each_shape_grows_as_it_says(shape: str, waits: list[int]) -> None:
    backoff = Backoff.parse({"backoff": shape, "initial_delay_ms": 100, "max_delay_ms": 350, "jitter": 0})
    assert [backoff.wait(n, retry_after=None, random=Random(1)) for n in (1, 2, 3, 4)] == [
        timedelta(milliseconds=ms) for ms in waits
    ]


def test_jitter_spreads_waits() -> None:
    backoff = Backoff.parse({"backoff": "exponential", "initial_delay_ms": 1000, "max_delay_ms": 60_000})
    random = Random(1)
    assert len({backoff.wait(3, retry_after=None, random=random) for _ in range(50)}) == 50
    assert len({backoff.wait(30, retry_after=None, random=random) for _ in range(50)}) == 50


@pytest.mark.parametrize(
    "policy",
    [
        {"backoff": "sometimes"},
        {"initial_delay_ms": -1},
        {"max_delay_ms": "60"},
        {"jitter": 2},
        {"jitter": None},
        {"initial_delay_ms": True},
        {"max_retry_after_seconds": -1},
        {"max_retry_after_seconds": 31 * 86_400 + 1},
        {"max_retry_after_seconds": "60"},
        {"max_retry_after_seconds": False},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(policy: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="retry_policy"):
        Backoff.parse(policy)
