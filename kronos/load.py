"""The future load of the live CRON jobs, minute by minute, and which jobs could run a few minutes later."""

import re
import struct
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from operator import add, sub
from typing import Literal
from uuid import UUID

from kronos.coming import AsOf, Coming, Reckoned
from kronos.database import InstanceView, WorkspaceView
from kronos.records import dataclass
from kronos.sql import statement

Window = Literal["24h", "7d"]
MINUTES: dict[Window, int] = {"24h": 24 * 60, "7d": 7 * 24 * 60}
ENTRIES_PER_MINUTE = 8_000
"""pg_cron's entries, on two cores, whatever they find to do: 5,000 entries of one minute took it 37.2 s
(docs/benchmarks.md, "Many CRON jobs due in one minute")."""
DELIVERIES_PER_MINUTE = 261_000
"""Deliveries of one worker to endpoints that answer immediately: 4,351 a second (docs/benchmarks.md, "Deliveries to a
local sink")."""
MOST_SCHEDULES = 5_000
_MINUTE = timedelta(minutes=1)
_IN_HOUR = 60
_MOST_BUSY = 10
# The counts of an hour's minutes are packed into one number, 64 bits each, so that equal hours are added in one step.
_BITS = 64
_HOUR = struct.Struct(f"<{_IN_HOUR}Q")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRow:
    """Hours of equal minutes. After each of `begins`, each of `hours` (bits 0 to 23) has `runs` in its `minutes` (bits
    0 to 59), limited to the times from `opens` up to `closes`; None: all. Negative runs: that many of them wait, and
    run later. Begins and times are minutes since `from_at`. Without `begins`: the number of jobs that were counted,
    and of those left out."""

    begins: list[int] | None
    hours: int | None
    minutes: list[int] | None
    runs: list[int] | None
    opens: list[int] | None
    closes: list[int] | None
    jobs: int | None
    left_out: int | None
    from_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BusyMinute:
    """A minute, and its number of runs."""

    at: datetime
    runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The number of runs per minute from `from_at` on, of `jobs` live CRON jobs. `left_out`: jobs that are not counted,
    because there are more than 5,000 different schedules (the most common ones are counted), because their schedule
    cannot be read, or because calendars move too many of their ticks. `busiest`: the ten busiest minutes. Capacity as
    measured on two cores: `pg_cron_per_minute` runs of entries, `worker_per_minute` deliveries of one worker."""

    from_at: datetime
    until: datetime
    jobs: int
    left_out: int
    runs: list[int]
    busiest: list[BusyMinute]
    pg_cron_per_minute: int
    worker_per_minute: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredRates:
    """The instance's highest rates within the last hour: pg_cron's rings, rows of ticks, finished deliveries. None:
    there were none. A rate is only as high as the load was, so an idle instance shows a low one."""

    rings_per_second: float | None
    ticks_per_second: int | None
    deliveries_per_second: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceLoad(Load):
    """The load of all jobs, with the rates measured on the instance."""

    measured: MeasuredRates


@dataclass(frozen=True, slots=True, kw_only=True)
class ComingJob:
    """A job that runs in a minute. `_number`: how many do. The JSON writer omits names that begin with _."""

    job_id: UUID
    name: str | None
    version: int
    endpoint: str
    cron: str | None
    every: str | None
    timezone: str | None
    description: str | None
    _number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A job that could run some minutes later, with its new cron text."""

    job: ComingJob
    minutes: int
    cron: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The effect of spreading a minute's jobs over the minutes after it: the runs of the busiest of these minutes,
    before and after."""

    moves: list[Move]
    before: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadMinute:
    """The jobs that run in a minute: `number` of them, the first 200 by name, and the effect of spreading these. Null:
    there is none, because they are few, or name more than one minute of the hour."""

    at: datetime
    number: int
    jobs: list[ComingJob]
    spread: Spread | None


LIST = statement("load.list_load", LoadRow)
_LIST_JOBS_AT = statement("load.list_jobs_at", ComingJob)
MOST_JOBS_SHOWN = 200
MOST_MINUTES_APART = 59
# A cron text with one minute of the hour: changing that minute moves the time and changes nothing else.
_ONE_MINUTE = re.compile(r"([0-9]{1,2})(\s+\S+\s+\S+\s+\S+\s+\S+)", re.ASCII)
_GET_RATES = statement("load.get_measured_rates", MeasuredRates)
_LIST_OF_ALL = statement("load.list_load_of_all", LoadRow)
_GET_AS_OF = statement("load.get_as_of", AsOf)
_GET_AS_OF_OF_ALL = statement("load.get_as_of_of_all", AsOf)


async def as_of(view: WorkspaceView) -> AsOf:
    """Return the change up to which the workspace is read. Raises WorkspaceNotFound."""
    (found,) = await view.rows(_GET_AS_OF, {})
    return found


async def of_workspace(view: WorkspaceView, window: Window, coming: Coming | None = None) -> Load:
    """Return the load of the workspace's jobs; with `coming` it may be half a minute old. Raises WorkspaceNotFound."""
    minutes = MINUTES[window]

    async def make() -> Reckoned[Load]:
        found = of_rows(await view.rows(LIST, asked(minutes)), minutes)
        return Reckoned(found, jobs=found.jobs + found.left_out, minutes=minutes)

    if coming is None:
        return (await make()).found
    return await coming.once(await as_of(view), Load, (minutes,), make)


