"""What the checks shared by `kronos doctor` and the API read of the instance: the rows of queries/signs.sql."""

from datetime import timedelta
from typing import Final

from kronos.records import dataclass
from kronos.sql import statement

ROWS: Final = 10_000  # smaller tables need no statistics
BYTES: Final = 256 * 1024 * 1024  # bloat of smaller tables is not reported
STUCK: Final = timedelta(seconds=60)  # twice the longest time limit of a statement of Kronos


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSigns:
    """Connections, and sessions that block others."""

    connections: int
    max_connections: int
    sees_activity: bool
    oldest_seconds: float | None
    oldest: str | None
    prepared: int
    prepared_seconds: float | None
    waiting: int
    waiting_seconds: float | None
    waiting_for: str | None
    is_encrypted: bool
    is_local: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockerSigns:
    """The session that keeps others waiting, and sessions of Kronos that do not answer."""

    blocked: int
    blocker: str | None
    blocking_seconds: float | None
    stuck: int
    stuck_session: str | None
    stuck_pid: int | None
    stuck_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSigns:
    """Durability, replication and limits of the server."""

    is_fsync_on: bool
    are_pages_whole: bool
    commits: str
    frozen_age: int
    multixact_age: int
    slots: list[str]
    slot_bytes: int | None
    standbys_wanted: bool
    standbys_there: bool
    lag_seconds: float | None
    archive_fails_seconds: float | None
    pending_restart: list[str]
    collation_change: str | None
    relations: int
    lockable: int
    is_autovacuum_on: bool
    data_directory: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CronSetup:
    """pg_cron's setup. None: the owner may not see it, or this pg_cron has no such setting."""

    is_visible: bool
    launches_jobs: bool | None
    logs_runs: bool | None
    is_by_workers: bool | None
    running: int
    max_running: int | None
    max_processes: int
    installed: str | None
    available: str | None
    log_bytes: int | None
    limits: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFault:
    """A table with a fault: UNLOGGED, UNVACUUMED, UNKNOWN (no statistics), BLOATED."""

    name: str
    fault: str
    live: int
    bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkSigns:
    """Leases, lost attempts, late results, dead letters and endpoints."""

    leases: int
    lease_seconds: float | None
    lost: int
    late: int
    dead_letters: int
    new_letters: int
    kept_off: list[str]
    disabled: int
    wave_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LateTask:
    """Background work that does not progress: OPERATION, DELETION, BACKFILL, TASK; for alerts RULE, BEAT, ALERT."""

    kind: str
    name: str
    seconds: float
    message: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyState:
    """Keys and quotas that need attention."""

    administrators: int
    lasting: int
    burnt: list[str]
    ending: list[str]
    nearly_full: list[str]


SESSIONS: Final = statement("signs.get_sessions", SessionSigns)
BLOCKERS: Final = statement("signs.get_blockers", BlockerSigns)
SERVER: Final = statement("signs.get_server", ServerSigns)
CRON: Final = statement("signs.get_cron", CronSetup)
TABLES: Final = statement("signs.list_tables", TableFault)
WORK: Final = statement("signs.get_work", WorkSigns)
TASKS: Final = statement("signs.list_tasks", LateTask)
ALERTING: Final = statement("signs.list_alerting", LateTask)
KEYS: Final = statement("signs.get_keys", KeyState)
