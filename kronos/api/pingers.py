"""Per-process limits for ping requests: addresses that guess tokens, and heartbeats that used up their requests for
this minute. Rejecting them needs no query."""

import hashlib
import math
import re
import time

from kronos import errors
from kronos.api.guesses import MOST, Guess, Guesses
from kronos.beats import TOKEN_FORM, HeartbeatNotFound, PingTaken

_TOKEN = re.compile(TOKEN_FORM, re.ASCII)
_UNKNOWN = "no heartbeat has this ping URL: it is mistyped, or the heartbeat was deleted or its URL was rotated"


class Pings:
    """What one process knows about ping requests: token guesses, and heartbeats over their limit."""

    def __init__(self) -> None:
        self._guesses = Guesses()
        self._full: dict[bytes, float] = {}  # when the limit resets, by the token's digest

    def begin(self, token: str, host: str) -> Guess:
        """Begin a ping with this token. Raises HeartbeatNotFound, RateLimited, without a query."""
        now, digest = time.monotonic(), hashlib.sha256(token.encode()).digest()
        if (wait := self._full.get(digest, now) - now) > 0:
            raise _too_many(wait)
        guess = self._guesses.begin(host, digest.hex(), digest, now)
        if isinstance(guess, float):
            detail = f"too many requests with unknown ping URLs from this address; retry in {math.ceil(guess)} s"
            raise errors.RateLimited(detail, retry_after_seconds=math.ceil(guess))
        if not _TOKEN.fullmatch(token):
            self._guesses.was_wrong(guess, now)
            raise HeartbeatNotFound(_UNKNOWN)
        return guess

    def ended(self, guess: Guess, taken: PingTaken) -> None:
        """Record the outcome of a ping. Raises HeartbeatNotFound, RateLimited."""
        now = time.monotonic()
        if taken.outcome is None:
            self._guesses.was_wrong(guess, now)
            raise HeartbeatNotFound(_UNKNOWN)
        self._guesses.was_right(guess, now)
        if taken.outcome == "RATE_LIMITED":
            seconds = taken.retry_after_seconds or 1
            if len(self._full) >= MOST:
                self._full = {digest: until for digest, until in self._full.items() if until > now}
            if len(self._full) < MOST:
                self._full[guess.digest] = now + seconds
            raise _too_many(seconds)
        self._full.pop(guess.digest, None)

    def is_undecided(self, guess: Guess) -> None:
        """The outcome is unknown, because PostgreSQL was unavailable."""
        self._guesses.is_undecided(guess, time.monotonic())


def _too_many(seconds: float) -> errors.RateLimited:
    wait = math.ceil(seconds)
    detail = f"this heartbeat sent sixty pings within a minute; this ping was not stored; retry in {wait} s"
    return errors.RateLimited(detail, retry_after_seconds=wait)
