"""What the doctor looks at: the rows of queries/doctor.sql and doctor_fixes.sql."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kronos.model import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Who we are, and what is there."""

    connected_as: str
    database: str
    server_version: str
    pg_cron_version: str | None
    is_superuser: bool
    has_schema: bool
    applied: str
    missing_roles: list[str]
    may_own: bool
    has_launcher: bool
    is_read_only: bool
    clock_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan:
    """An entry whose role is gone."""

    jobid: int
    username: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PgCron:
    """pg_cron as the owner sees it."""

    served_database: str | None
    internal_jobs: int
    internal_entries: int
    silent_seconds: float
    is_held: bool
    alarms_ended: int
    alarms_failed: int
    alarm_message: str | None
    alarm_failure: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """Who delivers."""

    worker_sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepsUnderWay:
    """A suspension, a resumption or a cancellation that rows still follow, and for how long; see system.PendingWork."""

    kind: str
    workspace: str
    job_id: UUID | None
    remaining: int
    since: datetime
    last_error: JsonObject | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An endpoint whose due executions wait; `waits_for`: None, for a worker."""

    workspace: str
    endpoint: str
    seconds: float
    waits_for: str | None
    unserved_group: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something of the schema that is not as the newest upgrade left it: it is gone, new, or differs in what `differs`
    names."""

    object: str
    differs: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeZoneData:
    """The version that the server's files name."""

    version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CronSettings:
    """How pg_cron reads its entries."""

    cron_timezone: str | None
    match_dom_and_dow: str | None
    is_visible: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingPrivilege:
    """What a role cannot do, or is and must not be."""

    role: str
    fault: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePart:
    """An index or a constraint of one of our tables."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryDifference:
    """Where a job and pg_cron's entry are not one."""

    jobname: str
    jobid: int | None
    difference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTotal:
    """How many jobs."""

    jobs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLedger:
    """The ledger of one job."""

    job_id: UUID
    name: str | None
    workspace: str
    expected: int
    unaccounted: int | None
    surplus: int | None
    first_unaccounted: datetime | None
    first_surplus: datetime | None
    overdue: int | None
    is_truncated: bool
    error: JsonObject | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultyJob:
    """A job whose ticks cannot be accounted for."""

    job_id: UUID
    name: str | None
    workspace: str
    sqlstate: str
    message: str
    failed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftBehind:
    """Something unfinished of a workspace or endpoint that was deleted."""

    kind: str
    id: UUID
    workspace: str
    deleted: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OverdueJob:
    """A job whose tick is due for too long."""

    job_id: UUID
    name: str | None
    workspace: str
    overdue_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleZone:
    """A time zone that was not read for too long."""

    timezone: str
    read_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """A week that has no partition, or no whole one; or a partition of which nothing is noted."""

    partition: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignPartition:
    """A partition that belongs to another role."""

    partition: str
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaped:
    """What the reaper did."""

    counts: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """How many were made."""

    made: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionState:
    """When retention last ran and last left nothing to do; rows of the default partitions that partitions of their time
    are there for."""

    ran_seconds: float
    done_seconds: float
    executions: int
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditState:
    """Rows of the audit that are in no chain yet, and how old the oldest is; 0 where there is none."""

    unsealed: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BloatedTable:
    """A table of which more is dead than alive."""

    name: str
    live_rows: int
    dead_rows: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenChain:
    """A chain of the audit that is not as it was sealed."""

    workspace: str
    fault: str
