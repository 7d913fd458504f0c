"""What the API answers: system. Made by bin/client out of the API's document."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from kronos.client.bodies.words import OperationKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarms:
    """How pg_cron is set to ring for the instance's jobs. wanted: the setting; `are_shared`: the mode in
    force since `changed_at`, which entries follow within minutes.

    jobs: live jobs; alarms: their number of different alarms; entries: Kronos' entries in pg_cron,
    including those of internal jobs. folded: the minutes of the hour at which one alarm rings for all
    jobs that ring at no others; null: none. rings_*: how often pg_cron rings for jobs per day, with
    an entry per job, with one per alarm, and now.
    """

    wanted: Literal["auto", "own", "shared"]
    are_shared: bool
    changed_at: datetime
    jobs: int
    alarms: int
    entries: int
    folded: str | None
    rings_apart: float
    rings_shared: float
    rings_now: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Alive:
    """The process is alive."""

    status: Literal["ok"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningExecution:
    """An execution that a worker is delivering. job: the job's name, null if it has none."""

    execution_id: UUID
    workspace: str
    endpoint: str
    job_id: UUID
    job: str | None
    attempt: int
    claimed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BusyWorker:
    """A worker with claims: how many, and the five executions that it claimed first. Counted are the 10,000
    claims whose leases expire first."""

    worker_id: str
    running: int
    executions: list[RunningExecution]


@dataclass(frozen=True, slots=True, kw_only=True)
class BusyWorkers:
    """The workers that have deliveries in progress."""

    data: list[BusyWorker]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A difference between a job and its entry; job_id and workspace are null if the entry names no job."""

    job_id: UUID | None
    workspace: str | None
    jobid: int | None
    jobname: str
    difference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Differences between jobs and pg_cron's entries: their number, and the first of them by the entry's
    name."""

    differences: int
    data: list[Difference]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptHistory:
    """How long the instance keeps its history, in days; when retention last ran, and when it last left
    nothing to do. `unsealed`: audit rows that are in no chain yet, counted up to 10,000."""

    success_days: int
    failure_days: int
    run_details_days: int
    audit_days: int
    ran_at: datetime
    done_at: datetime
    unsealed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPartition:
    """A week of history. `rows`: as last analyzed; null: never analyzed."""

    history: Literal["executions", "attempts"]
    partition: str
    from_at: datetime
    until_at: datetime
    rows: int | None
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """How long history is kept, and in which partitions."""

    retention: KeptHistory
    partitions: list[HistoryPartition]


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """Links to the parts of the API."""

    name: str
    version: str
    api: str
    openapi: str
    docs: str
    readiness: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The instance as PostgreSQL reports it. overdue_jobs: due for more than 150 s, which catch-up should
    prevent; counted up to 10,000.

    alarm_failure: why pg_cron's newest alarms fail. waiting_endpoints: endpoints whose due executions
    have waited for a worker for more than a minute; waiting_seconds: the longest wait.
    unserved_groups: groups that no worker serves, and whose executions have waited as long.
    """

    postgresql_version: str
    pg_cron_version: str | None
    pg_cron_silent_seconds: float
    internal_jobs: int
    internal_entries: int
    has_launcher: bool
    overdue_jobs: int
    overdue_seconds: float | None
    worker_sessions: int
    cron_timezone: str | None
    match_dom_and_dow: str | None
    zones_changed_at: datetime | None
    is_held: bool
    is_read_only: bool
    alarm_failure: str | None
    waiting_endpoints: int
    waiting_seconds: float | None
    unserved_groups: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingWork:
    """A suspension, resumption or cancellation in force since `since`, whose rows still follow in steps; or
    an operation, which has been running in steps since `since`.

    remaining: jobs of the workspace; for a CANCELLATION executions of the job, counted up to 10,000; for
    an operation dead letters, approximately. last_error: at, type and message of the last step that
    failed.
    """

    kind: Literal["SUSPENSION", "RESUMPTION", "CANCELLATION"] | OperationKind
    workspace: str
    job_id: UUID | None
    remaining: int
    since: datetime
    last_error: dict[str, Any] | None
    operation_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneData:
    """PostgreSQL's time zone data compared with this process's. postgresql_version: null if PostgreSQL is on
    another machine, or if its zones differ."""

    postgresql_version: str | None
    client_version: str | None
    is_old: bool | None
    differs_in: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownFinding:
    """A check's result: whether it passed, and what was found. meaning, fix: null if it passed."""

    check: str
    severity: Literal["critical", "warning", "notice"]
    ok: bool
    detail: str
    meaning: str | None
    fix: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceStatus:
    """pg_cron, lag, workers and time zone data.

    `steps`: operations, and suspensions, resumptions and cancellations that took effect but whose rows
    are still being updated. `warnings`: what delays ticks, or soon will. `findings`: results of
    `kronos doctor`'s cheap checks, failed checks first.
    """

    status: Status
    steps: list[PendingWork]
    time_zone_data: ZoneData
    warnings: list[str]
    findings: list[ShownFinding]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Jobs can be created, and ticks fire on time. `degraded`: deliveries are late or not made; `warnings`
    has the reasons."""

    status: Literal["ok", "degraded"]
    pg_cron_version: str
    internal_jobs: int
    silent_seconds: float
    warnings: list[str]
