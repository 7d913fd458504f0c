"""Who pings: who guesses tokens, and heartbeats whose minute is used up, known without asking."""

import hashlib
import math
import re
import time

from kronos import errors
from kronos.api.guesses import MOST, Guess, Guesses
from kronos.beats import TOKEN_FORM, HeartbeatNotFound, PingTaken

_TOKEN = re.compile(TOKEN_FORM, re.ASCII)
_UNKNOWN = "no heartbeat has this ping URL: it is mistyped, or the heartbeat was deleted or given another one"


class Pings:
    """What one process knows of those who ping: who guesses tokens, and whose minute is used up."""

    def __init__(self) -> None:
        self._guesses = Guesses()
        self._full: dict[bytes, float] = {}  # until when, by the token's digest

    def begin(self, token: str, host: str) -> Guess:
        """Somebody pings with this token. Raises HeartbeatNotFound, RateLimited: nobody is asked then."""
        now, digest = time.monotonic(), hashlib.sha256(token.encode()).digest()
        if (wait := self._full.get(digest, now) - now) > 0:
            raise _too_many(wait)
        guess = self._guesses.begin(host, digest.hex(), digest, now)
        if isinstance(guess, float):
            detail = f"too many ping URLs that came from this address are none: wait {math.ceil(guess)} s"
            raise errors.RateLimited(detail, retry_after_seconds=math.ceil(guess))
        if not _TOKEN.fullmatch(token):
            self._guesses.was_wrong(guess, now)
            raise HeartbeatNotFound(_UNKNOWN)
        return guess

    def ended(self, guess: Guess, taken: PingTaken) -> None:
        """What was found out. Raises HeartbeatNotFound, RateLimited."""
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
        """Nobody knows: PostgreSQL was away."""
        self._guesses.is_undecided(guess, time.monotonic())


def _too_many(seconds: float) -> errors.RateLimited:
    wait = math.ceil(seconds)
    detail = f"this heartbeat has pinged sixty times within a minute: wait {wait} s; this ping was not kept"
    return errors.RateLimited(detail, retry_after_seconds=wait)
