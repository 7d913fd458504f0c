"""Replaces PostgreSQL's sessions when the time zone data has changed: a session caches a zone until it ends."""

import asyncio
from datetime import datetime

from kronos import errors, system
from kronos.database import InstanceView
from kronos.lines import Log
from kronos.pool import Pool

_log = Log("kronos.api")
EVERY_SECONDS = 15.0


class Renewal:
    """Checks when the reaper last noticed changed rules of a time zone, and then renews the pool's sessions."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._known: datetime | None = None
        self._has_asked = False

    async def look(self) -> bool:
        """Renew the sessions if the rules changed, and return whether they did. Raises KronosError."""
        changed_at = (await system.zone_rules(InstanceView(self._pool))).changed_at
        is_news = self._has_asked and changed_at != self._known and changed_at is not None
        self._known, self._has_asked = changed_at, True
        if is_news:
            _log.warning("time_zones.changed", "the rules of a time zone have changed: renewing PostgreSQL's sessions")
            await self._pool.drain()
        return is_news

    async def run(self) -> None:
        """Check until cancelled. While PostgreSQL is unavailable, there is no session to renew."""
        while True:
            try:
                await self.look()
            except errors.KronosError as error:
                _log.debug("api.read_failed", "time zones cannot be queried: %s", error)
            await asyncio.sleep(EVERY_SECONDS)
