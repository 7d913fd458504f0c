"""Says every few seconds that pings can be received: what was expected while nobody said so is UNKNOWN, and not
MISSED."""

import asyncio

from kronos import beats, errors
from kronos.database import InstanceView
from kronos.lines import Log
from kronos.pool import Pool

_log = Log("kronos.api")
EVERY_SECONDS = 5.0


class PingDoor:
    """The door of one process."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def hold(self) -> None:
        """Say so once. Raises KronosError."""
        if await beats.hold_door_open(InstanceView(self._pool)):
            _log.warning(
                "pings.gap", "no ping could be received for a while: what heartbeats were expected then is UNKNOWN"
            )

    async def run(self) -> None:
        """Say so until cancelled. While PostgreSQL is away no ping can be kept either."""
        while True:
            try:
                await self.hold()
            except errors.KronosError as error:
                _log.debug("pings.unnoted", "that pings can be received cannot be noted: %s", error)
            await asyncio.sleep(EVERY_SECONDS)
