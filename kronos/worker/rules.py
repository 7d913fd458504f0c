"""An endpoint's retry rules: whether another attempt follows an outcome, and its effect on the endpoint."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Self

from kronos.delivery.outcome import Outcome
from kronos.model import JsonObject
from kronos.records import dataclass
from kronos.worker.backoff import Backoff

LONGEST_SLOW_DOWN = timedelta(hours=1)
"""After this time, an endpoint that asked for a longer pause is tried with one delivery."""
_GONE = 410
_SLOWING = frozenset({429, 503})
_LONGEST_AGE_SECONDS = 366 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Which attempts are retried, and which responses slow their endpoint down.

    `retryable`: None means those of kronos.delivery.outcome. `permanent` are excluded from them. `longest_age` counts
    from the time when the execution was first due.
    """

    retryable: frozenset[int] | None = None
    permanent: frozenset[int] = frozenset()
    slowing: frozenset[int] = _SLOWING
    retries_unknown: bool = True
    longest_age: timedelta | None = None

    @classmethod
    def parse(cls, policy: JsonObject) -> Self:
        """Parse an endpoint's retry_policy; missing values have the defaults above. Raises ValueError."""
        retryable, slowing = policy.get("retryable_status_codes"), policy.get("slow_down_status_codes")
        unknown, age = policy.get("retry_unknown", True), policy.get("max_age_seconds")
        if unknown not in (True, False):
            raise ValueError(f"retry_policy.retry_unknown {unknown!r} must be true or false")
        if age is not None and (
            isinstance(age, bool) or not isinstance(age, int) or not 1 <= age <= _LONGEST_AGE_SECONDS
        ):
            raise ValueError(f"retry_policy.max_age_seconds {age!r} is not a number of seconds")
        return cls(
            retryable=None if retryable is None else _codes(retryable, "retryable_status_codes"),
            permanent=_codes(policy.get("permanent_status_codes") or (), "permanent_status_codes"),
            slowing=_SLOWING if slowing is None else _codes(slowing, "slow_down_status_codes"),
            retries_unknown=unknown,
            longest_age=None if age is None else timedelta(seconds=age),
        )

    def is_retryable(self, outcome: Outcome) -> bool:
        """Whether another attempt may follow this one."""
        code = outcome.status_code
        if outcome.is_unknown and not self.retries_unknown:
            return False
        if code is None:
            return outcome.retryable
        if code in self.permanent:
            return False
        return outcome.retryable if self.retryable is None else code in self.retryable

    def slow_down(self, outcome: Outcome, backoff: Backoff) -> timedelta:
        """Return how long nothing is delivered to the endpoint after this outcome.

        This is the granted part of the response's Retry-After, or else the first delay; zero if the response does not
        slow the endpoint down."""
        if outcome.status_code not in self.slowing:
            return timedelta()
        granted = backoff.granted(outcome.retry_after)
        return min(backoff.first if granted is None else granted, LONGEST_SLOW_DOWN)

    def is_gone(self, outcome: Outcome) -> bool:
        """Whether the receiver reported that it is gone for good. A 410 that the policy retries does not count."""
        return outcome.status_code == _GONE and not self.is_retryable(outcome)


def _codes(value: object, name: str) -> frozenset[int]:
    listed = list(value) if isinstance(value, Iterable) and not isinstance(value, str) else [None]
    codes = frozenset(code for code in listed if type(code) is int and 100 <= code <= 599)
    if any(type(code) is not int or code not in codes for code in listed):
        raise ValueError(f"retry_policy.{name} {value!r} is not a list of status codes")
    return codes
