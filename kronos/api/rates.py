"""How many requests a key may make per minute. An API process takes part of the key's minute and serves it without
further queries.

PostgreSQL counts what was taken (kronos.request_rates), so that several processes together never exceed the limit.
Requests that a process took but does not serve are lost to the others until the minute ends. So it takes as many as it
served lately, at most a twentieth of the limit and an eighth of what is left.
"""

import math
import time
from datetime import datetime
from typing import Protocol

from starlette.types import Scope

from kronos import errors
from kronos.records import dataclass

_POLICY = b'"key"'
_FEWEST, _SHARE = 10, 20
WINDOW_SECONDS = 60


class Allowance:
    """The requests of one key that this process may serve. Without a limit: all."""

    __slots__ = ("_ends", "_granted", "_left", "_left_over", "_quota", "_spent", "_window_at")

    def __init__(self) -> None:
        self._quota: int | None = 0
        self._left = 0
        self._left_over = 0
        self._granted = 1
        self._spent = 0
        self._window_at: datetime | None = None
        self._ends = 0.0

    @property
    def quota(self) -> int | None:
        """Requests per minute, for all processes together; None: no limit."""
        return self._quota

    def wanted(self, now: float, waiting: int) -> int:
        """Return how many to take, at least one: enough, with those left, for the waiting requests, or for twice as
        many as were served since the last time."""
        served, self._spent = self._spent, 0
        most = max(1, self._quota // _SHARE) if self._quota else _FEWEST
        aim = min(max(_FEWEST, waiting, 2 * served), most)
        return max(1, aim - (self._left if now < self._ends else 0))

    def take(self, taken: "Taken", asked_at: float) -> None:
        """Add what PostgreSQL granted, valid from before the query and never into the next minute."""
        kept = self._left if taken.window_at == self._window_at else 0
        self._quota, self._left, self._left_over = taken.quota, kept + taken.granted, taken.left_over
        self._granted, self._window_at, self._ends = taken.granted, taken.window_at, asked_at + taken.seconds

    def spend(self, now: float) -> bool:
        """Spend one request, and return whether it may be served. What is left ends with its minute."""
        if self._quota is None:
            return True
        if self._left <= 0 or now >= self._ends:
            return False
        self._left -= 1
        self._spent += 1
        return True

    def is_used_up(self, now: float) -> bool:
        """Return whether the key's minute is used up everywhere: PostgreSQL had none left to grant."""
        return self._quota is not None and not self._left and not self._granted and now < self._ends

    def retry_after_seconds(self, now: float) -> int:
        """Return the whole seconds until the minute ends, at least one."""
        return max(1, math.ceil(self._ends - now))

    def headers(self, now: float) -> list[tuple[bytes, bytes]]:
        """Return RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers-10); none without a limit.

        What is left is as this process knows it: its own share, and what was not taken when it last asked.
        """
        if self._quota is None:
            return []
        left, seconds = self._left + self._left_over, max(0, math.ceil(self._ends - now))
        return [
            (b"ratelimit-policy", b"%s;q=%d;w=%d" % (_POLICY, self._quota, WINDOW_SECONDS)),
            (b"ratelimit", b"%s;r=%d;t=%d" % (_POLICY, left, seconds)),
        ]


class Taken(Protocol):
    """What PostgreSQL granted (kronos.take_requests)."""

    @property
    def quota(self) -> int | None:
        """Requests per minute; None: no limit."""

    @property
    def granted(self) -> int:
        """Requests of this minute that this process may serve."""

    @property
    def left_over(self) -> int:
        """Requests not taken by any process."""

    @property
    def window_at(self) -> datetime:
        """When the minute began."""

    @property
    def seconds(self) -> float:
        """Seconds until it ends."""


@dataclass(slots=True)
class RateStanding:
    """The allowance that one request counts against; in its scope as kronos.standing."""

    allowance: Allowance | None = None

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return the headers of the response; none if the caller is unknown."""
        return self.allowance.headers(time.monotonic()) if self.allowance is not None else []


def stands(scope: Scope | None, allowance: Allowance) -> None:
    """Put the allowance that the request counts against into its response."""
    if scope is not None:
        standing: RateStanding = scope["kronos.standing"]
        standing.allowance = allowance


def rate_limited(who: str, allowance: Allowance, now: float, scope: Scope | None) -> errors.RateLimited:
    """Return the error for a request beyond the minute's limit."""
    stands(scope, allowance)
    seconds = allowance.retry_after_seconds(now)
    detail = f"{who} used up its {allowance.quota} requests per minute; nothing was done; retry in {seconds} s"
    return errors.RateLimited(detail, retry_after_seconds=seconds)
