"""The times when a worker looks for work: immediately when woken, again soon after, when the next execution is due, and
at regular intervals."""

import asyncio
import math
import random
import time

# For 10 ms after a wake, other transactions send none, and they commit a little later: the echoes find their
# executions.
_ECHOES_SECONDS = (0.015, 0.05)
# Looks take at most a fifth of the time; with 10,000 endpoints, each takes 22 ms. The rest is capped: the cause of a
# look that took seconds is most likely over.
_REST_PER_LOOK = 4.0
_LONGEST_REST_SECONDS = 5.0
# Any session may send announcements, so their number is limited; the next look finds the others.
_MOST_TOLD = 64


class Wake:
    """The times of the next looks, on the monotonic clock. Times of the database are passed as offsets from now."""

    def __init__(self, poll_seconds: float) -> None:
        self._poll_seconds = poll_seconds
        self._times = [0.0]
        self._poll_at = math.inf  # set by the last look only, however many looks there were
        self._not_before = 0.0
        self.is_full_wanted = False  # waiting work may have been due for a long time
        self.are_limits_new = False  # a limit was changed: endpoints it closed may be open
        self._told: set[str] = set()
        self._changed = asyncio.Event()

    def now(self, endpoint_id: str | None = None, *, is_old: bool = False) -> None:
        """Note an announcement of work, possibly with its endpoint.

        With `is_old`, the work may have been due for a long time, so that only a full look finds it.
        """
        if endpoint_id is not None and len(self._told) < _MOST_TOLD:
            self._told.add(endpoint_id)
        self.is_full_wanted |= is_old
        at = time.monotonic()
        first, last = _ECHOES_SECONDS
        # At most three times are kept. However many calls there are, the last echo comes after the last call.
        pending = sorted(due for due in self._times if due > at)[:1]
        self._times = [at, min([*pending, at + first]), at + last]
        self._changed.set()

    def take_told(self) -> set[str]:
        """Return the endpoints announced since the last call. A claim finds their work without a look."""
        told, self._told = self._told, set()
        return told

    @property
    def has_told(self) -> bool:
        """Whether any endpoints were announced."""
        return bool(self._told)

    def within(self, seconds: float) -> None:
        """Note that something will be due after this time."""
        at = time.monotonic() + seconds
        if len(self._times) < 8:
            self._times.append(at)
        else:
            self._times[self._times.index(max(self._times))] = min(at, max(self._times))
        self._changed.set()

    def poke(self) -> None:
        """Wake a waiting loop: a slot became free, or the worker stops."""
        self._changed.set()

    @property
    def is_due(self) -> bool:
        """Whether it is time to look."""
        return time.monotonic() >= self._next_at

    @property
    def _next_at(self) -> float:
        return max(min([self._poll_at, *self._times]), self._not_before)

    def looked(self, started: float, next_due_seconds: float | None) -> None:
        """Note the end of a look that began at `started` (monotonic), and when the next execution is due, if any."""
        at = time.monotonic()
        poll = self._poll_seconds * random.uniform(0.7, 1.0)  # noqa: S311 - no secret
        next_due = poll if next_due_seconds is None else min(poll, next_due_seconds)
        self._times = [due for due in self._times if due > started]
        self._poll_at = at + next_due
        self._not_before = at + min((at - started) * _REST_PER_LOOK, _LONGEST_REST_SECONDS)

    async def wait(self, *, for_look: bool, until: float = math.inf) -> None:
        """Wait until something changes, until `until` (monotonic), or, with `for_look`, until it is time to look."""
        self._changed.clear()
        if for_look and self.is_due:
            return
        seconds = min(self._next_at, until) - time.monotonic() if for_look else None
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return
