"""The wait before a failed delivery is retried, counted from the end of its attempt."""

from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Literal, Self

from kronos.model import JsonObject
from kronos.records import dataclass

Shape = Literal["fixed", "linear", "exponential"]
# Two to the 40th milliseconds are 34 years; a float's exponent ends at 1024.
_MOST_DOUBLINGS = 40
# Longer than any policy needs, and far below timedelta's limit.
_MONTH_MS = 31 * 86_400_000
_MOST_RETRY_AFTER_SECONDS = _MONTH_MS // 1000
_JITTERS: dict[bool | str, float] = {True: 0.2, False: 0.0, "none": 0.0, "partial": 0.2, "full": 1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """An endpoint's waits between attempts.

    `jitter` is the part of a wait, 0 to 1, by which waits are spread; with `is_full`, a wait is anything up to its full
    length. `listed` waits replace a shape, and the last of them repeats. `longest_retry_after` is the most that is
    waited for a receiver's Retry-After.
    """

    shape: Shape = "exponential"
    initial: timedelta = timedelta(seconds=1)
    longest: timedelta = timedelta(seconds=60)
    jitter: float = 0.2
    longest_retry_after: timedelta = timedelta(hours=1)
    is_full: bool = False
    listed: tuple[timedelta, ...] = ()

    @classmethod
    def parse(cls, policy: JsonObject) -> Self:
        """Parse an endpoint's retry_policy; missing values have the defaults above. Raises ValueError."""
        shape = policy.get("backoff", "exponential")
        if shape not in ("fixed", "linear", "exponential"):
            raise ValueError(f"retry_policy.backoff {shape!r} must be fixed, linear or exponential")
        initial, longest = (
            _milliseconds(policy, "initial_delay_ms", 1_000),
            _milliseconds(policy, "max_delay_ms", 60_000),
        )
        jitter = policy.get("jitter", 0.2)
        if isinstance(jitter, bool | str):
            jitter = _JITTERS.get(jitter, jitter)
        if not isinstance(jitter, int | float) or not 0 <= jitter <= 1:
            raise ValueError(f"retry_policy.jitter {jitter!r} is not a number from 0 to 1")
        asked = policy.get("max_retry_after_seconds", 3600)
        if isinstance(asked, bool) or not isinstance(asked, int) or not 0 <= asked <= _MOST_RETRY_AFTER_SECONDS:
            raise ValueError(
                f"retry_policy.max_retry_after_seconds {asked!r} is not a number of seconds up to "
                f"{_MOST_RETRY_AFTER_SECONDS}"
            )
        listed = _listed(policy)
        if listed:
            initial, longest = min(listed), max(listed)
        return cls(
            shape=shape,
            initial=min(initial, longest),
            longest=longest,
            is_full=policy.get("jitter") == "full",
            listed=listed,
            jitter=float(jitter),
            longest_retry_after=timedelta(seconds=asked),
        )

    def granted(self, asked: timedelta | None) -> timedelta | None:
        """Return the granted part of the receiver's Retry-After, or None if it sent none."""
        return None if asked is None else min(asked, self.longest_retry_after)

    @property
    def first(self) -> timedelta:
        """The wait after a first attempt, without jitter."""
        return self._plain(1)

    def wait(self, attempt_number: int, *, retry_after: timedelta | None, random: Random) -> timedelta:
        """Return how long to wait after attempt `attempt_number`; the first is 1.

        The wait is at least `initial`, unless the jitter is full, and at most `longest`. The granted part of a
        receiver's Retry-After is always waited out. Jitter lengthens a wait, but shortens one already at `longest`.
        """
        plain = self._plain(attempt_number)
        if self.is_full:
            least, most = timedelta(), plain
        elif plain < self.longest:
            least, most = plain, min(plain * (1 + self.jitter), self.longest)
        else:
            least, most = max(self.initial, self.longest * (1 - self.jitter)), self.longest
        wait = least + (most - least) * random.random()
        granted = self.granted(retry_after)
        if granted is None or granted <= wait:
            return wait
        return granted + (most - least) * random.random()

    def _plain(self, attempt_number: int) -> timedelta:
        if self.listed:
            return self.listed[min(attempt_number, len(self.listed)) - 1]
        match self.shape:
            case "fixed":
                factor = 1
            case "linear":
                factor = attempt_number
            case "exponential":
                factor = 2 ** min(attempt_number - 1, _MOST_DOUBLINGS)
        milliseconds = self.initial / timedelta(milliseconds=1) * factor
        return min(timedelta(milliseconds=min(milliseconds, self.longest / timedelta(milliseconds=1))), self.longest)


def _listed(policy: JsonObject) -> tuple[timedelta, ...]:
    delays = policy.get("delays_ms")
    if delays is None:
        return ()
    if not isinstance(delays, Sequence) or isinstance(delays, str) or not delays:
        raise ValueError(f"retry_policy.delays_ms {delays!r} is not a list of milliseconds")
    return tuple(_checked(delay, "delays_ms") for delay in delays)


def _milliseconds(policy: JsonObject, name: str, default: int) -> timedelta:
    return _checked(policy.get(name, default), name)


def _checked(value: object, name: str) -> timedelta:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MONTH_MS:
        raise ValueError(f"retry_policy.{name} {value!r} is not a number of milliseconds")
    return timedelta(milliseconds=value)
