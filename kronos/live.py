"""Recent changes for listeners, read from what statements record while anyone listens (decision 0083)."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from kronos.beats import BeatTickStatus, HeartbeatState
from kronos.database import InstanceView, WorkspaceView
from kronos.model import Cause, ExecutionStatus, JobStatus, Trigger
from kronos.records import dataclass
from kronos.sql import statement

WATCHED_FOR = timedelta(minutes=10)
"""How long changes are still recorded after a listener's last call, and how long they are kept (watch_live)."""

Change = Literal["created", "changed", "next_run", "finished", "deleted"]
ResourceKind = Literal[
    "endpoint", "config", "payload_spec", "calendar", "secret", "alert_rule", "incident", "workspace", "instance"
]
OperationKind = Literal["REDRIVE", "DISCARD", "PAUSE", "RESUME", "CANCEL", "TRIGGER", "BACKFILL", "DELETION"]


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """Some objects of a workspace that changed; without an object: nothing changed. `snapshot`: read up to there;
    `is_begun`: changes are being recorded; `is_whole`: no change since the given snapshot is missing."""

    snapshot: str
    generation: UUID | None
    workspace_id: UUID
    is_there: bool
    is_begun: bool
    is_whole: bool
    object: Literal["job", "execution", "heartbeat", "operation", "audit"] | ResourceKind | None
    change: Change | None
    ids: list[UUID] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionNow:
    """An execution's current state, without its input and output."""

    execution_id: UUID
    job_id: UUID
    job_name: str | None
    workspace: str
    endpoint: str
    cause: Cause
    status: ExecutionStatus
    reason: str | None
    attempt_count: int
    scheduled_at: datetime
    run_at: datetime
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionRead(ExecutionNow):
    """With whether it was to run immediately, which a one-shot's job reports."""

    is_immediate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class JobNow:
    """The current state of a version of a job, without its input."""

    job_id: UUID
    name: str | None
    title: str | None
    workspace: str
    endpoint: str
    trigger: Trigger
    status: JobStatus
    reason: str | None
    version: int
    replaced_by_id: UUID | None
    next_run_at: datetime | None
    last_run_at: datetime | None
    run_at: datetime | None
    resume_at: datetime | None
    created_at: datetime
    retired_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatNow:
    """A heartbeat's current state, without the contents of its pings."""

    heartbeat_id: UUID
    name: str
    workspace: str
    status: Literal["ACTIVE", "PAUSED"]
    state: HeartbeatState
    last_status: BeatTickStatus | None
    version: int
    next_tick_at: datetime | None
    last_ping_at: datetime | None
    last_success_at: datetime | None
    running_since: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationNow:
    """Progress of work that continues in steps after a request: over dead letters or jobs, a backfill (`job`: whose;
    `total`: ticks), or the deletion of a workspace (of `total` rows). Its filter is not included."""

    operation_id: UUID
    kind: OperationKind
    workspace: str
    job: str | None
    status: Literal["RUNNING", "COMPLETED", "CANCELLED", "FAILED"]
    reason: str | None
    total: int
    done: int
    failed: int
    created_at: datetime
    completed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditNow:
    """A new row in the audit. Its contents can be read there, with the right to."""

    workspace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceNow:
    """The current state of a configured resource, or of an incident, whose `name` is its rule's. Without a name: it was
    deleted."""

    kind: ResourceKind
    id: UUID
    name: str | None
    version: int | None
    workspace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """Confirms that a function was called."""

    done: str


_READ = statement("live.read_changes", News)
_WATCH = statement("live.set_watched", _Done)
_BEGIN = statement("live.begin_watches", _Done)
_EXECUTIONS = statement("live.list_changed_executions", ExecutionRead)
_JOBS = statement("live.list_changed_jobs", JobNow)
_HEARTBEATS = statement("live.list_changed_heartbeats", HeartbeatNow)
_OPERATIONS = statement("live.list_changed_operations", OperationNow)
_AUDITED = statement("live.list_audited", AuditNow)
_RESOURCES = statement("live.list_changed_resources", ResourceNow)


async def read(instance: InstanceView, workspace_ids: Iterable[UUID], after: str | None, *, limit: int) -> list[News]:
    """Return the changes in these workspaces since a snapshot; None: no changes, only the snapshot. One statement."""
    return await instance.rows(_READ, {"workspace_ids": list(workspace_ids), "after": after, "limit": limit})


async def watch(instance: InstanceView, workspace_id: UUID) -> None:
    """Record changes in a workspace for WATCHED_FOR from now."""
    await instance.rows(_WATCH, {"workspace_id": workspace_id, "for_time": WATCHED_FOR})


async def begin(instance: InstanceView) -> None:
    """Start the recording that earlier, committed calls of `watch` asked for."""
    await instance.rows(_BEGIN, {})


async def executions(view: WorkspaceView, ids: list[UUID]) -> list[ExecutionRead]:
    """Return those that exist."""
    return await view.rows(_EXECUTIONS, {"ids": ids}) if ids else []


async def jobs(view: WorkspaceView, ids: list[UUID]) -> list[JobNow]:
    """Return those that are versions of jobs."""
    return await view.rows(_JOBS, {"ids": ids}) if ids else []


async def heartbeats(view: WorkspaceView, ids: list[UUID]) -> list[HeartbeatNow]:
    """Return those that exist."""
    return await view.rows(_HEARTBEATS, {"ids": ids}) if ids else []


async def resources(view: WorkspaceView, named: Sequence[tuple[ResourceKind, UUID]]) -> list[ResourceNow]:
    """Return each of them, deleted ones too."""
    asked = {"kinds": [kind for kind, _ in named], "ids": [each for _, each in named]}
    return await view.rows(_RESOURCES, asked) if named else []


async def operations(view: WorkspaceView, ids: list[UUID]) -> list[OperationNow]:
    """Return those that exist."""
    return await view.rows(_OPERATIONS, {"ids": ids}) if ids else []


async def audited(view: WorkspaceView) -> list[AuditNow]:
    """Return the workspace whose audit has a new row, as an event names it."""
    return await view.rows(_AUDITED, {})