async def of_instance(view: InstanceView, window: Window, coming: Coming | None = None) -> InstanceLoad:
    """Return the load of all jobs, including Kronos's own, and the instance's measured rates; with `coming` it may be
    half a minute old."""
    minutes = MINUTES[window]

    async def make() -> Reckoned[InstanceLoad]:
        found = of_rows(await view.rows(_LIST_OF_ALL, asked(minutes)), minutes)
        (measured,) = await view.rows(_GET_RATES, {})
        made = InstanceLoad(**{name: getattr(found, name) for name in Load.__dataclass_fields__}, measured=measured)
        return Reckoned(made, jobs=found.jobs + found.left_out, minutes=minutes)

    if coming is None:
        return (await make()).found
    (changes,) = await view.rows(_GET_AS_OF_OF_ALL, {})
    return await coming.once(changes, InstanceLoad, (minutes,), make)


async def minute(
    view: WorkspaceView, load: Load, at: datetime, minutes: int, coming: Coming | None = None
) -> LoadMinute:
    """Return the jobs that run in a minute, and the effect of spreading them over this many minutes after it, if the
    load covers that time; with `coming` it may be half a minute old. Raises WorkspaceNotFound."""

    async def make() -> Reckoned[LoadMinute]:
        jobs = await view.rows(_LIST_JOBS_AT, {"at": at, "schedules": MOST_SCHEDULES, "limit": MOST_JOBS_SHOWN})
        begins_at = at.replace(second=0, microsecond=0)
        number = jobs[0]._number if jobs else 0
        found = LoadMinute(at=begins_at, number=number, jobs=jobs, spread=spread(load, begins_at, jobs, minutes))
        return Reckoned(found, jobs=load.jobs + load.left_out, rows=len(jobs))

    if coming is None:
        return (await make()).found
    return await coming.once(await as_of(view), LoadMinute, (at, minutes, load.from_at, load.until), make)


def spread(load: Load, at: datetime, jobs: Sequence[ComingJob], minutes: int) -> Spread | None:
    """Return which of a minute's jobs to move to the minutes after it, within its hour, so that the busiest of these
    minutes has as few runs as possible. Each job goes to the least busy minute. None if that would change nothing."""
    first = (at - load.from_at) // _MINUTE
    last = min(minutes, _IN_HOUR - 1 - at.minute, len(load.runs) - 1 - first)
    if first < 0 or last < 1:
        return None
    runs = load.runs[first : first + last + 1]
    before = max(runs)
    moves = []
    for job in jobs:
        named = _ONE_MINUTE.fullmatch(job.cron or "")
        to = min(range(len(runs)), key=lambda each: (runs[each], each))
        if named is None or to == 0 or runs[to] + 1 >= runs[0] or int(named[1]) + to >= _IN_HOUR:
            continue
        runs[0] -= 1
        runs[to] += 1
        moves.append(Move(job=job, minutes=to, cron=f"{int(named[1]) + to}{named[2]}"))
    return Spread(moves=moves, before=before, after=max(runs)) if moves else None


