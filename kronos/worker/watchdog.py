"""Workers ring in pg_cron's place while it is silent, and after an interruption until it is heard again."""

import asyncio
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import psycopg

from kronos.lines import Log
from kronos.readiness import SILENT_AFTER
from kronos.records import dataclass
from kronos.server_time import CLOCK, boot_time
from kronos.sql import statement
from kronos.worker.link import Link

_log = Log("kronos.worker")
_EVERY_SECONDS = 5.0
# How often workers ring until pg_cron is heard, as long as it does not count as silent. pg_cron skips the minute in
# which it starts, and ticks in that minute should be at most about a second late.
_UNHEARD_EVERY_SECONDS = 1.0
# If a ring did not account for everything that is due.
_LEFT_SECONDS = 0.2
_TOLD_EVERY_SECONDS = 60.0
# A clock is slewed by at most half a millisecond per second, and is checked every few seconds.
_SET_BY_SECONDS = 0.5
_NEVER_HEARD = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """The result of a worker's check of pg_cron and of its ring; `executions` is None if it did not ring."""

    at: datetime  # PostgreSQL's clock
    is_heard: bool
    is_silent: bool
    executions: int | None
    is_left: bool  # something is still due
    internal_jobs: list[UUID]  # to be run in silent pg_cron's place


@dataclass(frozen=True, slots=True, kw_only=True)
class InternalRun:
    """Whether an internal job was run in pg_cron's place."""

    is_run: bool


RING_IF_SILENT = statement("watchdog.ring_if_silent", Rung)
_RUN_INTERNAL_JOB = statement("watchdog.run_internal_job", InternalRun)


class ServerClock:
    """Detects that PostgreSQL's clock was set forward or back, using this machine's boot-time clock, which cannot be
    set."""

    def __init__(self) -> None:
        self._ahead: tuple[float, float] | None = None  # ahead of the boot-time clock: minimum and maximum

    def was_set(self, at: datetime, asked: float, answered: float) -> bool:
        """Whether the clock was set since the last call. It showed `at` at some time between these two boot times."""
        before, self._ahead = self._ahead, (at.timestamp() - answered, at.timestamp() - asked)
        if before is None:
            return False
        return self._ahead[0] > before[1] + _SET_BY_SECONDS or self._ahead[1] < before[0] - _SET_BY_SECONDS


class Watchdog:
    """Checks pg_cron about every five seconds, and rings in its place while it is not heard, then every second.

    The ring is a separate transaction. Internal tasks of a silent pg_cron run after it, one at a time over another
    connection, so that the next ring is on time whatever happens to them.
    """

    def __init__(self, tasks: Link) -> None:
        self._tasks = tasks
        self._running: asyncio.Task[None] | None = None
        self._clock = ServerClock()
        self._unheard_since: datetime | None = _NEVER_HEARD
        self._next_at = 0.0
        self._told_at = float("-inf")

    def distrust(self) -> None:
        """Ring at the next check, which is due now, and until pg_cron is heard: what it did meanwhile is unknown."""
        self._unheard_since = _NEVER_HEARD
        self._clock = ServerClock()  # the connection may now be to another server
        self._next_at = 0.0

    @property
    def is_due(self) -> bool:
        """Whether it is time to check again."""
        return self.seconds_to_look <= 0

    @property
    def seconds_to_look(self) -> float:
        """Seconds until the next check."""
        return self._next_at - time.monotonic()

    async def look(self, link: Link) -> bool:
        """Check pg_cron and ring if needed. Returns whether executions were created. Raises psycopg.Error."""
        asked = boot_time()
        (rung,) = await link.rows(RING_IF_SILENT, {"after": SILENT_AFTER, "unheard_since": self._unheard_since})
        answered = boot_time()
        CLOCK.note(rung.at, asked, answered)
        was_set = self._clock.was_set(rung.at, asked, answered)
        if was_set:
            _log.warning(
                "clock.set", "PostgreSQL's clock was set: it shows %s", rung.at.isoformat(timespec="milliseconds")
            )
            self._unheard_since = rung.at if rung.executions is not None else _NEVER_HEARD
        elif rung.is_heard:
            self._unheard_since = None
        elif self._unheard_since is _NEVER_HEARD and rung.executions is not None:
            self._unheard_since = rung.at
        self._next_at = time.monotonic() + self._rest(rung, was_set=was_set)
        if rung.is_silent:
            self._stand_in(rung)
        return bool(rung.executions)

    def _rest(self, rung: Rung, *, was_set: bool) -> float:
        if was_set and rung.executions is None:
            return 0.0
        if rung.is_left:
            return _LEFT_SECONDS
        since = self._unheard_since
        if since is not None and rung.at - since < SILENT_AFTER:  # _NEVER_HEARD is later than any time
            return _UNHEARD_EVERY_SECONDS * random.uniform(0.7, 1.0)  # noqa: S311 - no secret
        return _EVERY_SECONDS * random.uniform(0.7, 1.3)  # noqa: S311 - no secret

    def _stand_in(self, rung: Rung) -> None:
        if rung.executions is not None and time.monotonic() - self._told_at > _TOLD_EVERY_SECONDS:
            self._told_at = time.monotonic()
            _log.warning(
                "pg_cron.silent",
                "pg_cron has been silent for more than %d s: workers ring in its place",
                SILENT_AFTER.total_seconds(),
            )
        if rung.internal_jobs and (self._running is None or self._running.done()):
            self._running = asyncio.create_task(self._run(rung.internal_jobs))

    async def _run(self, internal_jobs: Sequence[UUID]) -> None:
        for job_id in internal_jobs:
            try:
                await self._tasks.rows_or_reason(_RUN_INTERNAL_JOB, {"job_id": job_id})
            except psycopg.Error as error:
                _log.warning(
                    "internal_job.failed",
                    "internal job %s failed in pg_cron's place: %s",
                    job_id,
                    error,
                    job_id=str(job_id),
                )

    async def renew(self) -> None:
        """Run the next internal tasks in a new session, which rereads the time zone data."""
        await self.close()
        await self._tasks.close()

    async def close(self) -> None:
        """Abort an internal task that is under way. It is rolled back, and another worker runs it."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
