"""A worker process: signals, connections, and the order of start and stop."""

import asyncio
import os
import secrets
import signal
import socket
import time
from collections.abc import Coroutine, Sequence
from datetime import timedelta

import uvloop

from kronos import garbage, heartbeat, logs
from kronos.config import Settings
from kronos.delivery.egress import EgressPolicy
from kronos.delivery.http import HttpTransport
from kronos.delivery.streams import Streams
from kronos.encryption import Keyring, KeySource
from kronos.lines import Log
from kronos.records import dataclass
from kronos.traces.switch import SWITCH
from kronos.worker.link import Link, Outage
from kronos.worker.listener import Listener
from kronos.worker.loop import Loop
from kronos.worker.meter import WorkerMeter
from kronos.worker.metering import metering
from kronos.worker.tracing import DeliveryTraces
from kronos.worker.vault import Vault
from kronos.worker.wake import Wake
from kronos.worker.watchdog import Watchdog

_log = Log("kronos.worker")
# Results must be stored within this time after the last delivery; otherwise their leases will expire. Whatever
# PostgreSQL does, a worker stops within this time after KRONOS_SHUTDOWN_SECONDS: `kronos up` waits 5 s.
_STORING = timedelta(seconds=4)
# A claim under way when the worker is told to stop takes milliseconds. One that waits for a lock takes 2 s, and one
# that pauses between retries has given up by then.
_CLAIMING = timedelta(seconds=3)
# The watchdog's ring accounts for many jobs in one statement. An internal task that it runs has as much time as under
# pg_cron.
_RING = timedelta(seconds=30)


def run(settings: Settings, keys: Keyring | None = None) -> None:
    """Work until SIGTERM or SIGINT, then stop in order; a second signal stops immediately. Returns in both cases."""
    logs.configure(settings)
    door = None
    if settings.metrics_port is not None:
        # Imports the server and prometheus_client, which a worker without metrics does not load. It must happen before
        # leave_what_is_there() freezes what was imported.
        from kronos.metrics import exposition, port  # noqa: F401

        door = port.door(settings.metrics_host, settings.metrics_port)
    SWITCH.begin("worker")
    garbage.leave_what_is_there()
    try:
        uvloop.run(_watched(settings, keys, door))
    finally:
        SWITCH.end()


async def _watched(settings: Settings, keys: Keyring | None, door: socket.socket | None) -> None:
    async with heartbeat.beating():
        await serve(settings, keys, door)


