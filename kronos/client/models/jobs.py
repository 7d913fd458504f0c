"""What the API answers: jobs. Made by bin/client out of the API's document."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from kronos.client.bodies.words import (
    BulkAction,
    DstGap,
    DstOverlap,
    EndpointType,
    ExecutionCause,
    ExecutionStatus,
    JobStatus,
    JobTrigger,
    OperationKind,
    OperationStatus,
    Overlap,
    TickDecision,
    TickDisposition,
)
from kronos.client.models.alerts import OpenAlert
from kronos.client.models.problems import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkCount:
    """How many jobs an action would change. `is_more`: there are more, which were not counted."""

    count: int
    is_more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedJob:
    """A job for which the action was rejected, and why."""

    job: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkDone:
    """The result of a call: how many jobs were changed, and which were rejected. `next_cursor`: more jobs
    remain; repeat the call with the same body and this cursor. null: all jobs are done."""

    action: BulkAction
    done: int
    refused: list[RefusedJob]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkOperation:
    """Work over many rows that a request started and that continues in the background: `done` and `failed`
    of `total` so far, `failures` by reason. `endpoint_version`: only of a REDRIVE. `refused`: the
    first 50 jobs that a PAUSE, RESUME, CANCEL or TRIGGER was refused for: job, code, detail. A
    DELETION deletes the workspace itself: while it is RUNNING, `status_reason` names what is being
    deleted."""

    operation_id: UUID
    workspace: str
    kind: OperationKind
    status: OperationStatus
    status_reason: dict[str, Any] | None
    filter: dict[str, Any]
    endpoint_version: Literal["latest", "same"] | None
    per_second: int | None
    total: int
    done: int
    failed: int
    failures: dict[str, Any]
    created_at: datetime
    completed_at: datetime | None
    refused: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One check on the way to the decision: whether it lets the tick run, and the evidence."""

    step: str
    holds: bool
    detail: str
    evidence: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a job did or did not run at an instant. `tick`: the nominal tick in question; null if the minute
    of `at` has none. `alerts`: the job's incidents that are open now or were open at the instant."""

    job_id: UUID
    version_id: UUID
    at: datetime
    tick: datetime | None
    decision: TickDecision
    code: str
    because: str
    steps: list[Step]
    alerts: list[OpenAlert]


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedRun:
    """A run that moves to another time of the same day."""

    from_at: datetime
    to_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FireDiff:
    """The runs that a change adds, removes and moves within 7 days: how many, and the first 20 of each.

    `before` and `after` count the runs without it and with it. A run counts as moved if one day, in the
    new schedule's zone, loses one run and gains another.
    """

    description_before: str
    description: str
    before: int
    after: int
    added: int
    removed: int
    moved: int
    first_added: list[datetime]
    first_removed: list[datetime]
    first_moved: list[MovedRun]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentRun:
    """One of a job's last runs. `ticks`: how many missed or skipped ticks it accounts for."""

    execution_id: UUID
    status: ExecutionStatus
    cause: ExecutionCause
    scheduled_at: datetime
    ticks: int
    duration_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """A CRON job's last runs, at most 20, newest first, and statistics over them.

    `success_rate`: the share of SUCCESS among runs that succeeded, failed, were missed or expired, from 0
    to 1. `p95_ms`: 95% of its delivered runs took no longer. Both are null if there are no such runs.
    `overdue_since`: a tick that was due then still has no run, a minute later.
    """

    job_id: UUID
    overdue_since: datetime | None
    runs: list[RecentRun]
    success_rate: float | None
    p95_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Glances:
    """The recent runs of the requested jobs, in request order. Jobs that are not CRON jobs are omitted."""

    data: list[Glance]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One version of a job. `anchor_local`: the anchor as a local time of the zone, for intervals in local
    time; `anchor` is then its instant. Likewise `run_at_local` is the local time from which `run_at`
    was computed."""

    job_id: UUID
    name: str | None
    title: str | None
    workspace: str
    endpoint: str
    endpoint_type: EndpointType
    trigger: JobTrigger
    status: JobStatus
    status_reason: dict[str, Any] | None
    version: int
    previous_version_id: UUID | None
    replaced_by_id: UUID | None
    cron: str | None
    every: str | None
    anchor: datetime | None
    anchor_local: str | None
    timezone: str | None
    description: str | None
    starts_at: datetime | None
    ends_at: datetime | None
    max_runs: int | None
    dst_gap: DstGap
    dst_overlap: DstOverlap
    jitter_seconds: int
    overlap: Overlap
    catch_up: dict[str, Any]
    skip_next: int
    resume_at: datetime | None
    next_run_at: datetime | None
    last_run_at: datetime | None
    pg_cron: dict[str, Any] | None
    idempotency_key: str | None
    run_at: datetime | None
    run_at_local: str | None
    input: dict[str, Any]
    priority: int
    tags: list[str]
    created_at: datetime
    retired_at: datetime | None
    execution: dict[str, Any] | None
    on_success: dict[str, Any] | None
    on_failure: dict[str, Any] | None
    deadline_seconds: int | None
    calendars: list[str]
    on_blackout: Literal["SKIP", "NEXT", "PREVIOUS"]
    spread: str | None
    offset_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFault:
    """Why a job's ticks cannot be accounted for. `failed_at` is the time of the last try, None before the
    first."""

    sqlstate: str
    message: str
    failed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The ticks of one version of a job from `since` to `checked_until`, compared with the rows that record
    them.

    expected = accounted + unaccounted, accounted = delivered + missed + skipped. delivered: ticks that
    became an execution, whatever its status: failed, cancelled and waiting ones are included;
    last_24h counts each status separately. surplus: rows that match no tick, or a tick that already
    has a row. retained_from: history is complete only from this time on, so ticks before it are not
    checked; null: the whole window is checked.
    """

    since: datetime
    checked_until: datetime
    expected: int
    accounted: int
    delivered: int
    missed: int
    skipped: int
    unaccounted: int
    surplus: int
    first_unaccounted: datetime | None
    first_surplus: datetime | None
    is_truncated: bool
    retained_from: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """A job's health, its ticks of the last 24 hours by status, and whether each tick is accounted for.

    HEALTHY: no tick failed, was missed, or waits for more than a minute. DEGRADED: some did. FAILING:
    none succeeded. IDLE: there were no ticks. ERROR: `error` is why its ticks cannot be accounted
    for.

    `overdue_seconds`: how long the oldest due tick has waited to be accounted for; 0 if there is none.
    `waiting_seconds`: how long the oldest due execution has waited for a worker. `warnings`: why it
    waits. `alerts`: the job's newest ten open incidents.
    """

    job_id: UUID
    status: JobStatus
    health: Literal["HEALTHY", "DEGRADED", "FAILING", "IDLE", "ERROR"]
    error: JobFault | None
    next_run_at: datetime | None
    last_run_at: datetime | None
    overdue_seconds: float
    waiting_seconds: float
    warnings: list[str]
    pg_cron: dict[str, Any] | None
    last_24h: dict[str, int]
    ledger: Ledger | None
    alerts: list[OpenAlert]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsMade:
    """The result for each job, in request order: the job, or the problem that prevented it."""

    data: list[Job | Problem]


