"""What the API answers: overview. Made by bin/client out of the API's document."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class BusyMinute:
    """A minute, and how many runs it has."""

    at: datetime
    runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ComingJob:
    """A job that runs in a minute. JSON's writer leaves out `_number`: how many do."""

    job_id: UUID
    name: str | None
    version: int
    endpoint: str
    cron: str | None
    every: str | None
    timezone: str | None
    description: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingJob:
    """A job whose runs have failed in the last 24 hours and not succeeded since: how often, when first and
    last, and what the last said. Without a job: the one-shots of an endpoint, each of which is a job
    of its own."""

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
class Firing:
    """Whether ticks are fired in time and deliveries are made; `warnings` say what keeps them from it."""

    version: str | None
    silent_seconds: float
    is_ready: bool
    worker_sessions: int
    warnings: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentCount:
    """Incidents of a workspace that are not resolved, up to 1,000. `open`: those not acknowledged.
    `undelivered`: notifications that are dead letters, among the newest 1,000."""

    live: int
    open: int
    undelivered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredRates:
    """How fast the instance was seen to be within the last hour, each in its busiest time: pg_cron's rings,
    the rows that ticks became, deliveries that ended. None: nothing of the kind happened. What was
    never busy was never seen to be fast."""

    rings_per_second: float | None
    ticks_per_second: int | None
    deliveries_per_second: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceLoad:
    """Of all jobs, and what the instance itself was seen to do."""

    from_at: datetime
    until: datetime
    jobs: int
    left_out: int
    runs: list[int]
    busiest: list[BusyMinute]
    pg_cron_per_minute: int
    worker_per_minute: int
    measured: MeasuredRates


@dataclass(frozen=True, slots=True, kw_only=True)
class LateJob:
    """A job whose runs have waited since then, `number` of them and `execution_id` the longest; or whose
    ticks nobody has accounted for, which have none yet. And why."""

    job_id: UUID
    job_name: str | None
    endpoint: str | None
    execution_id: UUID | None
    number: int
    since: datetime
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Letters:
    """How many dead letters there are, counted up to 10,000, and when the newest failed."""

    number: int
    newest_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How many runs each minute from `from_at` on has, of `jobs` live CRON jobs. `left_out`: jobs that are
    not counted, as there are more than 5,000 schedules, of which those that most jobs have are, as
    theirs cannot be read, or as calendars move too many of their ticks. `busiest`: the ten busiest
    minutes. What can be done in a minute was measured on two cores: `pg_cron_per_minute` runs of its
    entries, `worker_per_minute` deliveries of a worker."""

    from_at: datetime
    until: datetime
    jobs: int
    left_out: int
    runs: list[int]
    busiest: list[BusyMinute]
    pg_cron_per_minute: int
    worker_per_minute: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A job that could run some minutes later: its cron text as it is and as it would be."""

    job: ComingJob
    minutes: int
    cron: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """What spreading the jobs of a minute over the minutes after it would give: how many runs the busiest of
    these has before and after."""

    moves: list[Move]
    before: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadMinute:
    """The jobs that run in a minute: `number` of them, the first 200 by name; and what spreading these would
    give. Null: nothing, as they are few, or name more than one minute of the hour."""

    at: datetime
    number: int
    jobs: list[ComingJob]
    spread: Spread | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """What became of the ticks that were for this minute, and what is going to run in it (`upcoming`).
    `late`: delivered, and begun more than 90 s after their time. `is_cut`: there were more: of an
    hour with more than 20,000 executions of a status, only some 300 a minute are counted."""

    at: datetime
    delivered: int | None
    late: int | None
    failed: int | None
    missed: int | None
    expired: int | None
    skipped: int | None
    cancelled: int | None
    running: int | None
    retrying: int | None
    waiting: int | None
    upcoming: int | None
    is_cut: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """What is under way, and what is due and waits, since when the longest; counted up to 10,000 (`is_cut`)."""

    running: int
    waiting: int
    waiting_since: datetime | None
    is_cut: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceWorker:
    """A worker, and how many deliveries of the workspace it has under way."""

    worker_id: str
    running: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaping:
    """Where jobs and pg_cron's entries differed as the reaper, which rings every minute, looked last, in the
    whole instance: `mended`, and `left_over` for the next minute. Nulls: it failed."""

    at: datetime
    mended: int | None
    left_over: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """A workspace at a glance. `minutes`: the last 60 up to the present one, and 60 to come. `delivered`: of
    the last hour, `is_delivered_cut`: or more. `coming_jobs`: the live CRON jobs that `upcoming` is
    of, `jobs_left_out` those that it is not of, as they have too many different schedules. `alerts`:
    incidents that are not over."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedMove:
    """A job that is to be moved by `offset_seconds`, and not by `offset_seconds_before`: a PATCH of the
    job's `offset_seconds` does it. `tick`: its next one, which stays what it is; `run_at`: when that
    is delivered then, and `run_at_before` when it is now."""

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
    """How to move the `jobs` whose owners allow it (`spread`), so that the busiest minute has fewer
    deliveries: `before` and `after`, with the ten busiest minutes of each. `left_out`: jobs that
    allow it too, and were too many. No move: none lowers it. A minute's deliveries are its ticks,
    moved by the jobs' offsets; jitter, less than exact, is not counted."""

    from_at: datetime
    until: datetime
    jobs: int
    left_out: int
    before: int
    after: int
    busiest_before: list[BusyMinute]
    busiest_after: list[BusyMinute]
    moves: list[PlannedMove]
