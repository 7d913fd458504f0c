"""What apply is asked for and what it answers: the resources that files hold, and what becomes of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from kronos.alerts import NewRule
from kronos.beats import Expectation
from kronos.calendars import NewCalendar
from kronos.endpoints import NewEndpoint
from kronos.fire_diffs import FireDiff
from kronos.load import BusyMinute
from kronos.managed import Kind, Name
from kronos.model import Endpoint, Json, JsonObject
from kronos.new_jobs import NewJob

Change = Literal["created", "changed", "unchanged", "removed"]
MOST_OF_A_KIND = 1_000
"""Resources of one kind that one set of files may hold: what they change is one transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedResource:
    """A resource as files have it. `fields`: all that can be said of it, with defaults, to be compared with what is
    there; `made`: as its operation takes it, of a document its content."""

    kind: Kind
    name: str
    pointer: str
    fields: JsonObject
    made: NewEndpoint | NewJob | NewCalendar | Expectation | NewRule | Json

    @property
    def key(self) -> Name:
        """What it is known by."""
        return self.kind, self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedWorkspace:
    """What is to be in a workspace. `secrets`: those that have to be there, with their pointers; `take_over`:
    what is of another set too; `may_configure`: whether the caller may change more than jobs."""

    set_name: str
    resources: Sequence[WantedResource]
    secrets: Sequence[tuple[str, str]]
    prune: bool
    take_over: bool
    is_trial: bool
    may_configure: bool
    shown_endpoint: Callable[[Endpoint], JsonObject]
    """An endpoint that is there, by the fields that `WantedResource` has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDifference:
    """A field that the server has otherwise than the files, as a JSON pointer. `is_drift`: it was changed on the server
    since files were applied last."""

    field: str
    before: Json
    after: Json
    is_drift: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceDrift:
    """What was changed of a managed resource without files; who did it last, how and when, as far as the audit is
    kept."""

    actor: str | None
    at: datetime | None
    action: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedResource:
    """What becomes of a resource. `is_adopted`: it was there, and is the set's from now on. `runs`: of a job whose runs
    of the coming 7 days become others; of very many, whose calendars move each minute, the first."""

    kind: Kind
    name: str
    change: Change
    is_adopted: bool
    fields: list[FieldDifference]
    drift: ResourceDrift | None
    runs: FireDiff | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftResource:
    """A resource of the set that the files do not have any more: prune would remove it."""

    kind: Kind
    name: str


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
class LoadAfter:
    """What the workspace's jobs are going to do within 7 days: the busiest minute as it was and the ten busiest after,
    against what was measured of pg_cron and of one worker on two cores. `warnings`: what is too much."""

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
    secrets: list[JsonObject]
    configs: list[JsonObject]
    payload_specs: list[JsonObject]
    calendars: list[JsonObject]
    endpoints: list[JsonObject]
    jobs: list[JsonObject]
    heartbeats: list[JsonObject]
    alert_rules: list[JsonObject]


@dataclass(slots=True)
class ResourceOutcome:
    """What becomes of one resource, as far as it is known."""

    wanted: WantedResource
    present: JsonObject | None = None
    """Its fields as they are on the server."""
    changes: list[FieldDifference] = field(default_factory=list)
    is_adopted: bool = False
    drift: ResourceDrift | None = None
    runs: FireDiff | None = None
    is_refused: bool = False
    is_paused: bool = False
    """A job that has no runs before somebody resumes it, whatever its schedule becomes."""

    @property
    def change(self) -> Change:
        """In a word."""
        if self.present is None:
            return "created"
        return "changed" if self.changes else "unchanged"
