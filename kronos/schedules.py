"""What a schedule will do. The interpreter is kronos.next_tick in the database; this only asks it."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import available_timezones

from kronos import errors
from kronos.database import InstanceView, WorkspaceView
from kronos.sql import statement

# Zones whose offset is always zero: what this release's schedules are reckoned in.
_UTC_NAMES = frozenset(
    {
        "UTC",
        "Etc/UTC",
        "GMT",
        "Etc/GMT",
        "Zulu",
        "Etc/Zulu",
        "UCT",
        "Etc/UCT",
        "Universal",
        "Etc/Universal",
        "Etc/GMT0",
        "Etc/GMT+0",
        "Etc/GMT-0",
        "GMT0",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upcoming:
    """A schedule in words, and its next ticks."""

    description: str
    next_runs: list[datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class NextRun:
    """One run to come: `at` in UTC, `local` in the schedule's zone, and whether daylight saving moved it."""

    at: datetime
    local: datetime
    dst: Literal["gap", "overlap"] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What an expression will do: the answer of /v1/schedules/preview."""

    description: str
    next_runs: list[NextRun]
    lints: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CronRead:
    """What a job stores of its cron text: the masks as PostgreSQL writes a kronos.schedule, pg_cron's text, and words."""

    schedule: str
    alarm: str
    description: str


_READ = statement("schedules.read_cron", CronRead)
_PREVIEW = statement("schedules.preview_schedule", Upcoming)
LIST_NEXT_RUNS = statement("schedules.list_next_runs", Upcoming)


def supported(timezone: str) -> str:
    """`timezone`, if schedules can be reckoned in it. Raises Unprocessable (invalid_timezone)."""
    if timezone in _UTC_NAMES:
        return timezone
    if timezone in available_timezones():
        detail, hint = f"the zone {timezone} is not supported in this release", "only UTC is; write the hours in UTC"
    else:
        detail, hint = f"there is no time zone {timezone!r}", "use an IANA name; in this release only UTC is supported"
    raise errors.Unprocessable(detail, code="invalid_timezone", faults=(errors.Fault(pointer="/timezone", detail=detail, hint=hint),))


# Reading a text is a pure function that costs 0.4 ms in PostgreSQL, a third of creating a job, and few texts are new. The alarm depends on
# cron.timezone too, which can change when the server restarts, so nothing is remembered for longer than a minute.
_REMEMBERED_SECONDS = 60.0
_REMEMBERED_TEXTS = 4096
_remembered: dict[str, tuple[float, CronRead]] = {}


async def read(view: WorkspaceView, cron: str) -> CronRead:
    """What PostgreSQL reads in `cron`. Raises Unprocessable (invalid_cron)."""
    now = time.monotonic()
    if (known := _remembered.get(cron)) is not None and now - known[0] < _REMEMBERED_SECONDS:
        return known[1]
    (found,) = await view.rows(_READ, {"cron": cron})
    if len(_remembered) >= _REMEMBERED_TEXTS:
        _remembered.clear()
    _remembered[cron] = (now, found)
    return found


async def preview(view: InstanceView, *, cron: str, timezone: str, after: datetime | None, count: int) -> Preview:
    """The next `count` runs of `cron` strictly later than `after` (None: now). Raises Unprocessable (invalid_cron, invalid_timezone)."""
    supported(timezone)
    (upcoming,) = await view.rows(_PREVIEW, {"cron": cron, "after": after, "count": count})
    return shown(upcoming)


def shown(upcoming: Upcoming) -> Preview:
    """The answer for people: every instant in UTC, and in the zone of the schedule."""
    never = [] if upcoming.next_runs else ["the schedule does not fire again"]
    return Preview(
        description=upcoming.description,
        next_runs=[NextRun(at=tick.astimezone(UTC), local=tick.astimezone(UTC), dst=None) for tick in upcoming.next_runs],
        lints=never,
    )
