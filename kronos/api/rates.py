"""How many requests a key may make a minute: an API process takes some of the key's minute and serves them without
asking again.

PostgreSQL keeps how many were taken (kronos.request_rates), so that several processes together never serve more than
the limit. What one has taken and does not serve is lost to the others until the minute ends: it takes as many as it
served lately, at most a twentieth of the limit, and of what is left at most an eighth.
"""

import math
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from starlette.types import Scope

from kronos import errors

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
        """Requests a minute, of all processes together; None: no limit."""
        return self._quota

    def wanted(self, now: float, waiting: int) -> int:
        """How many to take, at the least one: with those that are left as many as wait, or twice what was served since
        the last time."""
        served, self._spent = self._spent, 0
        most = max(1, self._quota // _SHARE) if self._quota else _FEWEST
        aim = min(max(_FEWEST, waiting, 2 * served), most)
        return max(1, aim - (self._left if now < self._ends else 0))

    def take(self, taken: "Taken", asked_at: float) -> None:
        """What PostgreSQL gave, and how long it is good for from before it was asked: never into the next minute."""
        kept = self._left if taken.window_at == self._window_at else 0
        self._quota, self._left, self._left_over = taken.quota, kept + taken.granted, taken.left_over
        self._granted, self._window_at, self._ends = taken.granted, taken.window_at, asked_at + taken.seconds

    def spend(self, now: float) -> bool:
        """Whether one more request may be served. What ended with its minute is asked for anew."""
        if self._quota is None:
            return True
        if self._left <= 0 or now >= self._ends:
            return False
        self._left -= 1
        self._spent += 1
        return True

    def is_used_up(self, now: float) -> bool:
        """Whether there is nothing left of the minute, with anybody: so it is where PostgreSQL had none to give."""
        return self._quota is not None and not self._left and not self._granted and now < self._ends

    def retry_after_seconds(self, now: float) -> int:
        """Until the minute ends, in whole seconds, at the least one."""
        return max(1, math.ceil(self._ends - now))

    def headers(self, now: float) -> list[tuple[bytes, bytes]]:
        """RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers-10); none without a limit.

        What is left is as this process knows it: its own, and what nobody had taken when it last asked.
        """
        if self._quota is None:
            return []
        left, seconds = self._left + self._left_over, max(0, math.ceil(self._ends - now))
        return [
            (b"ratelimit-policy", b"%s;q=%d;w=%d" % (_POLICY, self._quota, WINDOW_SECONDS)),
            (b"ratelimit", b"%s;r=%d;t=%d" % (_POLICY, left, seconds)),
        ]


class Taken(Protocol):
    """What PostgreSQL gave (kronos.take_requests)."""

    @property
    def quota(self) -> int | None:
        """Requests a minute; None: no limit."""

    @property
    def granted(self) -> int:
        """Requests of this minute that this process may serve."""

    @property
    def left_over(self) -> int:
        """Those that nobody has taken."""

    @property
    def window_at(self) -> datetime:
        """When the minute began."""

    @property
    def seconds(self) -> float:
        """Until it ends."""


@dataclass(slots=True)
class RateStanding:
    """Whose requests one request is counted among; in its scope as kronos.standing."""

    allowance: Allowance | None = None

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Of the answer: none where nobody was known to call."""
        return self.allowance.headers(time.monotonic()) if self.allowance is not None else []


def stands(scope: Scope | None, allowance: Allowance) -> None:
    """What the request is counted among stands in its answer."""
    if scope is not None:
        standing: RateStanding = scope["kronos.standing"]
        standing.allowance = allowance


def rate_limited(who: str, allowance: Allowance, now: float, scope: Scope | None) -> errors.RateLimited:
    """The refusal of one request more than the minute has."""
    stands(scope, allowance)
    seconds = allowance.retry_after_seconds(now)
    detail = f"{who} has made the {allowance.quota} requests of its minute: call again in {seconds} s; nothing was done"
    return errors.RateLimited(detail, retry_after_seconds=seconds)
