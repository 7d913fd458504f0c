"""What an apply takes and returns: the resources that files hold, and the outcome of each."""

from collections.abc import Callable, Sequence
from dataclasses import field
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
from kronos.records import dataclass

Change = Literal["created", "changed", "unchanged", "removed"]
MOST_OF_A_KIND = 1_000
"""Resources of one kind that one set of files may hold, since one transaction changes them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedResource:
    """A resource as the files describe it. `fields`: all its fields, with defaults, to compare with the server's.
    `made`: the argument of its operation; for a document, its content."""

    kind: Kind
    name: str
    pointer: str
    fields: JsonObject
    made: NewEndpoint | NewJob | NewCalendar | Expectation | NewRule | Json

    @property
    def key(self) -> Name:
        """What identifies the resource."""
        return self.kind, self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedWorkspace:
    """What a workspace should hold. `secrets`: secrets that must exist, with their pointers. `take_over`: also change
    resources of another set. `may_configure`: whether the caller may change more than jobs."""

    set_name: str
    resources: Sequence[WantedResource]
    secrets: Sequence[tuple[str, str]]
    prune: bool
    take_over: bool
    is_trial: bool
    may_configure: bool
    shown_endpoint: Callable[[Endpoint], JsonObject]
    """Returns an existing endpoint with the fields of `WantedResource`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDifference:
    """A field, as a JSON pointer, whose value on the server differs from the files. `is_drift`: it was changed on the
    server since files were last applied."""

    field: str
    before: Json
    after: Json
    is_drift: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceDrift:
    """A change to a managed resource that did not come from files: who made the last one, when and how, if the audit
    still has it."""

    actor: str | None
    at: datetime | None
    action: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedResource:
    """The outcome for a resource. `is_adopted`: it existed, and belongs to the set from now on. `runs`: how the runs of
    a job change in the next 7 days. If a changed calendar moves the runs of very many jobs, only the first jobs have
    it."""

    kind: Kind
    name: str
    change: Change
    is_adopted: bool
    fields: list[FieldDifference]
    drift: ResourceDrift | None
    runs: FireDiff | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftResource:
    """A resource of the set that is no longer in the files: prune would remove it."""

    kind: Kind
    name: str


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
class LoadAfter:
    """The workspace's load in the next 7 days: its busiest minute before, and its ten busiest minutes after, next to
    the measured rates of pg_cron and of one worker on two cores. `warnings`: what exceeds them."""

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
    """The outcome for one resource, as far as it is known."""

    wanted: WantedResource
    present: JsonObject | None = None
    """Its fields as they are on the server."""
    changes: list[FieldDifference] = field(default_factory=list)
    is_adopted: bool = False
    drift: ResourceDrift | None = None
    runs: FireDiff | None = None
    is_refused: bool = False
    is_paused: bool = False
    """A job that has no runs until it is resumed by hand, whatever its schedule becomes."""

    @property
    def change(self) -> Change:
        """The outcome in one word."""
        if self.present is None:
            return "created"
        return "changed" if self.changes else "unchanged"
