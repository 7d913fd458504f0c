"""Metrics of the instance that change slowly and are expensive: history sizes, time zone data, alarm quotas, the
doctor's findings. They are read in the background; no scrape waits for them."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextvars import Context
from datetime import UTC, datetime

from kronos import errors, system, tzdata
from kronos.config import Settings
from kronos.database import InstanceView
from kronos.doctor import asked
from kronos.lines import Log
from kronos.metrics import instance
from kronos.metrics.definition import Measured
from kronos.records import dataclass
from kronos.server_time import CLOCK
from kronos.sql import statement
from kronos.system import HistoryPartition

# Time zone data changes with updates of the operating system, partitions at most every hour. Their sizes are read from
# the file system, at 10 us for each of several hundred files.
_EVERY_SECONDS = 600.0
# After a failure. Each try occupies a connection while it runs.
_AGAIN_SECONDS = 60.0
# For each part; nothing waits for it. PostgreSQL cancels each of its statements after 5 s.
_WITHIN_SECONDS = 20.0
_log = Log("kronos.metrics")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmQuota:
    """How many of a workspace's pg_cron entries may ring in one minute, and the limit."""

    workspace: str
    used: int
    most: int


_QUOTAS = statement("metrics.list_alarm_quotas", AlarmQuota)


class Seldom:
    """The last values, and their age. They are read again only while scrapes come, one read at a time. A part that
    fails keeps its old values, and does not affect the others."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._next_at = time.monotonic()
        self._found: list[list[Measured]] = [[] for _ in _PARTS]
        self._found_at = [self._next_at for _ in _PARTS]
        self._reading: asyncio.Task[None] | None = None

    def figures(self) -> list[Measured]:
        """Return the known values, and the age of the oldest part; before its first read, the age of the process."""
        known = [each for part in self._found for each in part]
        return [*known, Measured(instance.SELDOM_AGE, time.monotonic() - min(self._found_at))]

    def begin(self, view: InstanceView) -> None:
        """Read again if it is time. Returns immediately; a later scrape shows the result."""
        if time.monotonic() < self._next_at or (self._reading is not None and not self._reading.done()):
            return
        # a separate context: its log lines and statements do not belong to the request that triggered it
        self._reading = asyncio.create_task(self._read(view), context=Context())

    async def end(self) -> None:
        """Stop reading."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading})

    async def _read(self, view: InstanceView) -> None:
        is_whole = True
        for nth, part in enumerate(_PARTS):
            try:
                async with asyncio.timeout(_WITHIN_SECONDS):
                    self._found[nth] = await part(view, self._settings)
                self._found_at[nth] = time.monotonic()
            except (errors.KronosError, TimeoutError) as error:
                is_whole = False
                why = str(error) or "PostgreSQL did not answer in time"
                _log.warning("metrics.unread", "%s keep their old values: %s; will be retried", _name(part), why)
            except Exception as error:  # nothing awaits this task: unexpected errors are visible here, and by the age
                is_whole = False
                _log.error("metrics.failed", "%s keep their old values", _name(part), traced=error)
        self._next_at = time.monotonic() + (_EVERY_SECONDS if is_whole else _AGAIN_SECONDS)


async def _read_findings(view: InstanceView, settings: Settings) -> list[Measured]:
    """Return the findings' counts, and the values read for them. Raises KronosError."""
    zones = await system.zone_data(view, database_url=settings.database_url.get_secret_value())
    history, kept = await system.partitions(view), await system.retention(view)
    findings = await asked.count(view, settings, zones=zones, kept=kept, ends=system.ends_of(history))
    return [
        Measured(instance.TZDATA_DIFFERS, len(zones.differs_in)),
        *_tzdata_age(),
        *_of_partitions(history),
        *(Measured(instance.FINDINGS, number, (severity,)) for severity, number in findings.items()),
    ]


async def _read_quotas(view: InstanceView, _: Settings) -> list[Measured]:
    """Return alarm quotas: the most expensive part, as it reads all entries of fifty workspaces. Raises KronosError."""
    return list(_of_quotas(await view.rows(_QUOTAS, {"most": instance.WORKSPACE_ALARM_QUOTA.most})))


Part = Callable[[InstanceView, Settings], Awaitable[list[Measured]]]
_PARTS: tuple[Part, ...] = (_read_findings, _read_quotas)


def _name(part: Part) -> str:
    return "quotas of alarms" if part is _read_quotas else "findings, time zones and sizes of the history"


def _of_partitions(found: Sequence[HistoryPartition]) -> Iterator[Measured]:
    yield Measured(instance.PARTITIONS, len(found))
    yield Measured(instance.HISTORY_BYTES, sum(each.bytes for each in found))
    ends = [
        max((each.until_at for each in found if each.history == history), default=CLOCK.now())
        for history in ("executions", "attempts")
    ]
    yield Measured(instance.COVERED_SECONDS, (min(ends) - CLOCK.now()).total_seconds())


def _of_quotas(found: Sequence[AlarmQuota]) -> Iterator[Measured]:
    """Yield the quotas, the fullest first."""
    yield Measured(instance.ALARM_QUOTA, found[0].used / found[0].most if found else 0)
    for each in found:
        yield Measured(instance.WORKSPACE_ALARM_QUOTA, each.used / each.most, (each.workspace,))


def _tzdata_age() -> Iterator[Measured]:
    """Yield the age of this machine's data, which is also PostgreSQL's if no zone differs."""
    version = tzdata.client_version()
    if version is not None:
        year_ends = datetime(int(version[:4]) + 1, 1, 1, tzinfo=UTC)
        yield Measured(instance.TZDATA_AGE, max((CLOCK.now() - year_ends).total_seconds(), 0))
