"""The facts that the doctor judges: the rows of queries/doctor.sql and doctor_fixes.sql."""

from datetime import datetime
from uuid import UUID

from kronos.model import JsonObject
from kronos.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The login, the server, and which parts of Kronos exist there."""

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
    """An entry whose role no longer exists."""

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
    """The workers' sessions."""

    worker_sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepsUnderWay:
    """A suspension, resumption or cancellation whose steps are not done, and for how long; see system.PendingWork."""

    kind: str
    workspace: str
    job_id: UUID | None
    remaining: int
    since: datetime
    last_error: JsonObject | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An endpoint whose due executions wait. `waits_for`: None, for a worker."""

    workspace: str
    endpoint: str
    seconds: float
    waits_for: str | None
    unserved_group: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An object of the schema that is not as the newest upgrade left it: gone, new, or different in what `differs`
    lists."""

    object: str
    differs: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeZoneData:
    """The version in the server's files."""

    version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CronSettings:
    """How pg_cron reads its entries."""

    cron_timezone: str | None
    match_dom_and_dow: str | None
    is_visible: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingPrivilege:
    """A privilege that a role lacks, or one that it must not have."""

    role: str
    fault: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePart:
    """An index or a constraint of one of Kronos's tables."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryDifference:
    """A difference between a job and its entry in pg_cron."""

    jobname: str
    jobid: int | None
    difference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTotal:
    """The number of jobs."""

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
    """An unfinished row of a deleted workspace or endpoint."""

    kind: str
    id: UUID
    workspace: str
    deleted: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OverdueJob:
    """A job whose tick has been due for too long."""

    job_id: UUID
    name: str | None
    workspace: str
    overdue_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleZone:
    """A time zone whose clock changes were not read lately."""

    timezone: str
    read_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """A week whose partition is missing or incomplete; or a partition whose contents are not noted."""

    partition: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignPartition:
    """A partition that belongs to another role."""

    partition: str
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaped:
    """The reaper's result."""

    counts: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A number of rows or objects that were created."""

    made: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionState:
    """When retention last ran, and when it last left nothing to do; rows of the default partitions that belong in an
    existing partition."""

    ran_seconds: float
    done_seconds: float
    executions: int
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditState:
    """Audit rows that are not in a chain yet, and the age of the oldest; 0 if there are none."""

    unsealed: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BloatedTable:
    """A table with more dead rows than live ones."""

    name: str
    live_rows: int
    dead_rows: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenChain:
    """An audit chain that differs from what was sealed."""

    workspace: str
    fault: str
