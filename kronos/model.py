"""What Kronos stores, as seen by Python and, docstrings included, by the API: the rows of sql/views (Workspace: of
sql/schema/workspaces.sql), column by column. No I/O, and of the rest of Kronos it imports only `dataclass`."""

from dataclasses import field
from datetime import datetime
from enum import Enum
from typing import Any, Literal, TypeAlias
from uuid import UUID

from kronos.records import dataclass

Json: TypeAlias = Any  # the one place where a type cannot be named: user input and receivers' answers
JsonObject: TypeAlias = dict[str, Any]

Trigger = Literal["IMMEDIATE", "DELAYED", "CRON"]
JobStatus = Literal["ACTIVE", "PAUSED", "RETIRED", "COMPLETED"]
WorkspaceStatus = Literal["ACTIVE", "SUSPENDED", "DELETED"]
EndpointType = Literal["HTTP", "KAFKA", "REDIS_STREAM", "EMAIL", "INTERNAL"]
Cause = Literal["SCHEDULE", "API", "MANUAL", "BACKFILL", "CATCH_UP"]
ExecutionStatus = Literal[
    "PENDING", "QUEUED", "RUNNING", "RETRYING", "SUCCESS", "FAILED", "CANCELLED", "SKIPPED", "MISSED", "EXPIRED"
]
AttemptStatus = Literal["RUNNING", "SUCCESS", "FAILED", "TIMED_OUT", "UNKNOWN", "LOST"]
Overlap = Literal["ALLOW", "SKIP", "QUEUE", "REPLACE"]
OnBlackout = Literal["SKIP", "NEXT", "PREVIOUS"]
BackfillStatus = Literal["RUNNING", "COMPLETED", "CANCELLED", "FAILED"]
TickOutcome = Literal["MISSED", "SKIPPED", "CANCELLED", "FAILED"]
EndpointChoice = Literal["latest", "same"]
OperationKind = Literal["REDRIVE", "DISCARD", "PAUSE", "RESUME", "CANCEL", "TRIGGER", "DELETION"]
OperationStatus = Literal["RUNNING", "COMPLETED", "CANCELLED", "FAILED"]
DocumentKind = Literal["CONFIG", "PAYLOAD_SPEC", "CALENDAR"]
VersionUse = Literal["snapshot", "latest"]
WorkspaceRole = Literal["viewer", "operator", "admin"]
OnDisabled = Literal["WAIT", "SKIP"]


