"""What the API answers: system. Made by bin/client out of the API's document."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from kronos.client.bodies.words import OperationKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarms:
    """How pg_cron is asked to ring for the jobs of the instance: wanted is the setting, `are_shared` what
    holds since `changed_at`, and entries follow within minutes.

    jobs: those that are live; alarms: how many of theirs differ; entries: pg_cron's that are Kronos's, of
    which four are internal. folded: the minutes of the hour at which one alarm rings for all that
    ring at no others; None: none. rings_*: how often pg_cron rings for jobs a day, with an entry a
    job, with one an alarm, and as it is now.
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
    """An execution that a worker has under way. job: the job's name, null where it has none."""

    execution_id: UUID
    workspace: str
    endpoint: str
    job_id: UUID
    job: str | None
    attempt: int
    claimed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BusyWorker:
    """A worker that has claimed something: how much, and the five executions that it claimed first. Of all
    claims the 10,000 whose leases end first are counted."""

    worker_id: str
    running: int
    executions: list[RunningExecution]


@dataclass(frozen=True, slots=True, kw_only=True)
class BusyWorkers:
    """The workers that have deliveries in progress."""

    data: list[BusyWorker]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Where a job and pg_cron's entry are not one; job_id and workspace are null where the entry names no
    job."""

    job_id: UUID | None
    workspace: str | None
    jobid: int | None
    jobname: str
    difference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Where jobs and pg_cron's entries are not the same set: in how many places, and the first of them by
    the entry's name."""

    differences: int
    data: list[Difference]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptHistory:
    """How long the instance keeps what, in days; when retention last ran, and last left nothing to do.
    `unsealed`: rows of the audit that are in no chain yet, counted up to 10,000."""

    success_days: int
    failure_days: int
    run_details_days: int
    audit_days: int
    ran_at: datetime
    done_at: datetime
    unsealed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPartition:
    """A week of history. `rows`: as it was analysed last; null: it never was."""

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
    """The instance as PostgreSQL reports it. overdue_jobs: due for more than 150 s, which catch-up leaves
    none of; counted up to 10,000.

    alarm_failure: why pg_cron's newest alarms fail. waiting_endpoints: whose due executions have waited
    for a worker for more than a minute, waiting_seconds: the longest of these; unserved_groups: those
    that no worker serves, and whose executions wait for as long.
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
    """A suspension, a resumption or a cancellation that holds since then, and that rows still follow in
    steps; or an operation, which goes on in steps since then.

    remaining: jobs of the workspace; of a CANCELLATION executions of the job, counted up to 10,000; of an
    operation dead letters, about. last_error: at, type and message of the last step that failed.
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
    """PostgreSQL's time zone data against this process's. postgresql_version: null where it is on another
    machine, or reads otherwise."""

    postgresql_version: str | None
    client_version: str | None
    is_old: bool | None
    differs_in: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownFinding:
    """A check of the doctor's: whether it holds, and what was found. meaning, fix: null where it holds."""

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
