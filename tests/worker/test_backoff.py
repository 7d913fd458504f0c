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
shaped = st.fixed_dictionaries(
    {"jitter": st.sampled_from(["none", "partial", "full"])},
    optional={
        "backoff": st.sampled_from(["fixed", "linear", "exponential"]),
        "initial_delay_ms": st.integers(0, _DAY),
        "max_delay_ms": st.integers(0, _DAY),
        "delays_ms": st.one_of(st.none(), st.lists(st.integers(0, _DAY), min_size=1, max_size=20)),
    },
)


def reference(policy: dict[str, Any], attempt_number: int) -> int:
    """The delay of a policy in milliseconds, without jitter: as defined in docs/retries.md, in whole numbers."""
    if policy.get("delays_ms"):
        delays: list[int] = policy["delays_ms"]
        return delays[attempt_number - 1] if attempt_number <= len(delays) else delays[-1]
    first, longest = policy.get("initial_delay_ms", 1000), policy.get("max_delay_ms", 60_000)
    delay = first
    for number in range(2, attempt_number + 1):
        delay = {"fixed": first, "linear": first * number}.get(policy.get("backoff", "exponential"), delay * 2)
        if delay >= longest:
            break
    return int(min(delay, longest))


@untimed
@given(shaped, st.integers(1, 300), st.integers())
def test_a_wait_is_the_references_delay_spread_as_the_jitter_says(
    policy: dict[str, Any], attempt_number: int, seed: int
) -> None:
    delay = reference(policy, attempt_number)
    wait = Backoff.parse(policy).wait(attempt_number, retry_after=None, random=Random(seed)) / timedelta(milliseconds=1)
    listed = policy.get("delays_ms")
    least = min(listed) if listed else min(policy.get("initial_delay_ms", 1000), policy.get("max_delay_ms", 60_000))
    longest = max(listed) if listed else policy.get("max_delay_ms", 60_000)
    bounds = {
        "none": (delay, delay),
        "full": (0, delay),
        "partial": (max(least, delay * 0.8), longest) if delay == longest else (delay, min(delay * 1.2, longest)),
    }
    low, high = bounds[policy["jitter"]]
    assert low - 0.001 <= wait <= high + 0.001  # a timedelta has microseconds


def test_full_jitter_is_even_from_nothing_to_the_delay() -> None:
    backoff = Backoff.parse({"backoff": "exponential", "initial_delay_ms": 1000, "jitter": "full"})
    random = Random(7)
    waits = [backoff.wait(4, retry_after=None, random=random) / timedelta(seconds=8) for _ in range(10_000)]
    tenths = [sum(tenth <= wait * 10 < tenth + 1 for wait in waits) for tenth in range(10)]
    assert sum(tenths) == 10_000
    assert all(900 < tenth < 1100 for tenth in tenths)  # 1,000 with a deviation of 30


@untimed
@given(shaped, st.integers(1, 100), st.integers(0, 3600), st.integers())
def test_with_any_jitter_what_the_receiver_asks_for_is_the_least(
    policy: dict[str, Any], attempt_number: int, seconds: int, seed: int
) -> None:
    asked = timedelta(seconds=seconds)
    assert Backoff.parse(policy).wait(attempt_number, retry_after=asked, random=Random(seed)) >= asked


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


def test_what_was_asked_for_and_is_less_than_the_delay_changes_nothing() -> None:
    backoff = Backoff.parse({"initial_delay_ms": 4000})
    wait = [backoff.wait(2, retry_after=asked, random=Random(7)) for asked in (None, timedelta(seconds=1))]
    assert wait[0] == wait[1] > timedelta(seconds=8)


def test_beyond_what_was_asked_for_waits_are_spread_by_the_jitter_and_no_further() -> None:
    backoff = Backoff.parse({"initial_delay_ms": 1000})
    random, asked = Random(7), timedelta(seconds=10)
    waits = {backoff.wait(1, retry_after=asked, random=random) for _ in range(200)}
    assert asked <= min(waits) < asked + timedelta(milliseconds=10)
    assert asked + timedelta(milliseconds=190) < max(waits) <= asked + timedelta(milliseconds=200)


def test_the_first_wait_is_that_of_its_shape_without_jitter() -> None:
    assert Backoff.parse({"backoff": "exponential", "initial_delay_ms": 70}).first == timedelta(milliseconds=70)
    assert Backoff.parse({"delays_ms": [900, 30]}).first == timedelta(milliseconds=900)


def test_at_its_longest_a_listed_delay_is_spread_down_to_the_shortest_of_the_list() -> None:
    backoff = Backoff.parse({"delays_ms": [9500, 10_000], "jitter": 1})
    random = Random(7)
    waits = [backoff.wait(2, retry_after=None, random=random) / timedelta(seconds=1) for _ in range(200)]
    assert 9.5 <= min(waits) < 9.55
    assert 9.95 < max(waits) <= 10


@pytest.mark.parametrize(
    ("jitter", "part"),
    [(True, 0.2), (False, 0), ("none", 0), ("partial", 0.2), ("full", 1), (0, 0), (1, 1), (0.2, 0.2), (1.0, 1)],
)
def test_a_jitter_is_a_part_or_a_word_for_one(jitter: object, part: float) -> None:
    """1 is a part, unlike True, whose part is 0.2."""
    assert Backoff.parse({"jitter": jitter}).jitter == part
    assert Backoff.parse({"jitter": jitter}).is_full == (jitter == "full")


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
        {"jitter": "wild"},
        {"delays_ms": []},
        {"delays_ms": "1000"},
        {"delays_ms": 1000},
        {"delays_ms": {"1000": 1}},
        {"delays_ms": [1000, -1]},
        {"delays_ms": [True]},
        {"max_retry_after_seconds": -1},
        {"max_retry_after_seconds": 31 * 86_400 + 1},
        {"max_retry_after_seconds": "60"},
        {"max_retry_after_seconds": False},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(policy: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="retry_policy"):
        Backoff.parse(policy)