class Role(Enum):
    """A key's role. Each role includes the ones before it. The first three are for one workspace."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"
    INSTANCE_ADMIN = "instance_admin"

    def covers(self, needed: "Role") -> bool:
        """Return whether this role includes the other."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A tenant. `version` counts its changes. `jobs_left` of its CRON jobs still have to follow its last suspension or
    resumption. `in_flight` of `max_concurrency` deliveries are in progress; both are null if there is no limit."""

    workspace_id: UUID
    slug: str
    name: str
    status: WorkspaceStatus
    version: int
    created_at: datetime
    suspended_at: datetime | None
    jobs_left: int
    max_concurrency: int | None
    in_flight: int | None
    organization: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """An owner of workspaces. `version` counts its changes."""

    organization_id: UUID
    slug: str
    name: str
    version: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceKey:
    """A key of a workspace, without its secret. `created_by`: the public ID of the key that created it. `last_used_at`
    is accurate to a minute."""

    key_id: UUID
    public_id: str
    name: str | None
    role: WorkspaceRole
    sees_payloads: bool
    created_at: datetime
    created_by: str | None
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where deliveries go, at its current version. `usage` of its limits, and of its workspace's, is current; null if
    there are none. `health.last_success_at` is the first success after a failure, null before there is one: an
    endpoint without failures does not record its successes, but its executions do."""

    endpoint_id: UUID
    workspace: str
    name: str
    title: str | None
    type: EndpointType
    version: int
    payload_spec: str | None
    config: str | None
    use: VersionUse
    spec: JsonObject
    retry_policy: JsonObject
    max_in_flight: int | None
    signing_secrets: list[str]
    created_at: datetime
    updated_at: datetime
    on_disabled: OnDisabled
    health: JsonObject
    limits: JsonObject
    usage: JsonObject | None
    group: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A secret, without its value. `version` counts the values that it has had."""

    name: str
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedSecret(Secret):
    """With its place in the list, which the JSON writer omits (see ListedEndpoint)."""

    _secret_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTerms:
    """The fields of any job that a caller sets, under the names that request, statement and column use. To add one, add
    it here, in Job, and in the statements of sql/queries/jobs.sql and job_changes.sql: see CONTRIBUTING.md."""

    name: str | None = None
    title: str | None = None
    tags: list[str] = field(default_factory=list)
    on_success: JsonObject | None = None
    on_failure: JsonObject | None = None
    deadline_seconds: int | None = None
    priority: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CronTerms(JobTerms):
    """The further fields of a CRON job, named likewise. An `anchor` without an offset is a local time of `timezone`."""

    cron: str | None = None
    every: str | None = None
    anchor: datetime | None = None
    timezone: str = "UTC"
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    max_runs: int | None = None
    dst_gap: Literal["SHIFT", "SHIFT_BY_GAP", "SKIP"] = "SHIFT"
    dst_overlap: Literal["FIRST", "BOTH"] = "FIRST"
    jitter_seconds: int = 0
    overlap: Overlap = "ALLOW"
    catch_up_policy: Literal["SKIP", "LATEST", "ALL"] = "LATEST"
    catch_up_window_seconds: int = 3600
    calendars: list[str] = field(default_factory=list)
    on_blackout: OnBlackout = "SKIP"
    spread: str | None = None
    offset_seconds: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One version of a job. `anchor_local`: the anchor as a local time of the zone, for intervals in local time;
    `anchor` is then its instant. Likewise `run_at_local` is the local time from which `run_at` was computed."""

    job_id: UUID
    name: str | None
    title: str | None
    workspace: str
    endpoint: str
    endpoint_type: EndpointType
    trigger: Trigger
    status: JobStatus
    status_reason: JsonObject | None
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
    dst_gap: Literal["SHIFT", "SHIFT_BY_GAP", "SKIP"]
    dst_overlap: Literal["FIRST", "BOTH"]
    jitter_seconds: int
    overlap: Overlap
    catch_up: JsonObject
    skip_next: int
    resume_at: datetime | None
    next_run_at: datetime | None
    last_run_at: datetime | None
    pg_cron: JsonObject | None
    idempotency_key: str | None
    run_at: datetime | None
    run_at_local: str | None
    input: JsonObject
    priority: int
    tags: list[str]
    created_at: datetime
    retired_at: datetime | None
    execution: JsonObject | None
    on_success: JsonObject | None
    on_failure: JsonObject | None
    deadline_seconds: int | None
    calendars: list[str]
    on_blackout: OnBlackout
    spread: str | None
    offset_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One time that a job was due. `caused_by`: the run whose end caused this one, with its job and the event.
    `callbacks`: what its own end caused, with the outcome. `created_by`: who created a one-shot: `actor`, and for a
    request `key_id` and `request_id`."""

    execution_id: UUID
    job_id: UUID
    job_name: str | None
    workspace: str
    endpoint: str
    endpoint_type: EndpointType
    cause: Cause
    status: ExecutionStatus
    status_reason: JsonObject | None
    scheduled_at: datetime
    run_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    duration_ms: int | None
    attempt_count: int
    max_attempts: int
    tick_count: int
    input: JsonObject
    output: Json
    error: JsonObject | None
    worker_id: str | None
    created_at: datetime
    created_by: JsonObject | None
    caused_by: JsonObject | None
    callbacks: Json  # a list


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try to deliver an execution."""

    attempt_number: int
    status: AttemptStatus
    started_at: datetime
    completed_at: datetime | None
    duration_ms: int | None
    request: JsonObject | None
    response: JsonObject | None
    error: JsonObject | None
    worker_id: str
    endpoint_version: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedEndpoint(Endpoint):
    """With `_more`, in a page limited in bytes: others follow. The JSON writer omits names that begin with _."""

    _more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedJob(Job):
    """See ListedEndpoint."""

    _more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedExecution(Execution):
    """See ListedEndpoint."""

    _more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedAttempt(Attempt):
    """See ListedEndpoint."""

    _more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """A later delivery of a job's ticks of a past window. `progress`: its executions, by state."""

    backfill_id: UUID
    job_id: UUID
    workspace: str
    status: BackfillStatus
    status_reason: JsonObject | None
    from_at: datetime
    to_at: datetime
    max_active: int
    include: list[TickOutcome]
    ticks: int
    created: int
    redriven: int
    left_out: int
    progress: JsonObject
    created_at: datetime
    completed_at: datetime | None
    priority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkOperation:
    """Work over many rows that a request started and that continues in the background: `done` and `failed` of `total`
    so far, `failures` by reason. `endpoint_version`: only of a REDRIVE. `refused`: the first 50 jobs that a PAUSE,
    RESUME, CANCEL or TRIGGER was refused for: job, code, detail. A DELETION deletes the workspace itself: while it is
    RUNNING, `status_reason` names what is being deleted."""

    operation_id: UUID
    workspace: str
    kind: OperationKind
    status: OperationStatus
    status_reason: JsonObject | None
    filter: JsonObject
    endpoint_version: EndpointChoice | None
    per_second: int | None
    total: int
    done: int
    failed: int
    failures: JsonObject
    created_at: datetime
    completed_at: datetime | None
    refused: Json  # a list


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A config, payload spec or calendar at its current version, as the database stores all three."""

    document_id: UUID
    workspace: str
    name: str
    version: int
    content: Json
    created_at: datetime
    updated_at: datetime
    jobs_left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedDocument(Document):
    """See ListedEndpoint."""

    _more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A named JSON object, whose values are available to the templates of the endpoints that name it."""

    config_id: UUID
    workspace: str
    name: str
    version: int
    values: JsonObject
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadSpec:
    """A JSON Schema (2020-12) that validates the inputs of jobs whose endpoints name it."""

    payload_spec_id: UUID
    workspace: str
    name: str
    version: int
    schema: JsonObject | bool
    created_at: datetime
    updated_at: datetime
