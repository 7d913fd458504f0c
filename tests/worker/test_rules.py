"""A retry policy's verdicts on outcomes: which are retried, which slow their endpoint down, which mean that it is
gone."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kronos.delivery.outcome import ErrorType, Outcome, failed
from kronos.worker.backoff import Backoff
from kronos.worker.rules import LONGEST_SLOW_DOWN, Rules

CODES = st.sampled_from([404, 410, 429, 500, 503])  # few values, so that a drawn code is often in a drawn list


def answered(code: int, *, retry_after: timedelta | None = None) -> Outcome:
    """As kronos.delivery.outcome creates it for an answer that is not a success."""
    retryable = code >= 500 or code in (408, 425, 429)
    return replace(failed("http_status", "…"), retryable=retryable, status_code=code, retry_after=retry_after)


@given(CODES, st.sets(CODES), st.sets(CODES), st.booleans())
def test_the_codes_of_the_policy_decide_and_permanent_ones_win(
    code: int, retryable: set[int], permanent: set[int], is_default: bool
) -> None:
    policy = {"permanent_status_codes": sorted(permanent)}
    if not is_default:
        policy["retryable_status_codes"] = sorted(retryable)
    by_default = code >= 500 or code in (408, 425, 429)
    wanted = code not in permanent and (by_default if is_default else code in retryable)
    assert Rules.parse(policy).is_retryable(answered(code)) == wanted


@pytest.mark.parametrize(
    ("error_type", "is_unknown", "by_default", "known_alone"),
    [
        ("closed_without_answer", True, True, False),
        ("worker_stopped", True, True, False),
        ("timeout", True, True, False),
        ("timeout", False, True, True),  # nothing was sent
        ("connect", False, True, True),
        ("template", False, False, False),
    ],
)
def test_what_nobody_knows_is_tried_again_unless_the_policy_forbids_it(
    error_type: ErrorType, is_unknown: bool, by_default: bool, known_alone: bool
) -> None:
    outcome = replace(failed(error_type, "…"), is_unknown=is_unknown)
    assert Rules().is_retryable(outcome) == by_default
    assert Rules.parse({"retry_unknown": False}).is_retryable(outcome) == known_alone


@pytest.mark.parametrize(
    ("code", "asked", "policy", "slow"),
    [
        (429, 30, {}, timedelta(seconds=30)),
        (503, 30, {}, timedelta(seconds=30)),
        (503, None, {"initial_delay_ms": 2500}, timedelta(seconds=2.5)),
        (503, None, {"initial_delay_ms": 2500, "backoff": "exponential"}, timedelta(seconds=2.5)),
        (503, None, {"delays_ms": [700, 100]}, timedelta(seconds=0.7)),
        (503, 30, {"max_retry_after_seconds": 10}, timedelta(seconds=10)),
        (503, 30, {"max_retry_after_seconds": 0}, timedelta()),
        (503, 86_400, {"max_retry_after_seconds": 86_400}, LONGEST_SLOW_DOWN),
        (500, 30, {}, timedelta()),
        (500, 30, {"slow_down_status_codes": [500]}, timedelta(seconds=30)),
        (429, 30, {"slow_down_status_codes": []}, timedelta()),
        (429, 30, {"permanent_status_codes": [429]}, timedelta(seconds=30)),
    ],
)
def test_an_answer_slows_its_endpoint_for_what_it_asks_or_the_first_delay(
    code: int, asked: int | None, policy: dict[str, Any], slow: timedelta
) -> None:
    outcome = answered(code, retry_after=None if asked is None else timedelta(seconds=asked))
    assert Rules.parse(policy).slow_down(outcome, Backoff.parse(policy)) == slow


def test_what_was_not_answered_slows_nothing_down_and_says_nothing_of_being_gone() -> None:
    assert Rules().slow_down(failed("timeout", "…"), Backoff()) == timedelta()
    assert not Rules().is_gone(failed("timeout", "…"))


def test_what_was_not_answered_has_no_code_to_be_listed() -> None:
    listed = Rules.parse({"retryable_status_codes": [500], "permanent_status_codes": [503]})
    assert [listed.is_retryable(failed(why, "…")) for why in ("timeout", "connect", "template")] == [True, True, False]


def test_every_status_code_may_be_listed() -> None:
    assert Rules.parse({"retryable_status_codes": [100, 599]}).retryable == frozenset({100, 599})


def test_410_is_gone_unless_the_policy_tries_it_again() -> None:
    assert Rules().is_gone(answered(410))
    assert not Rules().is_gone(answered(404))
    assert not Rules.parse({"retryable_status_codes": [410]}).is_gone(answered(410))


@pytest.mark.parametrize("seconds", [1, 60, 366 * 86_400])
def test_an_age_is_from_a_second_to_a_year_and_none_where_nothing_is_said(seconds: int) -> None:
    assert Rules.parse({"max_age_seconds": seconds}).longest_age == timedelta(seconds=seconds)
    assert Rules.parse({"max_age_seconds": None}).longest_age is None


def test_a_policy_that_says_nothing_has_the_rules_that_stand_in_the_class() -> None:
    assert Rules.parse({}) == Rules()
    assert Rules().retries_unknown


@pytest.mark.parametrize(
    "policy",
    [
        {"retry_unknown": "yes"},
        {"max_age_seconds": 366 * 86_400 + 1},
        {"max_age_seconds": 0},
        {"max_age_seconds": True},
        {"max_age_seconds": "60"},
        {"retryable_status_codes": "500"},
        {"retryable_status_codes": [99]},
        {"retryable_status_codes": [600]},
        {"retryable_status_codes": [500.0]},
        {"permanent_status_codes": [True]},
        {"slow_down_status_codes": 503},
    ],
)
def test_rules_that_make_no_sense_are_refused(policy: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="retry_policy"):
        Rules.parse(policy)
