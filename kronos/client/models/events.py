"""What the API answers: events. Made by bin/client out of the API's document."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from kronos.client.bodies.words import ExecutionCause, ExecutionStatus, JobStatus, JobTrigger, OperationStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """The audit has new entries; read them there. In kronos-system: the audit of any workspace."""

    workspace: str
    changes: list[Literal["created", "changed", "next_run", "finished", "deleted"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionEvent:
    """The current state of an execution. `changes`: what happened since its last event: `created`, `changed`
    (claimed by a worker, due again, held back), `finished`."""

    execution_id: UUID
    job_id: UUID
    job_name: str | None
    workspace: str
    endpoint: str
    cause: ExecutionCause
    status: ExecutionStatus
    reason: str | None
    attempt_count: int
    scheduled_at: datetime
    run_at: datetime
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    changes: list[Literal["created", "changed", "next_run", "finished", "deleted"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatEvent:
    """The current state of a heartbeat. `changes`: what happened since its last event: `created`, `changed`
    (a ping arrived, a tick was accounted for, or its terms changed)."""

    heartbeat_id: UUID
    name: str
    workspace: str
    status: Literal["ACTIVE", "PAUSED"]
    state: Literal["NEW", "UP", "RUNNING", "LATE", "DOWN", "UNKNOWN", "PAUSED"]
    last_status: Literal["ON_TIME", "LATE", "MISSED", "FAILED", "RUNNING", "UNKNOWN", "SKIPPED"] | None
    version: int
    next_tick_at: datetime | None
    last_ping_at: datetime | None
    last_success_at: datetime | None
    running_since: datetime | None
    created_at: datetime
    changes: list[Literal["created", "changed", "next_run", "finished", "deleted"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """The current state of a version of a job. `changes`: what happened since its last event: `created`,
    `changed` (such as its status), `next_run` (a tick was accounted for)."""

    job_id: UUID
    name: str | None
    title: str | None
    workspace: str
    endpoint: str
    trigger: JobTrigger
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
    changes: list[Literal["created", "changed", "next_run", "finished", "deleted"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationEvent:
    """Progress of an operation that runs in the background: `created`, `changed` (at most once a second) or
    `finished` (its status is no longer RUNNING)."""

    operation_id: UUID
    kind: Literal["REDRIVE", "DISCARD", "PAUSE", "RESUME", "CANCEL", "TRIGGER", "BACKFILL", "DELETION"]
    workspace: str
    job: str | None
    status: OperationStatus
    reason: str | None
    total: int
    done: int
    failed: int
    created_at: datetime
    completed_at: datetime | None
    changes: list[Literal["created", "changed", "next_run", "finished", "deleted"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetEvent:
    """Changes may be missing: read the lists again. `reason`: `missed`, the place to continue from is too
    old, or PostgreSQL lost its notes; `too_many`, more has changed than is reported one by one;
    `too_slow`, events arrived faster than they were read, and the stream ends."""

    reason: Literal["missed", "too_many", "too_slow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceEvent:
    """The current state of a configured resource: an endpoint (including its limits and health), a config, a
    payload spec, a calendar, a secret or an alert rule; an incident, whose `name` is its rule's; the
    workspace, when its terms, quotas, retention or keys changed; or, in kronos-system, the instance,
    when its settings or workspaces changed. `changes`: what happened since its last event: `created`,
    `changed`, `deleted`. A deleted resource has no name."""

    kind: Literal[
        "endpoint", "config", "payload_spec", "calendar", "secret", "alert_rule", "incident", "workspace", "instance"
    ]
    id: UUID
    name: str | None
    version: int | None
    workspace: str
    changes: list[Literal["created", "changed", "next_run", "finished", "deleted"]]
