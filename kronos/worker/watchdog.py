"""While pg_cron is silent, workers ring in its place: a scheduler that is frozen cannot report itself."""

import logging
import random
import time

from kronos.system import RING_IF_SILENT, SILENT_AFTER
from kronos.worker.link import Link

_log = logging.getLogger("kronos.worker")
_EVERY_SECONDS = 5.0
_TOLD_EVERY_SECONDS = 60.0


class Watchdog:
    """Asks every five seconds or so whether pg_cron has rung lately, and rings once if it has not."""

    def __init__(self) -> None:
        self._next_at = 0.0
        self._told_at = float("-inf")

    @property
    def is_due(self) -> bool:
        """Whether it is time to ask again."""
        return time.monotonic() >= self._next_at

    async def look(self, link: Link) -> bool:
        """Whether executions were made in pg_cron's place. Raises psycopg.Error."""
        (rung,) = await link.rows(RING_IF_SILENT, {"after": SILENT_AFTER})
        self._next_at = time.monotonic() + _EVERY_SECONDS * random.uniform(0.7, 1.3)  # noqa: S311 - no secret
        if rung.executions is not None and time.monotonic() - self._told_at > _TOLD_EVERY_SECONDS:
            self._told_at = time.monotonic()
            _log.warning("pg_cron has been silent for more than %d s: workers ring in its place", SILENT_AFTER.total_seconds())
        return bool(rung.executions)
