"""What the API answers: apply. Made by bin/client out of the API's document."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from kronos.client.models.jobs import FireDiff
from kronos.client.models.overview import BusyMinute


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeCounts:
    """How many resources become what."""

    created: int
    changed: int
    unchanged: int
    removed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCounts:
    """The runs of the coming 7 days that are added, removed and moved, of all jobs together."""

    added: int
    removed: int
    moved: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDifference:
    """A field that the server has otherwise than the files, as a JSON pointer. `is_drift`: it was changed on
    the server since files were applied last."""

    field: str
    before: Any
    after: Any
    is_drift: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceDrift:
    """What was changed of a managed resource without files; who did it last, how and when, as far as the
    audit is kept."""

    actor: str | None
    at: datetime | None
    action: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedResource:
    """What becomes of a resource. `is_adopted`: it was there, and is the set's from now on. `runs`: of a job
    whose runs of the coming 7 days become others; of very many, whose calendars move each minute, the
    first."""

    kind: Literal["config", "payload_spec", "calendar", "endpoint", "job", "heartbeat", "alert_rule"]
    name: str
    change: Literal["created", "changed", "unchanged", "removed"]
    is_adopted: bool
    fields: list[FieldDifference]
    drift: ResourceDrift | None
    runs: FireDiff | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftResource:
    """A resource of the set that the files do not have any more: prune would remove it."""

    kind: Literal["config", "payload_spec", "calendar", "endpoint", "job", "heartbeat", "alert_rule"]
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadAfter:
    """What the workspace's jobs are going to do within 7 days: the busiest minute as it was and the ten
    busiest after, against what was measured of pg_cron and of one worker on two cores. `warnings`:
    what is too much."""

    busiest_before: BusyMinute | None
    busiest: list[BusyMinute]
    pg_cron_per_minute: int
    worker_per_minute: int
    warnings: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What an apply did, or, where it was only to be validated, would do."""

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
    """What a workspace has, as a file says it: what is as by default is left out of each resource."""

    set: str
    secrets: list[dict[str, Any]]
    configs: list[dict[str, Any]]
    payload_specs: list[dict[str, Any]]
    calendars: list[dict[str, Any]]
    endpoints: list[dict[str, Any]]
    jobs: list[dict[str, Any]]
    heartbeats: list[dict[str, Any]]
    alert_rules: list[dict[str, Any]]
