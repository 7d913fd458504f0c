"""The outcomes of a CRON job's ticks in a window: `explain`'s verdict on each, or the number of each kind per day."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Literal, get_args
from uuid import UUID

from kronos import errors
from kronos.database import WorkspaceView
from kronos.explain.explaining import FACTS, decided
from kronos.explain.facts import Decision, Facts, Verdict, instant
from kronos.model import JobStatus, JsonObject, Overlap
from kronos.records import dataclass
from kronos.sql import statement

Disposition = Literal[
    "DELIVERED",
    "LATE",
    "RUNNING",
    "WAITING",
    "FAILED",
    "MISSED",
    "EXPIRED",
    "CANCELLED",
    "SKIPPED",
    "PAUSED",
    "OVERDUE",
    "UPCOMING",
    "TO_BE_SKIPPED",
    "UNACCOUNTED",
    "UNKNOWN",
    "ERROR",
]
DISPOSITIONS: tuple[Disposition, ...] = get_args(Disposition)
_OF_DECISIONS: dict[Decision, Disposition] = {
    "RAN": "DELIVERED",
    "WILL_RUN": "UPCOMING",
    "WILL_BE_SKIPPED": "TO_BE_SKIPPED",
    "NOT_DUE": "UNKNOWN",  # the rules of its time zone have changed since
}
_OF_STATUSES: dict[str, Decision] = {
    "SUCCESS": "RAN",
    "EXPIRED": "MISSED",
    "QUEUED": "WAITING",
}
_HALTED = ("paused", "workspace_suspended")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A nominal tick and its outcome. `decision`, `code` and `because` are those of `explain`; `disposition` summarizes
    them. LATE: delivered to catch up. An execution that accounts for `tick_count` consecutive ticks is shown for
    each."""

    tick: datetime
    version: int
    version_id: UUID
    disposition: Disposition
    decision: Decision
    code: str
    because: str
    execution_id: UUID | None
    tick_count: int
    attempt_count: int
    started_at: datetime | None
    completed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticks:
    """The ticks of [since, until), in order. next_from: where the remaining ticks begin; None: there are no more.
    retained_from: history is complete only from then on; None: all of it is kept. at: when this was true."""

    since: datetime
    until: datetime
    at: datetime
    retained_from: datetime | None
    data: list[Tick]
    next_from: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TickDay:
    """How many ticks a day had, by outcome. The day is a day on the zone's clocks."""

    day: date
    ticks: dict[Disposition, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class TickDays:
    """The days of [since, until) that had ticks, up to now. retained_from and at: see Ticks."""

    since: datetime
    until: datetime
    at: datetime
    timezone: str
    retained_from: datetime | None
    data: list[TickDay]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldTick:
    """A row of explain.list_ticks: the tick, its version's terms, and its execution's facts."""

    tick: datetime
    version_id: UUID
    version: int
    status: JobStatus
    ticks_from: datetime
    ticks_until: datetime | None
    starts_at: datetime | None
    ends_at: datetime | None
    overlap: Overlap
    jitter_seconds: int
    offset_seconds: int
    catch_up_policy: Literal["SKIP", "LATEST", "ALL"]
    catch_up_window_seconds: int
    run: JsonObject | None
    is_to_be_skipped: bool
    pg_cron: JsonObject | None
    closure: JsonObject | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCount:
    """A row of explain.count_tick_days; the day is written as 2026-11-29."""

    day: str
    status: str
    code: str | None
    cause: str | None
    version_id: UUID
    ticks: int
    first_tick: datetime


MOST_DAYS = timedelta(days=32)
_LIST = statement("explain.list_ticks", ToldTick)
_COUNT_DAYS = statement("explain.count_tick_days", DayCount)
_ENDED = ("SUCCESS", "FAILED", "CANCELLED", "SKIPPED", "MISSED", "EXPIRED")
_WITHOUT = ("OVERDUE", "UNKNOWN", "UNACCOUNTED")
_TERMS = (
    "version_id",
    "version",
    "status",
    "ticks_from",
    "ticks_until",
    "starts_at",
    "ends_at",
    "overlap",
    "jitter_seconds",
    "offset_seconds",
    "catch_up_policy",
    "catch_up_window_seconds",
    "run",
    "is_to_be_skipped",
    "closure",
)


async def list_ticks(
    view: WorkspaceView,
    job: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int,
    frame: Facts | None = None,
) -> Ticks:
    """Return the first `limit` ticks of [since, until), of all versions of the job; by default of the last 24 hours.

    Raises JobNotFound, Conflict for a job without a schedule, Unprocessable for a window that ends before it begins.
    """
    frame = frame or await frame_of(view, job)
    since, until = _window(frame.now, since, until, timedelta(days=1))
    rows = await view.rows(_LIST, {"job": job, "from_at": since, "to_at": until, "limit": limit + 1})
    frames = {frame.version_id: frame}
    for row in rows[:limit]:  # of an older version with ticks that have not ended, which few have
        if row.version_id not in frames and (row.run is None or row.run["status"] not in _ENDED):
            frames[row.version_id] = await frame_of(view, str(row.version_id), at=row.tick)
    return Ticks(
        since=since,
        until=until,
        at=frame.now,
        retained_from=frame.retained_from,
        data=[_told(frames.get(row.version_id, frame), row) for row in rows[:limit]],
        next_from=rows[limit].tick if len(rows) > limit else None,
    )


async def count_days(
    view: WorkspaceView,
    job: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    timezone: str | None = None,
    frame: Facts | None = None,
) -> TickDays:
    """Count the ticks of [since, until), up to now, by the days of `timezone` (by default the job's); by default of the
    last 31 days. Raises as list_ticks."""
    frame = frame or await frame_of(view, job)
    since, until = _window(frame.now, since, until, timedelta(days=31))
    if until - since > MOST_DAYS:
        fault = errors.Fault(
            pointer="/from", detail=f"it is more than {MOST_DAYS.days} days before to", hint="Make two requests."
        )
        raise errors.Unprocessable.of(fault)
    rows = await view.rows(_COUNT_DAYS, {"job": job, "from_at": since, "to_at": until, "zone": timezone})
    frames = {frame.version_id: frame}
    for row in rows:
        if row.status in _WITHOUT and row.version_id not in frames:
            frames[row.version_id] = await frame_of(view, str(row.version_id), at=row.first_tick)
    days: dict[str, dict[Disposition, int]] = {}
    for row in rows:
        of_day = days.setdefault(row.day, {})
        kind = _of_count(frames.get(row.version_id, frame), row)
        of_day[kind] = of_day.get(kind, 0) + row.ticks
    return TickDays(
        since=since,
        until=until,
        at=frame.now,
        timezone=timezone or frame.timezone or "UTC",
        retained_from=frame.retained_from,
        data=[TickDay(day=date.fromisoformat(day), ticks=days[day]) for day in sorted(days)],
    )


def _window(
    now: datetime, since: datetime | None, until: datetime | None, length: timedelta
) -> tuple[datetime, datetime]:
    until = until or now
    since = since or until - length
    if until <= since:
        hint = "Write a time after from: the window is [from, to)."
        raise errors.Unprocessable.of(errors.Fault(pointer="/to", detail="to is not after from", hint=hint))
    return since, until


async def frame_of(view: WorkspaceView, job: str, at: datetime | None = None) -> Facts:
    """Return the facts around the job at an instant (by default now) that do not depend on a single tick. Callers that
    need both a list and days pass it to both. Raises JobNotFound, Conflict for a job without a schedule."""
    if (facts := await view.one_or_none(FACTS, {"job": job, "at": at})) is None:
        raise errors.JobNotFound(f"no job {job!r} in workspace {view.workspace}")
    if facts.trigger != "CRON":
        raise errors.Conflict(f"job {facts.job_id} is {facts.trigger}: only CRON jobs have ticks")
    return facts


def _told(frame: Facts, row: ToldTick) -> Tick:
    facts = replace(
        frame,
        at=row.tick,
        tick=row.tick,
        is_in_force=True,
        has_begun=True,
        pg_cron=row.pg_cron,
        **{name: getattr(row, name) for name in _TERMS},
    )
    verdict = _decided(facts)
    run = row.run or {}
    return Tick(
        tick=row.tick,
        version=row.version,
        version_id=row.version_id,
        disposition=disposition(verdict, run.get("cause")),
        decision=verdict.decision,
        code=verdict.code,
        because=verdict.because,
        execution_id=UUID(run["execution_id"]) if run else None,
        tick_count=run.get("tick_count", 1),
        attempt_count=run.get("attempt_count", 0),
        started_at=instant(run.get("started_at")),
        completed_at=instant(run.get("completed_at")),
    )


def _decided(facts: Facts) -> Verdict:
    verdict = decided(facts)
    if facts.is_overdue and facts.pg_cron is None and verdict.decision == "NOT_DUE":
        # one of very many ticks: pg_cron's record of each alarm was not looked up
        because = "The tick is due and not yet accounted for, like others before it."
        return Verdict(decision="OVERDUE", code="overdue", because=because)
    return verdict


def disposition(verdict: Verdict, cause: str | None) -> Disposition:
    """Return the disposition of a verdict on an execution with this cause."""
    if verdict.decision == "RAN" and cause == "CATCH_UP":
        return "LATE"
    if verdict.code == "expired":
        return "EXPIRED"
    if verdict.decision == "SKIPPED" and verdict.code in _HALTED:
        return "PAUSED"
    return _OF_DECISIONS.get(verdict.decision) or verdict.decision  # type: ignore[return-value]  # the others are both


def _of_count(frame: Facts, row: DayCount) -> Disposition:
    if row.status in _WITHOUT:
        tick = row.first_tick
        verdict = decided(replace(frame, at=tick, tick=tick, is_in_force=True, has_begun=True, run=None, closure=None))
        return disposition(verdict, None)
    decision: Decision = _OF_STATUSES.get(row.status) or row.status  # type: ignore[assignment]  # the others are both
    code = "expired" if row.status == "EXPIRED" else row.code or ""
    return disposition(Verdict(decision=decision, code=code, because=""), row.cause)