def asked(minutes: int) -> dict[str, object]:
    """Return the parameters of LIST for this many minutes."""
    return {"minutes": minutes, "schedules": MOST_SCHEDULES}


def of_rows(rows: Sequence[LoadRow], minutes: int) -> Load:
    """Return the load from a statement's rows. The row without hours has the totals."""
    (all_jobs,) = (row for row in rows if row.begins is None)
    runs = per_minute(rows, minutes)
    return Load(
        from_at=all_jobs.from_at,
        until=all_jobs.from_at + minutes * _MINUTE,
        jobs=all_jobs.jobs or 0,
        left_out=all_jobs.left_out or 0,
        runs=runs,
        busiest=busiest(all_jobs.from_at, runs),
        pg_cron_per_minute=ENTRIES_PER_MINUTE,
        worker_per_minute=DELIVERIES_PER_MINUTE,
    )


def busiest(from_at: datetime, runs: Sequence[int]) -> list[BusyMinute]:
    """Return the ten busiest minutes from `from_at` on, the busiest first."""
    least = max(1, min(sorted(runs)[-_MOST_BUSY:], default=1))
    found = sorted(((-each, nth) for nth, each in enumerate(runs) if each >= least))[:_MOST_BUSY]
    return [BusyMinute(at=from_at + nth * _MINUTE, runs=-less) for less, nth in found]


def per_minute(rows: Iterable[LoadRow], minutes: int) -> list[int]:
    """Return the runs per minute."""
    hours: dict[int, int] = {}  # packed, by the minute with which each hour begins
    fewer: dict[int, int] = {}  # the same for runs that wait, and do not run then
    once: dict[int, int] = {}
    for row in rows:
        if row.begins is None or row.hours is None or row.minutes is None or row.runs is None:
            continue
        packed = less = 0
        for named, runs in zip(row.minutes, row.runs, strict=True):
            if named not in once:
                once[named] = _packed(named)
            packed += once[named] * max(runs, 0)
            less += once[named] * max(-runs, 0)
        after = [_IN_HOUR * hour for hour in range(row.hours.bit_length()) if row.hours >> hour & 1]
        for at in (begin + each for begin in row.begins for each in after):
            if -_IN_HOUR < at < minutes:
                hours[at] = hours.get(at, 0) + (packed & _within(row.opens, row.closes, at))
                if less:
                    fewer[at] = fewer.get(at, 0) + less
    counted = [0] * minutes
    for change, packed_hours in ((add, hours), (sub, fewer)):
        for at, packed in packed_hours.items():
            first, last = max(0, -at), min(_IN_HOUR, minutes - at)
            counts = _HOUR.unpack(packed.to_bytes(_HOUR.size, "little"))[first:last]
            counted[at + first : at + last] = map(change, counted[at + first : at + last], counts)
    return counted


def _packed(named: int) -> int:
    """Return one run in each of these minutes (bits 0 to 59)."""
    return sum(1 << _BITS * minute for minute in range(_IN_HOUR) if named >> minute & 1)


def _within(opens: Sequence[int] | None, closes: Sequence[int] | None, at: int) -> int:
    """Return the bits of the minutes of the hour `at` that begin within one of the times, which are sorted."""
    if opens is None or closes is None:
        return -1
    nth = max(0, bisect_right(opens, at) - 1)  # the last one that begins by then
    found = 0
    while nth < len(opens) and opens[nth] < at + _IN_HOUR:
        first, last = max(0, opens[nth] - at), min(_IN_HOUR, closes[nth] - at)
        if first == 0 and last == _IN_HOUR:
            return -1
        if first < last:
            found |= (1 << _BITS * last) - (1 << _BITS * first)
        nth += 1
    return found
