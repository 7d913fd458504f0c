"""What the API answers: apply. Made by bin/client out of the API's document."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from kronos.client.models.jobs import FireDiff
from kronos.client.models.overview import BusyMinute


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeCounts:
    """How many resources were created, changed, left unchanged and removed."""

    created: int
    changed: int
    unchanged: int
    removed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCounts:
    """How many runs of the next 7 days are added, removed and moved, over all jobs."""

    added: int
    removed: int
    moved: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDifference:
    """A field, as a JSON pointer, whose value on the server differs from the files. `is_drift`: it was
    changed on the server since files were last applied."""

    field: str
    before: Any
    after: Any
    is_drift: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceDrift:
    """A change to a managed resource that did not come from files: who made the last one, when and how, if
    the audit still has it."""

    actor: str | None
    at: datetime | None
    action: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedResource:
    """The outcome for a resource. `is_adopted`: it existed, and belongs to the set from now on. `runs`: how
    the runs of a job change in the next 7 days. If a changed calendar moves the runs of very many
    jobs, only the first jobs have it."""

    kind: Literal["config", "payload_spec", "calendar", "endpoint", "job", "heartbeat", "alert_rule"]
    name: str
    change: Literal["created", "changed", "unchanged", "removed"]
    is_adopted: bool
    fields: list[FieldDifference]
    drift: ResourceDrift | None
    runs: FireDiff | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftResource:
    """A resource of the set that is no longer in the files: prune would remove it."""

    kind: Literal["config", "payload_spec", "calendar", "endpoint", "job", "heartbeat", "alert_rule"]
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadAfter:
    """The workspace's load in the next 7 days: its busiest minute before, and its ten busiest minutes after,
    next to the measured rates of pg_cron and of one worker on two cores. `warnings`: what exceeds
    them."""

    busiest_before: BusyMinute | None
    busiest: list[BusyMinute]
    pg_cron_per_minute: int
    worker_per_minute: int
    warnings: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What an apply did or, if it was only validated, would do."""

    workspace: str
    set: str
    is_applied: bool
    counts: ChangeCounts
    runs: RunCounts
    resources: list[AppliedResource]
    left: list[LeftResource]
    load: LoadAfter


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedFile:
    """What a workspace has, as a file describes it. Default values are left out of each resource."""

    set: str
    secrets: list[dict[str, Any]]
    configs: list[dict[str, Any]]
    payload_specs: list[dict[str, Any]]
    calendars: list[dict[str, Any]]
    endpoints: list[dict[str, Any]]
    jobs: list[dict[str, Any]]
    heartbeats: list[dict[str, Any]]
    alert_rules: list[dict[str, Any]]
