"""What the API answers: executions. Made by bin/client out of the API's document."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from kronos.client.bodies.words import AttemptStatus, EndpointType, ExecutionCause, ExecutionStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try to deliver an execution."""

    attempt_number: int
    status: AttemptStatus
    started_at: datetime
    completed_at: datetime | None
    duration_ms: int | None
    request: dict[str, Any] | None
    response: dict[str, Any] | None
    error: dict[str, Any] | None
    worker_id: str
    endpoint_version: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One time that a job was due. `caused_by`: the run whose end caused this one, with its job and the
    event. `callbacks`: what its own end caused, with the outcome. `created_by`: who created a one-
    shot: `actor`, and for a request `key_id` and `request_id`."""

    execution_id: UUID
    job_id: UUID
    job_name: str | None
    workspace: str
    endpoint: str
    endpoint_type: EndpointType
    cause: ExecutionCause
    status: ExecutionStatus
    status_reason: dict[str, Any] | None
    scheduled_at: datetime
    run_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    duration_ms: int | None
    attempt_count: int
    max_attempts: int
    tick_count: int
    input: dict[str, Any]
    output: Any
    error: dict[str, Any] | None
    worker_id: str | None
    created_at: datetime
    created_by: dict[str, Any] | None
    caused_by: dict[str, Any] | None
    callbacks: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """An event in the life of an execution."""

    at: datetime
    level: Literal["INFO", "WARNING"]
    message: str
