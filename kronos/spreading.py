"""Choose jobs to run some minutes later, within the limits that their owners set, so that fewer are due together."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from uuid import UUID

from kronos import load
from kronos.coming import Coming, Reckoned
from kronos.database import WorkspaceView
from kronos.load import MINUTES, BusyMinute, Window
from kronos.records import dataclass
from kronos.sql import statement

MOST_JOBS = 500
"""At most this many of the jobs whose owners allow it are considered."""
_MOST_LOOKS = 3_000_000  # of minutes: about half a second of Python
_MINUTE = timedelta(minutes=1)
_IN_HOUR = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadJob:
    """A job whose runs may be moved by up to `spread_seconds`, and are moved by `offset_seconds`. The first of several
    jobs with equal ticks (`_term`) has the hours in which they tick, in minutes from the beginning, and each hour's
    minutes (bits 0 to 59)."""

    job_id: UUID
    name: str | None
    version: int
    endpoint: str
    cron: str | None
    every: str | None
    timezone: str | None
    spread_seconds: int
    offset_seconds: int
    _term: int
    _hours: list[int] | None
    _minutes: list[int] | None
    _number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedMove:
    """A job that should change from `offset_seconds_before` to `offset_seconds`: a PATCH of its `offset_seconds` does
    it. `tick`: its next tick, which does not change; `run_at`: when that tick is then delivered; `run_at_before`: when
    it is delivered now."""

    job_id: UUID
    name: str | None
    version: int
    endpoint: str
    cron: str | None
    every: str | None
    timezone: str | None
    spread_seconds: int
    offset_seconds_before: int
    offset_seconds: int
    tick: datetime
    run_at_before: datetime
    run_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadPlan:
    """Moves of the `jobs` whose owners allow it (`spread`) that reduce the deliveries of the busiest minute: `before`
    and `after`, with the ten busiest minutes of each. `left_out`: further jobs that allow it, but were too many. No
    moves: none reduces it. A minute's deliveries are its ticks, moved by the jobs' offsets; jitter is not exact, so
    it is not counted."""

    from_at: datetime
    until: datetime
    jobs: int
    left_out: int
    before: int
    after: int
    busiest_before: list[BusyMinute]
    busiest_after: list[BusyMinute]
    moves: list[PlannedMove]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadComparison:
    """A plan, and the deliveries of each minute without it and with it."""

    plan: SpreadPlan
    runs_before: list[int]
    runs_after: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Term:
    """The ticks of jobs with equal ticks: minutes from the beginning, and the smallest distance between two."""

    nth: int
    ticks: list[int]
    apart: int


@dataclass(slots=True, kw_only=True)
class _Movable:
    """A job, and how far it may be moved: less than the distance to its next tick."""

    job: SpreadJob
    term: _Term
    most: int
    offset: int


_LIST = statement("load.list_movable_jobs", SpreadJob)


async def plan(view: WorkspaceView, window: Window) -> SpreadPlan:
    """Return the plan for the workspace's jobs in this window. Raises WorkspaceNotFound."""
    return (await compared(view, window)).plan


async def compared(view: WorkspaceView, window: Window, coming: Coming | None = None) -> SpreadComparison:
    """Return the plan with each minute before and after it; with `coming` it may be half a minute old. Raises
    WorkspaceNotFound."""
    minutes = MINUTES[window]

    async def make() -> Reckoned[SpreadComparison]:
        found = await load.of_workspace(view, window)
        jobs = await view.rows(_LIST, {"minutes": minutes, "limit": MOST_JOBS})
        made = await asyncio.to_thread(comparison, found.from_at, found.runs, jobs)
        return Reckoned(made, jobs=found.jobs + found.left_out, rows=len(made.plan.moves), minutes=2 * minutes)

    if coming is None:
        return (await make()).found
    return await coming.once(await load.as_of(view), SpreadComparison, (minutes,), make)


def planned(from_at: datetime, ticks: Sequence[int], jobs: Sequence[SpreadJob]) -> SpreadPlan:
    """Return the plan for jobs whose ticks are among those of each minute from `from_at` on."""
    return comparison(from_at, ticks, jobs).plan


