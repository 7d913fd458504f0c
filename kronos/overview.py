"""A workspace's current state: runs of the last and the next hour, failures, and what is late and why."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from kronos import alerts, load
from kronos.alerts import IncidentCount
from kronos.database import WorkspaceView
from kronos.model import Json
from kronos.readiness import WAITS_LONG, Readiness, why_degraded, why_not_ready
from kronos.records import dataclass
from kronos.sql import statement

MINUTES = 60
"""Before and after the current minute."""
MOST_LETTERS = 10_000
_MOST_FAILED = 1_000
_MOST_OF_QUEUE = 1_000
_MOST_OF_HOUR = 20_000
LONGEST = 10
"""Most jobs in each list."""
_MINUTE = timedelta(minutes=1)
_NOBODY_RANG = "its ticks were not accounted for: is pg_cron silent, and no worker connected?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """A row of overview.list_outcomes."""

    minute: datetime
    disposition: str
    ticks: int
    is_cut: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """The row of overview.get_unfinished."""

    at: datetime
    minutes: Json  # a list, and so workers and late
    running: int
    waiting: int
    waiting_since: datetime | None
    is_cut: bool
    workers: Json
    late: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class OverdueTick:
    """A row of overview.list_overdue."""

    job_id: UUID
    job_name: str | None
    since: datetime
    fault: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingJob:
    """A job whose runs failed in the last 24 hours without a success since: the number of failures, the first and the
    last time, and the last error. Without a job: the one-shots of an endpoint, each of which is a separate job."""

    job_id: UUID | None
    job_name: str | None
    endpoint: str
    failures: int
    first_failed_at: datetime
    last_failed_at: datetime
    execution_id: UUID
    error_type: str | None
    message: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LateJob:
    """A job whose runs have been waiting, `number` of them, with the time and `execution_id` of the oldest; or whose
    ticks were not accounted for, which have no execution yet. `why`: the reason."""

    job_id: UUID
    job_name: str | None
    endpoint: str | None
    execution_id: UUID | None
    number: int
    since: datetime
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Letters:
    """The number of dead letters, counted up to 10,000, and when the newest failed."""

    number: int
    newest_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaping:
    """Differences between jobs and pg_cron's entries in the whole instance, at the newest run of the reaper, which
    rings every minute: `mended`, and `left_over` for the next run. Nulls: the run failed."""

    at: datetime
    mended: int | None
    left_over: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """The outcomes of this minute's ticks, and the runs expected in it (`upcoming`). `late`: delivered, but started
    more than 90 s after their time. `is_cut`: there were more. In an hour with more than 20,000 executions of one
    status, only about 300 a minute are counted."""

    at: datetime
    delivered: int = 0
    late: int = 0
    failed: int = 0
    missed: int = 0
    expired: int = 0
    skipped: int = 0
    cancelled: int = 0
    running: int = 0
    retrying: int = 0
    waiting: int = 0
    upcoming: int = 0
    is_cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Deliveries in progress, and due executions that wait, since when the oldest; counted up to 10,000 (`is_cut`)."""

    running: int
    waiting: int
    waiting_since: datetime | None
    is_cut: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceWorker:
    """A worker, and the number of the workspace's deliveries that it is making."""

    worker_id: str
    running: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """Whether ticks are fired in time and deliveries are made; `warnings` name what prevents it."""

    version: str | None
    silent_seconds: float
    is_ready: bool
    worker_sessions: int
    warnings: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """A workspace at a glance. `minutes`: the last 60 including the current one, and the next 60. `delivered`: in the
    last hour; `is_delivered_cut`: there were more. `coming_jobs`: the live CRON jobs counted in `upcoming`;
    `jobs_left_out`: those that are not, because of too many different schedules. `alerts`: incidents that are not over.
    """

    at: datetime
    minutes: list[Minute]
    delivered: int
    failed: int
    is_delivered_cut: bool
    coming_jobs: int
    jobs_left_out: int
    failing: list[FailingJob]
    late: list[LateJob]
    dead_letters: Letters
    queue: Queue
    workers: list[WorkspaceWorker]
    pg_cron: Firing
    drift: Reaping | None
    alerts: IncidentCount


_OUTCOMES = statement("overview.list_outcomes", Outcomes)
_UNFINISHED = statement("overview.get_unfinished", Unfinished)
_OVERDUE = statement("overview.list_overdue", OverdueTick)
_FAILING = statement("overview.list_failing", FailingJob)
_LETTERS = statement("overview.count_letters", Letters)
_REAPING = statement("overview.get_reaping", Reaping)
_UNFINISHED_AS = {"RUNNING": "running", "RETRYING": "retrying", "QUEUED": "waiting", "PENDING": "upcoming"}