@dataclass(frozen=True, slots=True, kw_only=True)
class NextRun:
    """A future run.

    `local` is `at` in the schedule's zone, with its UTC offset. `dst`: "shifted" if a local time that
    does not exist was moved to this one, "repeated" if the zone has this local time twice.
    `rolled_from`: the tick, if calendars move it to another time; `reason` says why. `run_at`: when
    its delivery starts, if the job's offset or jitter changes that.
    """

    at: datetime
    local: str
    dst: Literal["shifted", "repeated"] | None
    rolled_from: datetime | None
    reason: str | None
    run_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedTick:
    """A tick that does not run. dst "skipped": `local` does not exist in the schedule's zone, and dst_gap is
    SKIP; with SHIFT it would run at `at`. Otherwise `reason` names the calendar that closes it."""

    at: datetime
    local: str
    dst: Literal["skipped"] | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The future of a schedule: runs, in order; ticks up to the last run that do not run; notes on
    surprises."""

    description: str
    next_runs: list[NextRun]
    skipped: list[SkippedTick]
    lints: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A nominal tick and its outcome. `decision`, `code` and `because` are those of `explain`; `disposition`
    summarizes them. LATE: delivered to catch up. An execution that accounts for `tick_count`
    consecutive ticks is shown for each."""

    tick: datetime
    version: int
    version_id: UUID
    disposition: TickDisposition
    decision: TickDecision
    code: str
    because: str
    execution_id: UUID | None
    tick_count: int
    attempt_count: int
    started_at: datetime | None
    completed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TickDay:
    """How many ticks a day had, by outcome. The day is a day on the zone's clocks."""

    day: date
    ticks: dict[str, int]


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
class Ticks:
    """The ticks of [since, until), in order. next_from: where the remaining ticks begin; None: there are no
    more. retained_from: history is complete only from then on; None: all of it is kept. at: when this
    was true."""

    since: datetime
    until: datetime
    at: datetime
    retained_from: datetime | None
    data: list[Tick]
    next_from: datetime | None
