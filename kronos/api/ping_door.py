"""Records every few seconds that pings can be received. Ticks expected while that was not recorded are UNKNOWN, not
MISSED."""

import asyncio

from kronos import beats, errors
from kronos.database import InstanceView
from kronos.lines import Log
from kronos.pool import Pool

_log = Log("kronos.api")
EVERY_SECONDS = 5.0


class PingDoor:
    """Records for one process that pings can be received."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def hold(self) -> None:
        """Record it once. Raises KronosError."""
        if await beats.hold_door_open(InstanceView(self._pool)):
            _log.warning("pings.gap", "no ping could be received for a while: heartbeats expected then are UNKNOWN")

    async def run(self) -> None:
        """Record it until cancelled. While PostgreSQL is unavailable, pings cannot be stored either."""
        while True:
            try:
                await self.hold()
            except errors.KronosError as error:
                _log.debug("pings.unnoted", "could not record that pings can be received: %s", error)
            await asyncio.sleep(EVERY_SECONDS)