def comparison(from_at: datetime, ticks: Sequence[int], jobs: Sequence[SpreadJob]) -> SpreadComparison:
    """Return the comparison for jobs whose ticks are among those of each minute from `from_at` on."""
    number = jobs[0]._number if jobs else 0
    terms = {job._term: _term(job, len(ticks)) for job in jobs if job._hours is not None}
    movable, looks = [], 0
    for job in jobs:
        one = _movable(job, terms[job._term])
        looks += (one.most + 1) * len(one.term.ticks)
        if one.term.ticks and looks <= _MOST_LOOKS:
            movable.append(one)
    others = list(ticks)
    for one in movable:
        _put(others, one.term.ticks, 0, -1)
    now = _with(others, movable, lambda one: one.offset)
    chosen = _chosen(others, movable)
    then = _with(others, movable, lambda one: chosen[one.job.job_id])
    if _worth(then) >= _worth(now):
        chosen, then = {one.job.job_id: one.offset for one in movable}, now
    made = SpreadPlan(
        from_at=from_at,
        until=from_at + len(ticks) * _MINUTE,
        jobs=len(movable),
        left_out=number - len(movable),
        before=max(now, default=0),
        after=max(then, default=0),
        busiest_before=load.busiest(from_at, now),
        busiest_after=load.busiest(from_at, then),
        moves=[_move(one, chosen[one.job.job_id], from_at) for one in movable if chosen[one.job.job_id] != one.offset],
    )
    return SpreadComparison(plan=made, runs_before=now, runs_after=then)


def _term(job: SpreadJob, minutes: int) -> _Term:
    named = {
        hour + minute
        for hour, bits in zip(job._hours or (), job._minutes or (), strict=True)
        for minute in range(_IN_HOUR)
        if bits >> minute & 1 and 0 <= hour + minute < minutes
    }
    ticks = sorted(named)
    apart = min((later - earlier for earlier, later in pairwise(ticks)), default=_IN_HOUR + 1)
    return _Term(nth=job._term, ticks=ticks, apart=apart)


def _movable(job: SpreadJob, term: _Term) -> _Movable:
    most = max(0, min(job.spread_seconds // 60, term.apart - 1))
    return _Movable(job=job, term=term, most=most, offset=min(job.offset_seconds // 60, most))


def _chosen(others: Sequence[int], movable: Sequence[_Movable]) -> dict[UUID, int]:
    """Return the offset of each job. Jobs with the fewest possible places go first, then those with most ticks. Each
    goes where its busiest minute is least busy, then where its minutes are, then as near as possible. Jobs with equal
    ticks are placed together: no two of their places share a minute, so placing one changes only that place."""

    def alike(one: _Movable) -> tuple[int, int, int]:
        return one.most, -len(one.term.ticks), one.term.nth

    runs = list(others)
    found = {}
    for (most, *_), jobs in groupby(sorted(movable, key=lambda one: (*alike(one), one.job.job_id)), key=alike):
        ticks: list[int] | None = None
        seen: list[tuple[int, int, int]] = []
        for one in jobs:
            if ticks is None:
                ticks = one.term.ticks
                seen = [(*_seen(runs, ticks, offset), offset) for offset in range(most + 1)]
            _, _, best = min(seen)
            _put(runs, ticks, best, 1)
            seen[best] = (*_seen(runs, ticks, best), best)
            found[one.job.job_id] = best
    return found


def _seen(runs: Sequence[int], ticks: Sequence[int], offset: int) -> tuple[int, int]:
    there = [runs[tick + offset] for tick in ticks if tick + offset < len(runs)]
    return max(there, default=0), sum(there)


def _put(runs: list[int], ticks: Sequence[int], offset: int, each: int) -> None:
    for tick in ticks:
        if tick + offset < len(runs):
            runs[tick + offset] += each


def _with(others: Sequence[int], movable: Sequence[_Movable], offset_of: Callable[[_Movable], int]) -> list[int]:
    runs = list(others)
    for one in movable:
        _put(runs, one.term.ticks, offset_of(one), 1)
    return runs


def _worth(runs: Sequence[int]) -> tuple[int, int]:
    """Return a value to minimize: the busiest minute, then how uneven all are."""
    return max(runs, default=0), sum(each * each for each in runs)


def _move(one: _Movable, offset: int, from_at: datetime) -> PlannedMove:
    job = one.job
    tick = from_at + one.term.ticks[0] * _MINUTE
    return PlannedMove(
        job_id=job.job_id,
        name=job.name,
        version=job.version,
        endpoint=job.endpoint,
        cron=job.cron,
        every=job.every,
        timezone=job.timezone,
        spread_seconds=job.spread_seconds,
        offset_seconds_before=job.offset_seconds,
        offset_seconds=offset * 60,
        tick=tick,
        run_at_before=tick + timedelta(seconds=job.offset_seconds),
        run_at=tick + offset * _MINUTE,
    )
