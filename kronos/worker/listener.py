"""Receive announcements of new work over LISTEN, and check pg_cron on the same connection."""

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
# A query over the socket detects a server that vanished without closing it.
_QUIET_SECONDS = 2.0
# The payload sent by kronos.resume_workspace.
_OLD_WORK = "old"
# The payload sent by limit_workspace and tell_limits.
_LIMITS = "limits"
_ZONES = "kronos_zones"
# The channel of ask_for_aborts: executions cancelled or replaced while a worker was delivering them.
_ABORTS = "kronos_aborts"
# The channel of store_secret and delete_secret: the secret's workspace.
_SECRETS = "kronos_secrets"


class Listener:
    """A connection that only listens. While it is lost, polling finds the work."""

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
        """Listen until cancelled; reconnects by itself."""
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
        connection.add_notify_handler(self._told)  # for notifications that arrive with another statement's answer
        await connection.execute("listen kronos_work")
        await connection.execute("listen kronos_zones")
        await connection.execute("listen kronos_secrets")
        await connection.execute("listen kronos_aborts")
        self._vault.forget()  # secrets may have changed while nobody listened
        # The worker has just started, or had no database: ticks that became due meanwhile come before anything else.
        self._watchdog.distrust()
        await self._watchdog.look(self._link)
        self._wake.are_limits_new = True
        self._wake.now()  # for notifications missed while nobody listened
        while True:
            self._has_heard = False
            await self._hear(connection, max(0.001, min(_QUIET_SECONDS, self._watchdog.seconds_to_look)))
            if self._are_zones_new:  # a session keeps the time zone data it has read; a new session reads it again
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
        """Receive notifications for `seconds`, or until a time zone has new rules. Raises psycopg.Error.

        psycopg's generator would set up a new wait for each notification, and delay the claim.
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
            take()  # notifications that came with another statement's answer
            await over
        finally:
            timer.cancel()
            loop.remove_reader(number)


def _id_of(payload: str) -> str | None:
    """Return the endpoint or workspace in a payload, or None. Any session may send any payload."""
    try:
        return str(UUID(payload))
    except ValueError:
        return None
