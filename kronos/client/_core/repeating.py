"""Decides whether and when a failed call is repeated. Does not send or sleep itself; both clients use it."""

import random
from collections.abc import Callable

from kronos.client._core.calls import Call
from kronos.client._core.options import Options
from kronos.client.errors import (
    AnswerInvalid,
    ApiError,
    Conflict,
    InvalidRequest,
    KronosError,
    NotConnected,
    NotFound,
    PreconditionFailed,
    RateLimited,
    TimedOut,
    TransportError,
    Unauthorized,
    Unavailable,
)

_OWN_DOING = (NotFound, Conflict, PreconditionFailed)


class Tries:
    """The tries of one call, up to its response or its last error."""

    def __init__(
        self,
        call: Call,
        options: Options,
        *,
        clock: Callable[[], float],
        key: str | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._call = call
        self._options = options
        self._clock = clock
        self._chance = chance
        self._began_at = clock()
        self._ends_at = self._began_at + options.deadline
        self._sent = 0
        self._is_unknown = False
        self._keys: list[str] = []
        if key is not None:
            self.begin(key)  # sent before, and successful until it failed

    def begin(self, key: str) -> None:
        """Count another try, made with this key."""
        self._sent += 1
        self._began_at = self._clock()
        self._keys.append(key)

    def remaining(self, *, is_sent: bool = False) -> float:
        """Return the seconds until the call's deadline. Raises TimedOut after it. `is_sent`: the call has been sent."""
        left = self._ends_at - self._clock()
        if left <= 0:
            raise TimedOut(
                f"{self._call.name}: no response within its deadline of {self._options.deadline:g} s",
                is_outcome_unknown=is_sent or self._is_unknown,
            )
        return left

    def pause_after(self, error: KronosError, new_key: Callable[[], str]) -> float:
        """Return the seconds to wait before the next try. Raises the error if there is none."""
        if isinstance(error, _OWN_DOING):
            error.may_be_done = self._is_unknown
        self._is_unknown |= error.is_outcome_unknown
        if isinstance(error, Unauthorized) and len(self._keys) < 2 and new_key() != self._keys[-1]:
            return 0.0  # the key was rotated: retry immediately with the new one
        if self._sent >= self._options.tries or not self._is_passing(error):
            raise self._last(error)
        asked = error.retry_after if isinstance(error, ApiError | AnswerInvalid) else None
        pause = self._backoff() if asked is None else asked + self._chance() * min(1.0, asked / 10 + 0.05)
        # Do not retry a call that was certainly not done if less time is left than it took: cut off, its outcome would
        # be unknown.
        needed = 0.0 if error.is_outcome_unknown else 2 * (self._clock() - self._began_at)
        if pause + needed >= self._ends_at - self._clock():
            raise self._last(error)  # the wait would be useless
        return pause

    def _is_passing(self, error: KronosError) -> bool:
        """Return whether the same call may succeed later, and may be repeated."""
        if error.is_outcome_unknown and not self._call.may_repeat:
            return False
        if isinstance(error, InvalidRequest):
            return error.status == 408  # the body arrived too slowly; nothing was done
        if isinstance(error, AnswerInvalid):
            return error.is_passing
        if isinstance(error, RateLimited):
            return error.code == "rate_limited" or error.retry_after is not None
        return isinstance(error, TransportError | Unavailable)

    def _backoff(self) -> float:
        """Return the next pause, randomized over nine tenths, so that clients that failed together retry apart."""
        most: float = min(self._options.max_pause, self._options.first_pause * 2 ** min(self._sent - 1, 30))
        return most * (0.1 + 0.9 * self._chance())

    def _last(self, error: KronosError) -> KronosError:
        """Return the error, with an unknown outcome if an earlier try may have done the call."""
        if (
            self._is_unknown
            and not error.is_outcome_unknown
            and isinstance(error, NotConnected | Unavailable | RateLimited)
        ):
            error.is_outcome_unknown = True
        return error
