"""Hears of new work over LISTEN, and looks after pg_cron on the same connection."""

import asyncio
from uuid import UUID

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from kronos.lines import Log
from kronos.worker.aborts import Aborts
from kronos.worker.link import Link
from kronos.worker.vault import Vault
from kronos.worker.wake import Wake
from kronos.worker.watchdog import Watchdog

_log = Log("kronos.worker")
# A socket whose other end vanished without a word is found by asking over it.
_QUIET_SECONDS = 2.0
# What kronos.resume_workspace notifies of.
_OLD_WORK = "old"
# What limit_workspace and tell_limits notify of.
_LIMITS = "limits"
_ZONES = "kronos_zones"
# What ask_for_aborts tells: executions that were cancelled, or replaced, while a worker had them.
_ABORTS = "kronos_aborts"
# What store_secret and delete_secret tell: whose secret it is.
_SECRETS = "kronos_secrets"


class Listener:
    """One connection that only listens; while it is gone, polling finds the work."""

    def __init__(
        self, link: Link, wake: Wake, watchdog: Watchdog, vault: Vault | None = None, aborts: Aborts | None = None
    ) -> None:
        self._link = link
        self._wake = wake
        self._vault = vault or Vault()
        self._aborts = aborts
        self._watchdog = watchdog
        self._has_heard = False
        self._are_zones_new = False

    async def run(self) -> None:
        """Listen until cancelled; connects again by itself."""
        try:
            while True:
                try:
                    await self._listen()
                except psycopg.Error as error:
                    _log.debug("worker.listening_ended", "listening ended: %s", error)
                    await self._link.close()
                    await self._link.pause()
        finally:
            await self._watchdog.close()

    async def _listen(self) -> None:
        connection = await self._link.connected()
        connection.add_notify_handler(self._told)  # what comes while another statement is answered
        await connection.execute("listen kronos_work")
        await connection.execute("listen kronos_zones")
        await connection.execute("listen kronos_secrets")
        await connection.execute("listen kronos_aborts")
        self._vault.forget()  # of what was changed while nobody listened
        # the worker has just started, or had no database: what fell due meanwhile comes before anything else
        self._watchdog.distrust()
        await self._watchdog.look(self._link)
        self._wake.are_limits_new = True
        self._wake.now()  # what was sent while nobody listened
        while True:
            self._has_heard = False
            await self._hear(connection, max(0.001, min(_QUIET_SECONDS, self._watchdog.seconds_to_look)))
            if self._are_zones_new:  # a session keeps the time zone data that it has read: the next one reads it again
                self._are_zones_new = False
                await self._watchdog.renew()
                await self._link.close()
                return
            if self._watchdog.is_due:
                if await self._watchdog.look(self._link):
                    self._wake.now()
            elif not self._has_heard:
                await self._link.ask()

    def _told(self, notify: psycopg.Notify) -> None:
        self._has_heard = True
        if notify.channel == _SECRETS:
            self._vault.forget(_id_of(notify.payload))
            return
        if notify.channel == _ABORTS:
            if self._aborts is not None:
                self._aborts.told(notify.payload.split(","))
            return
        if notify.channel == _ZONES:
            self._are_zones_new = True
        self._wake.are_limits_new |= notify.payload == _LIMITS
        self._wake.now(_id_of(notify.payload), is_old=notify.payload == _OLD_WORK)

    async def _hear(self, connection: AsyncConnection[TupleRow], seconds: float) -> None:
        """Take notifications for `seconds`, or until a time zone has new rules. Raises psycopg.Error.

        psycopg's generator sets up a new wait for each notification, which the claim would have to wait for.
        """
        loop = asyncio.get_running_loop()
        over: asyncio.Future[None] = loop.create_future()

        def end(error: psycopg.Error | None = None) -> None:
            if over.done():
                return
            if error is None:
                over.set_result(None)
            else:
                over.set_exception(error)

        def take() -> None:
            try:
                connection.pgconn.consume_input()
                while (told := connection.pgconn.notifies()) is not None:
                    self._told(psycopg.Notify(told.relname.decode(), told.extra.decode(errors="replace"), told.be_pid))
            except psycopg.Error as error:
                end(error)
            if self._are_zones_new:
                end()

        number = connection.fileno()
        timer = loop.call_later(seconds, end)
        loop.add_reader(number, take)
        try:
            take()  # what came with the answer to another statement
            await over
        finally:
            timer.cancel()
            loop.remove_reader(number)


def _id_of(payload: str) -> str | None:
    """The endpoint that has work, or the workspace, where it is said; anybody may send anything."""
    try:
        return str(UUID(payload))
    except ValueError:
        return None
