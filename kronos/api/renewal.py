"""Lets go of PostgreSQL's sessions when the time zone data has changed: a session keeps what it has read of a zone
until it ends."""

import asyncio
from datetime import datetime

from kronos import errors, system
from kronos.database import InstanceView
from kronos.lines import Log
from kronos.pool import Pool

_log = Log("kronos.api")
EVERY_SECONDS = 15.0


class Renewal:
    """Asks when the reaper last noticed other rules of a time zone, and renews the pool's sessions when it has."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._known: datetime | None = None
        self._has_asked = False

    async def look(self) -> bool:
        """Whether the sessions were renewed. Raises KronosError."""
        changed_at = (await system.zone_rules(InstanceView(self._pool))).changed_at
        is_news = self._has_asked and changed_at != self._known and changed_at is not None
        self._known, self._has_asked = changed_at, True
        if is_news:
            _log.warning(
                "time_zones.changed", "the rules of a time zone have changed: PostgreSQL's sessions are renewed"
            )
            await self._pool.drain()
        return is_news

    async def run(self) -> None:
        """Look until cancelled; while PostgreSQL is away there is no session to renew."""
        while True:
            try:
                await self.look()
            except errors.KronosError as error:
                _log.debug("api.read_failed", "time zones cannot be asked for: %s", error)
            await asyncio.sleep(EVERY_SECONDS)
