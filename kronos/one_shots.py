"""New one-shots that are their executions, as the API shows them: built from the request, without a query to read them
back."""

from dataclasses import fields
from datetime import datetime
from uuid import UUID

from kronos.model import CronTerms, Job, Json, JsonObject, Trigger
from kronos.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class OneShot:
    """The fields that PostgreSQL adds to the nth one-shot of a request."""

    nth: int
    job_id: UUID
    endpoint_type: str
    max_attempts: int
    created_at: datetime
    run_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedOneShot(OneShot):
    """With its workspace's slug."""

    workspace: str


def document(
    made: OneShot,
    *,
    workspace: str,
    endpoint: str,
    trigger: Trigger,
    input: Json,
    priority: int,
    created_by: JsonObject | None,
) -> JsonObject:
    """Return a new one as a job is shown: the fields of kronos.model.Job, in their order."""
    created_at = _written(made.created_at)
    at = created_at if made.run_at == made.created_at else _written(made.run_at)
    job, execution = _ONE_SHOT.copy(), _EXECUTION.copy()
    job["job_id"] = made.job_id
    execution["job_id"] = execution["execution_id"] = str(made.job_id)
    job["workspace"] = execution["workspace"] = workspace
    job["endpoint"] = execution["endpoint"] = endpoint
    job["endpoint_type"] = execution["endpoint_type"] = made.endpoint_type
    job["input"] = execution["input"] = input
    job["trigger"] = trigger
    job["priority"] = priority
    job["run_at"] = None if made.run_at == made.created_at else made.run_at
    job["created_at"] = made.created_at
    job["execution"] = execution
    execution["status"] = "QUEUED" if made.run_at <= made.created_at else "PENDING"
    execution["scheduled_at"] = execution["run_at"] = at
    execution["max_attempts"] = made.max_attempts
    execution["created_at"] = created_at
    execution["created_by"] = created_by
    return job


def _written(at: datetime) -> str:
    """Format an instant as kronos.iso does. A session's instants are in UTC."""
    return at.isoformat().removesuffix("+00:00") + "Z"


_TERMS = CronTerms()
_ONE_SHOT: JsonObject = {
    **{each.name: getattr(_TERMS, each.name, None) for each in fields(Job)},
    **{"status": "ACTIVE", "version": 1, "timezone": None, "skip_next": 0},
    "catch_up": {"policy": _TERMS.catch_up_policy, "window_seconds": _TERMS.catch_up_window_seconds},
}
_EXECUTION: JsonObject = {
    "execution_id": None, "job_id": None, "job_name": None, "workspace": None, "endpoint": None,
    "endpoint_type": None, "cause": "API", "status": None, "status_reason": None, "scheduled_at": None,
    "run_at": None, "started_at": None, "completed_at": None, "duration_ms": None, "attempt_count": 0,
    "max_attempts": None, "tick_count": 1, "input": None, "output": None, "error": None, "worker_id": None,
    "created_at": None, "created_by": None,
}  # fmt: skip
