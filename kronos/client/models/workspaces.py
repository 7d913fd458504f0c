"""What the API answers: workspaces. Made by bin/client out of the API's document."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from kronos.client.bodies.words import WorkspaceStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What would be deleted with a workspace. Each kind is counted up to `counted_up_to`."""

    workspace: str
    is_empty: bool
    counted_up_to: int
    contents: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """A workspace's limits; `version` is the workspace's."""

    max_cron_jobs: int | None
    max_executions_per_day: int | None
    max_input_bytes: int | None
    max_concurrency: int | None
    max_alarms_per_minute: int | None
    max_heartbeats: int | None
    max_alert_rules: int | None
    workspace: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """How much of a limit is used. limit null: there is none; used null: it is not counted without a limit.
    resets_at: when it is 0 again."""

    used: int | None
    limit: int | None
    resets_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """A workspace's use of its quotas."""

    workspace: str
    cron_jobs: Used
    executions_per_day: Used
    input_bytes: Used
    concurrency: Used
    alarms_per_minute: Used
    heartbeats: Used
    alert_rules: Used


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A tenant. `version` counts its changes. `jobs_left` of its CRON jobs still have to follow its last
    suspension or resumption. `in_flight` of `max_concurrency` deliveries are in progress; both are
    null if there is no limit."""

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