async def get(view: WorkspaceView, ready: Readiness) -> Overview:
    """Return the overview, in one transaction with a constant number of statements. Raises WorkspaceNotFound."""
    wanted: list[tuple[Any, dict[str, object]]] = [
        (_OUTCOMES, {"minutes": MINUTES, "most": _MOST_OF_HOUR}),
        (
            _UNFINISHED,
            {"minutes": MINUTES, "most": _MOST_OF_QUEUE, "longer_than": WAITS_LONG, "longest": LONGEST},
        ),
        (_OVERDUE, {"limit": LONGEST}),
        (_FAILING, {"most": _MOST_FAILED, "limit": LONGEST}),
        (_LETTERS, {"most": MOST_LETTERS}),
        (_REAPING, {}),
        (alerts.COUNT, {}),
        (load.LIST, load.asked(MINUTES + 1)),
    ]
    outcomes, (unfinished,), overdue, failing, (letters,), reaping, (counted,), hours = await view.write_all(wanted)
    next_hour = load.of_rows(hours, MINUTES + 1)
    minutes = _minutes(unfinished, outcomes, next_hour)
    return Overview(
        at=unfinished.at,
        minutes=minutes,
        delivered=sum(each.delivered + each.late for each in minutes),
        failed=sum(each.failed for each in minutes),
        is_delivered_cut=any(each.is_cut for each in minutes),
        coming_jobs=next_hour.jobs,
        jobs_left_out=next_hour.left_out,
        failing=failing,
        late=_late(unfinished, overdue, ready)[:LONGEST],
        dead_letters=letters,
        queue=Queue(
            running=unfinished.running,
            waiting=unfinished.waiting,
            waiting_since=unfinished.waiting_since,
            is_cut=unfinished.is_cut,
        ),
        workers=[WorkspaceWorker(**each) for each in unfinished.workers],
        pg_cron=_pg_cron(ready),
        drift=reaping[0] if reaping else None,
        alerts=counted,
    )


def _minutes(unfinished: Unfinished, outcomes: list[Outcomes], next_hour: load.Load) -> list[Minute]:
    present = unfinished.at.replace(second=0, microsecond=0)
    first, last = present - (MINUTES - 1) * _MINUTE, present + MINUTES * _MINUTE
    counts: dict[datetime, dict[str, int]] = {}
    cut: set[datetime] = set()

    def add(at: datetime, what: str, number: int) -> None:
        if number and first <= at <= last:
            of_minute = counts.setdefault(at, {})
            of_minute[what] = of_minute.get(what, 0) + number

    for each in outcomes:
        add(each.minute, each.disposition, each.ticks)
        if each.is_cut:
            cut.add(each.minute)
    for row in unfinished.minutes:  # executions that have waited for longer count for the first minute
        add(max(datetime.fromisoformat(row["at"]), first), _UNFINISHED_AS[row["state"]], row["number"])
    for nth, runs in enumerate(next_hour.runs):
        at = next_hour.from_at + nth * _MINUTE
        if at > present:
            add(at, "upcoming", runs)
    instants = (first + nth * _MINUTE for nth in range(2 * MINUTES))
    return [Minute(at=at, is_cut=at in cut, **counts.get(at, {})) for at in instants]


def _late(unfinished: Unfinished, overdue: list[OverdueTick], ready: Readiness) -> list[LateJob]:
    late = [
        LateJob(
            job_id=each.job_id,
            job_name=each.job_name,
            endpoint=None,
            execution_id=None,
            number=1,
            since=each.since,
            why=each.fault or why_not_ready(ready) or _NOBODY_RANG,
        )
        for each in overdue
    ]
    no_worker = "no worker is connected" if ready.worker_sessions == 0 else "workers are busy with others"
    late += [
        LateJob(
            job_id=UUID(each["job_id"]),
            job_name=each["job_name"],
            endpoint=each["endpoint"],
            execution_id=UUID(each["execution_id"]),
            number=each["number"],
            since=datetime.fromisoformat(each["since"]),
            why=each["why"] or no_worker,
        )
        for each in unfinished.late
    ]
    return sorted(late, key=lambda each: each.since)


def _pg_cron(ready: Readiness) -> Firing:
    reason = why_not_ready(ready)
    return Firing(
        version=ready.extension_version,
        silent_seconds=round(ready.silent_seconds, 3),
        is_ready=reason is None,
        worker_sessions=ready.worker_sessions,
        warnings=[*([reason] if reason else []), *why_degraded(ready)],
    )
