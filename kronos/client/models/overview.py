"""What the API answers: overview. Made by bin/client out of the API's document."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class BusyMinute:
    """A minute, and its number of runs."""

    at: datetime
    runs: int


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


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingJob:
    """A job whose runs failed in the last 24 hours without a success since: the number of failures, the
    first and the last time, and the last error. Without a job: the one-shots of an endpoint, each of
    which is a separate job."""

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
    """Whether ticks are fired in time and deliveries are made; `warnings` name what prevents it."""

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
    """The instance's highest rates within the last hour: pg_cron's rings, rows of ticks, finished
    deliveries. None: there were none. A rate is only as high as the load was, so an idle instance
    shows a low one."""

    rings_per_second: float | None
    ticks_per_second: int | None
    deliveries_per_second: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceLoad:
    """The load of all jobs, with the rates measured on the instance."""

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
    """A job whose runs have been waiting, `number` of them, with the time and `execution_id` of the oldest;
    or whose ticks were not accounted for, which have no execution yet. `why`: the reason."""

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
class Load:
    """The number of runs per minute from `from_at` on, of `jobs` live CRON jobs. `left_out`: jobs that are
    not counted, because there are more than 5,000 different schedules (the most common ones are
    counted), because their schedule cannot be read, or because calendars move too many of their
    ticks. `busiest`: the ten busiest minutes. Capacity as measured on two cores: `pg_cron_per_minute`
    runs of entries, `worker_per_minute` deliveries of one worker."""

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
    """A job that could run some minutes later, with its new cron text."""

    job: ComingJob
    minutes: int
    cron: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The effect of spreading a minute's jobs over the minutes after it: the runs of the busiest of these
    minutes, before and after."""

    moves: list[Move]
    before: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadMinute:
    """The jobs that run in a minute: `number` of them, the first 200 by name, and the effect of spreading
    these. Null: there is none, because they are few, or name more than one minute of the hour."""

    at: datetime
    number: int
    jobs: list[ComingJob]
    spread: Spread | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """The outcomes of this minute's ticks, and the runs expected in it (`upcoming`). `late`: delivered, but
    started more than 90 s after their time. `is_cut`: there were more. In an hour with more than
    20,000 executions of one status, only about 300 a minute are counted."""

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
    """Deliveries in progress, and due executions that wait, since when the oldest; counted up to 10,000
    (`is_cut`)."""

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
class Reaping:
    """Differences between jobs and pg_cron's entries in the whole instance, at the newest run of the reaper,
    which rings every minute: `mended`, and `left_over` for the next run. Nulls: the run failed."""

    at: datetime
    mended: int | None
    left_over: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """A workspace at a glance. `minutes`: the last 60 including the current one, and the next 60.
    `delivered`: in the last hour; `is_delivered_cut`: there were more. `coming_jobs`: the live CRON
    jobs counted in `upcoming`; `jobs_left_out`: those that are not, because of too many different
    schedules. `alerts`: incidents that are not over."""

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
    """A job that should change from `offset_seconds_before` to `offset_seconds`: a PATCH of its
    `offset_seconds` does it. `tick`: its next tick, which does not change; `run_at`: when that tick
    is then delivered; `run_at_before`: when it is delivered now."""

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
    """Moves of the `jobs` whose owners allow it (`spread`) that reduce the deliveries of the busiest minute:
    `before` and `after`, with the ten busiest minutes of each. `left_out`: further jobs that allow
    it, but were too many. No moves: none reduces it. A minute's deliveries are its ticks, moved by
    the jobs' offsets; jitter is not exact, so it is not counted."""

    from_at: datetime
    until: datetime
    jobs: int
    left_out: int
    before: int
    after: int
    busiest_before: list[BusyMinute]
    busiest_after: list[BusyMinute]
    moves: list[PlannedMove]
