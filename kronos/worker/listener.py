"""Hears of new work over LISTEN, and looks after pg_cron on the same connection."""

import logging

import psycopg

from kronos.worker.link import Link
from kronos.worker.wake import Wake
from kronos.worker.watchdog import Watchdog

_log = logging.getLogger("kronos.worker")
# A socket whose other end vanished without a word is found by asking over it.
_QUIET_SECONDS = 2.0
# What kronos.resume_workspace tells.
_OLD_WORK = "old"


class Listener:
    """One connection that only listens; while it is gone, polling finds the work."""

    def __init__(self, link: Link, wake: Wake, watchdog: Watchdog) -> None:
        self._link = link
        self._wake = wake
        self._watchdog = watchdog

    async def run(self) -> None:
        """Listen until cancelled; connects again by itself."""
        try:
            while True:
                try:
                    await self._listen()
                except psycopg.Error as error:
                    _log.debug("listening ended: %s", error)
                    await self._link.close()
                    await self._link.pause()
        finally:
            await self._watchdog.close()

    async def _listen(self) -> None:
        connection = await self._link.connected()
        await connection.execute("listen kronos_work")
        await connection.execute("listen kronos_zones")
        self._watchdog.distrust()  # the worker has just started, or had no database: what fell due meanwhile comes before anything else
        await self._watchdog.look(self._link)
        self._wake.now()  # what was sent while nobody listened
        while True:
            has_heard = False
            quiet = max(0.001, min(_QUIET_SECONDS, self._watchdog.seconds_to_look))
            async for told in connection.notifies(timeout=quiet, stop_after=1):
                has_heard = True
                self._wake.now(is_old=told.payload == _OLD_WORK)
                if told.channel == "kronos_zones":  # a session keeps the time zone data that it has read: the next one reads it again
                    await self._watchdog.renew()
                    await self._link.close()
                    return
            if self._watchdog.is_due:
                if await self._watchdog.look(self._link):
                    self._wake.now()
            elif not has_heard:
                await self._link.ask()