async def serve(settings: Settings, keys: Keyring | None = None, door: socket.socket | None = None) -> None:
    """Work until a signal, on this event loop.

    `keys`: the encryption keys read at start. `door`: the socket that serves metrics."""
    stops, is_stopped = _signals()
    worker_id = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
    groups = settings.worker_groups.split(",") if settings.worker_groups else ()
    links = _Links.of(settings, groups)
    wake, vault = Wake(settings.poll_seconds), Vault(KeySource.of(settings), keys)
    egress = EgressPolicy.parse(settings.egress_allow)
    meter = WorkerMeter() if door is not None else None
    async with (
        HttpTransport(egress, ca_file=settings.ca_file, most_idle=settings.worker_concurrency) as transport,
        Streams(egress, ca_file=settings.ca_file) as streams,
    ):
        loop = Loop(
            claiming=links.claiming,
            finalizing=links.finalizing,
            transport=transport,
            streams=streams,
            worker_id=worker_id,
            concurrency=settings.worker_concurrency,
            lease=timedelta(seconds=settings.lease_seconds),
            wake=wake,
            vault=vault,
            meter=meter,
            traces=DeliveryTraces.of(SWITCH.pipeline, worker_id),
        )
        of = f", of the groups {', '.join(groups)}" if groups else ""
        _log.info(
            "worker.started",
            "worker %s started: up to %d deliveries of a workspace at once%s",
            worker_id,
            settings.worker_concurrency,
            of,
        )
        listener = Listener(links.listening, wake, Watchdog(links.internal), vault, loop.aborts)
        patience = timedelta(seconds=settings.shutdown_seconds)
        async with metering(door, settings, loop, meter):
            ended = await _ended(_work(loop, listener, stops, patience), is_stopped, worker_id)
    await links.close()
    if isinstance(ended, Exception):
        raise ended
    _log.info("worker.stopped", "worker %s stopped", worker_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Links:
    """A worker's connections to PostgreSQL. None waits for another."""

    claiming: Link
    finalizing: Link
    listening: Link
    internal: Link
    """Connects only while pg_cron is silent."""

    @classmethod
    def of(cls, settings: Settings, groups: Sequence[str]) -> "_Links":
        url, outage = settings.database_url.get_secret_value(), Outage()
        return cls(
            claiming=Link(url, "claim", outage, groups=groups),
            finalizing=Link(url, "finalize", outage, groups=groups),
            listening=Link(url, "listen", outage, statement_timeout=_RING, listens=True),
            internal=Link(url, "internal", outage, statement_timeout=_RING),
        )

    async def close(self) -> None:
        for link in (self.claiming, self.finalizing, self.listening, self.internal):
            await link.close()


async def _ended(
    working: Coroutine[None, None, None], is_stopped: asyncio.Event, worker_id: str
) -> BaseException | None:
    """Run `working` to its end, or until `is_stopped`, and return what it raised, if anything."""
    work, at_once = asyncio.create_task(working), asyncio.create_task(is_stopped.wait())
    await asyncio.wait({work, at_once}, return_when=asyncio.FIRST_COMPLETED)
    if not work.done():
        _log.warning(
            "worker.ended_at_once",
            "second signal: worker %s stops immediately; its executions are due again when their leases end",
            worker_id,
        )
    for task in (work, at_once):
        task.cancel()
    ended, _ = await asyncio.gather(work, at_once, return_exceptions=True)
    return ended


def _signals() -> tuple[asyncio.Event, asyncio.Event]:
    """Return events for the first and the second SIGTERM or SIGINT."""
    first, second = asyncio.Event(), asyncio.Event()

    def told() -> None:
        (second if first.is_set() else first).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told)
    return first, second


async def _work(loop: Loop, listener: Listener, stops: asyncio.Event, patience: timedelta) -> None:
    """Claim, deliver and store until `stops`, then stop each in order. Results that cannot be stored are left to their
    leases."""
    claiming = asyncio.create_task(loop.run())
    storing = asyncio.create_task(loop.finalizer.run())
    listening = asyncio.create_task(listener.run())
    stopping = asyncio.create_task(stops.wait())
    try:
        # None of the other tasks ends by itself. If one does, it met an unforeseen error, and the process ends with it.
        await asyncio.wait({claiming, storing, listening, stopping}, return_when=asyncio.FIRST_COMPLETED)
        _log.info("worker.stopping", "stopping: nothing more is claimed")
        loop.stop()
        listening.cancel()
        began = time.monotonic()
        await asyncio.wait({claiming}, timeout=_CLAIMING.total_seconds())
        cut_off = await loop.drain(max(patience - timedelta(seconds=time.monotonic() - began), timedelta()))
        if cut_off:
            _log.warning(
                "worker.cut_off",
                "%d deliveries were still under way after %g s and are cut off: whether they arrived is not known, so "
                "they are recorded as UNKNOWN and retried",
                cut_off,
                patience.total_seconds(),
            )
        loop.finalizer.close()
        left = began + (patience + _STORING).total_seconds() - time.monotonic()
        seconds = max(min(left, _STORING.total_seconds()), 0.0)
        await asyncio.wait({storing}, timeout=seconds)
        if not storing.done():
            _log.warning(
                "results.not_stored",
                "PostgreSQL did not store the last results within %.1f s: their leases will expire",
                seconds,
            )
    finally:
        tasks = (claiming, storing, listening, stopping)
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended
