"""The instance's metrics for Prometheus. An API process reads them from the database when it is scraped, keeps them for
some seconds, and bounds each read in time and rows (sql/queries/metrics.sql)."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from kronos import errors, system
from kronos.config import Settings
from kronos.database import InstanceView
from kronos.lines import Log
from kronos.metrics import instance
from kronos.metrics.definition import OTHER, Measured, Metric
from kronos.model import Json, JsonObject
from kronos.records import dataclass
from kronos.seldom import Seldom
from kronos.server_time import CLOCK
from kronos.sql import statement
from kronos.system import KeptHistory, Status

_KEPT_SECONDS = 10.0
# Prometheus times out after 10 s and reports the process as down, so the process's own counters must be returned
# earlier.
_WITHIN_SECONDS = 5.0
_WINDOW = timedelta(seconds=60)
_MOST = 10_000
_ENDPOINTS = 1000
_log = Log("kronos.metrics")
_QUANTILES = ("0.5", "0.99", "1")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentEnds:
    """What ended recently: how many ticks had which outcome, and the lag of half, 99% and all of them."""

    became: JsonObject
    lags: JsonObject
    is_cut: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingWork:
    """A workspace's work that waits for a worker, by transport."""

    workspace: str
    transport: str
    due: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceCounts:
    """The row of kronos.system_counts."""

    workers: int
    claimed: int
    dead_letters: int
    alarms: int
    alarms_ended: int
    alarms_failed: int
    running: int
    max_running: int | None
    reaped_seconds: float | None
    mended: int | None
    left_over: int | None
    revision: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BeatCounts:
    """Heartbeats by state, how long the oldest unaccounted tick has waited, and open incidents by severity."""

    states: JsonObject
    unaccounted_seconds: float
    incidents: JsonObject


_ENDS = statement("metrics.get_ends", RecentEnds)
_QUEUE = statement("metrics.list_queue", WaitingWork)
_BEATS = statement("metrics.get_beats", BeatCounts)
_COUNTS = statement("metrics.get_counts", InstanceCounts)


class Gauges:
    """The metrics as last read. However many scrapes arrive, the database is read by one at a time, and at most every
    ten seconds."""

    def __init__(self, settings: Settings) -> None:
        self._kept: list[Measured] = []
        self._kept_at = 0.0
        self._is_told = False
        self._seldom = Seldom(settings)
        self._asking: asyncio.Task[None] | None = None

    async def read(self, view: InstanceView, *, names: bool) -> list[Measured]:
        """Return the instance's metrics as of some seconds ago; with `names`, also those that name workspaces. If
        PostgreSQL does not answer in time, only kronos_database_up, which is 0, is returned."""
        if not self._kept or time.monotonic() - self._kept_at >= _KEPT_SECONDS:
            if self._asking is None or self._asking.done():
                self._asking = asyncio.create_task(self._ask(view))
            done, _ = await asyncio.wait({self._asking}, timeout=_WITHIN_SECONDS)
            for task in done:
                task.result()  # an unexpected exception fails the request
            if not self._kept:
                return [Measured(instance.DATABASE_UP, 0)]
        kept = (*self._kept, *self._seldom.figures())
        found = [each for each in kept if names or not each.metric.names_tenants]
        return [*found, Measured(instance.READ_AGE, time.monotonic() - self._kept_at)]

    async def end(self) -> None:
        """Stop reading."""
        await self._seldom.end()

    async def _ask(self, view: InstanceView) -> None:
        began = time.monotonic()
        self._kept = []
        try:
            async with asyncio.timeout(_WITHIN_SECONDS):
                found = await _read(view)
        except (errors.KronosError, TimeoutError) as error:
            if not self._is_told:
                why = str(error) or "PostgreSQL did not answer in time"
                _log.warning("metrics.unread", "kronos_database_up is 0: %s; this is logged once", why)
            self._is_told = True
            return
        self._is_told = False
        self._kept_at = time.monotonic()
        self._kept = [
            Measured(instance.DATABASE_UP, 1), Measured(instance.READ_SECONDS, self._kept_at - began), *found,
        ]  # fmt: skip
        self._seldom.begin(view)


async def _read(view: InstanceView) -> list[Measured]:
    """Read each in its own statement, one after the other, so that a scrape uses one connection. Raises KronosError."""
    status = await system.status(view)
    (counts,) = await view.rows(_COUNTS, {"most": _MOST})
    (ends,) = await view.rows(_ENDS, {"window": _WINDOW, "most": _MOST})
    queue = await view.rows(_QUEUE, {"endpoints": _ENDPOINTS, "most": _MOST})
    history = await system.retention(view)
    (beats,) = await view.rows(_BEATS, {"most": _MOST})
    return [
        *_of_status(status, counts),
        *_of_pg_cron(status, counts),
        *_of_ends(ends),
        *_of_queue(queue),
        *_of_history(history),
        *_of_beats(beats),
    ]


def _of_status(status: Status, counts: InstanceCounts) -> Iterator[Measured]:
    versions = (counts.revision or "", status.postgresql_version, status.pg_cron_version or "")
    yield Measured(instance.SCHEMA_INFO, 1, versions)
    yield Measured(instance.HELD, status.is_held)
    yield Measured(instance.READ_ONLY, status.is_read_only)
    yield Measured(instance.STARVED, status.waiting_endpoints)
    yield Measured(instance.STARVED_SECONDS, status.waiting_seconds or 0)
    yield Measured(instance.UNSERVED, len(status.unserved_groups))
    yield Measured(instance.WORKERS, counts.workers)
    yield Measured(instance.OVERDUE, status.overdue_jobs)
    yield Measured(instance.OVERDUE_SECONDS, status.overdue_seconds or 0)
    yield Measured(instance.CLAIMED, counts.claimed)
    yield Measured(instance.DEAD_LETTERS, counts.dead_letters)


def _of_pg_cron(status: Status, counts: InstanceCounts) -> Iterator[Measured]:
    yield Measured(instance.SILENT_SECONDS, status.pg_cron_silent_seconds)
    yield Measured(instance.LAUNCHER, status.has_launcher)
    yield Measured(instance.ALARMS, counts.alarms)
    yield Measured(instance.ALARMS_ENDED, counts.alarms_ended)
    yield Measured(instance.ALARMS_FAILED, counts.alarms_failed)
    yield Measured(instance.CRON_RUNNING, counts.running)
    yield Measured(instance.INTERNAL_JOBS, status.internal_jobs)
    yield Measured(instance.INTERNAL_ENTRIES, status.internal_entries)
    for metric, value in (
        (instance.CRON_LIMIT, counts.max_running),
        (instance.REAPED_SECONDS, counts.reaped_seconds),
        (instance.DRIFT_MENDED, counts.mended),
        (instance.DRIFT_LEFT, counts.left_over),
    ):
        if value is not None:
            yield Measured(metric, value)


def _of_ends(ends: RecentEnds) -> Iterator[Measured]:
    for disposition in ("success", "failed", "cancelled", "skipped", "missed", "expired"):
        yield Measured(instance.RECENT_TICKS, _number(ends.became.get(disposition)), (disposition,))
    yield Measured(instance.RECENT_CUT, ends.is_cut)
    for stage in ("recorded", "claimed", "answered"):
        seconds = ends.lags.get(stage)
        for quantile, value in zip(_QUANTILES, seconds if isinstance(seconds, list) else (), strict=False):
            yield Measured(instance.TICK_LAG, _number(value), (stage, quantile))


def _number(value: Json) -> float:
    """Return 0 for anything that is not a number."""
    return value if isinstance(value, int | float) else 0


def _of_queue(queue: Sequence[WaitingWork]) -> Iterator[Measured]:
    by_transport = ((each.transport, each) for each in queue)
    yield from _grouped(by_transport, instance.WAITING, instance.WAITING_SECONDS, first=("http",))
    by_workspace = ((each.workspace, each) for each in queue)  # the longest wait first
    yield from _grouped(by_workspace, instance.WORKSPACE_WAITING, instance.WORKSPACE_WAITING_SECONDS)


def _grouped(
    queue: Iterable[tuple[str, WaitingWork]], due: Metric, oldest: Metric, *, first: Sequence[str] = ()
) -> Iterator[Measured]:
    """Yield how many wait under each label, and for how long. Labels beyond the metric's `most` are summed as OTHER."""
    found = {label: (0, 0.0) for label in first}
    for label, each in queue:
        known = label if label in found or len(found) < due.most else OTHER
        number, seconds = found.get(known, (0, 0.0))
        found[known] = number + each.due, max(seconds, each.oldest_seconds)
    for label, (number, seconds) in found.items():
        yield Measured(due, number, (label,))
        yield Measured(oldest, seconds, (label,))


def _of_history(history: KeptHistory) -> Iterator[Measured]:
    yield Measured(instance.RETENTION_AGE, max((CLOCK.now() - history.done_at).total_seconds(), 0))
    yield Measured(instance.UNSEALED, history.unsealed)


def _of_beats(beats: BeatCounts) -> Iterator[Measured]:
    for state in ("up", "down", "late", "running", "unknown", "new", "paused"):
        yield Measured(instance.HEARTBEATS, _number(beats.states.get(state)), (state,))
    yield Measured(instance.HEARTBEATS_UNACCOUNTED, beats.unaccounted_seconds)
    for severity in ("info", "warning", "error", "critical"):
        yield Measured(instance.INCIDENTS, _number(beats.incidents.get(severity)), (severity,))
