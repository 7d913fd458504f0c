"""One-shots that are their executions, as they are shown once they are made: of what was asked for, without asking
PostgreSQL for it again."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kronos.model import Json, JsonObject, Trigger


@dataclass(frozen=True, slots=True, kw_only=True)
class OneShot:
    """What PostgreSQL adds to one; the nth of those that were asked for."""

    nth: int
    job_id: UUID
    endpoint_type: str
    max_attempts: int
    created_at: datetime
    run_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedOneShot(OneShot):
    """The same, with its workspace's slug."""

    workspace: str


def document(
    made: OneShot, *, workspace: str, endpoint: str, trigger: Trigger, input: Json, priority: int
) -> JsonObject:
    """A new one, as a job is shown: the fields of kronos.model.Job, in their order."""
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
    return job


def _written(at: datetime) -> str:
    """As kronos.iso writes an instant. A session's are in UTC."""
    return at.isoformat().removesuffix("+00:00") + "Z"


_ONE_SHOT: JsonObject = {
    "job_id": None, "name": None, "title": None, "workspace": None, "endpoint": None, "endpoint_type": None,
    "trigger": None, "status": "ACTIVE", "status_reason": None, "version": 1, "previous_version_id": None,
    "replaced_by_id": None, "cron": None, "every": None, "anchor": None, "anchor_local": None, "timezone": None,
    "description": None, "starts_at": None, "ends_at": None, "max_runs": None, "dst_gap": "SHIFT",
    "dst_overlap": "FIRST", "jitter_seconds": 0, "overlap": "ALLOW",
    "catch_up": {"policy": "LATEST", "window_seconds": 3600}, "skip_next": 0, "resume_at": None,
    "next_run_at": None, "last_run_at": None, "pg_cron": None, "idempotency_key": None, "run_at": None,
    "run_at_local": None, "input": None, "priority": 0, "tags": [], "created_at": None, "retired_at": None,
    "execution": None, "on_success": None, "on_failure": None, "deadline_seconds": None,
}  # fmt: skip
_EXECUTION: JsonObject = {
    "execution_id": None, "job_id": None, "job_name": None, "workspace": None, "endpoint": None,
    "endpoint_type": None, "cause": "API", "status": None, "status_reason": None, "scheduled_at": None,
    "run_at": None, "started_at": None, "completed_at": None, "duration_ms": None, "attempt_count": 0,
    "max_attempts": None, "tick_count": 1, "input": None, "output": None, "error": None, "worker_id": None,
    "created_at": None,
}  # fmt: skip
