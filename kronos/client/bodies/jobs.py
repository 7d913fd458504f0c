"""What the API takes: jobs. Made by bin/client out of the API's document."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Required, TypedDict

from kronos.client.bodies.words import BulkAction, DstGap, DstOverlap, JobTrigger, Overlap


class Callback(TypedDict, total=False):
    """What happens when a job's run ends. Exactly one of `endpoint` and `job`; `input` requires `job`."""

    endpoint: str | None
    """Endpoint that receives the result, as a separate delivery."""
    job: str | None
    """Name of a live CRON job to run once."""
    input: Literal["own", "run"] | None
    """`own`: the job's own input (default). `run`: the run's result."""


class CatchUp(TypedDict, total=False):
    """What happens to missed ticks."""

    policy: Literal["SKIP", "LATEST", "ALL"]
    """Which missed ticks run."""
    window_seconds: int
    """Older ticks do not run."""


class FailureCallback(TypedDict, total=False):
    """What happens when a job's run fails: a Callback, and the statuses it applies to."""

    endpoint: str | None
    """Endpoint that receives the result, as a separate delivery."""
    job: str | None
    """Name of a live CRON job to run once."""
    input: Literal["own", "run"] | None
    """`own`: the job's own input (default). `run`: the run's result."""
    statuses: Sequence[Literal["FAILED", "EXPIRED", "CANCELLED"]] | None
    """Statuses that trigger it. Default: FAILED and EXPIRED."""


class JobCreate(TypedDict, total=False):
    """A job to create.

    CRON takes exactly one of `cron` and `every`; `anchor` requires `every`. DELAYED takes `run_at`; a
    local `run_at`, without an offset, requires `timezone`. IMMEDIATE takes none of these. Fields
    marked CRON or DELAYED are rejected with any other trigger. `ends_at` must be after `starts_at`.
    Times must be in the years 1970 to 2999. Texts must not contain U+0000 or be blank.
    """

    name: str | None
    """Name, unique among the workspace's live jobs."""
    title: str | None
    """Display name: any text on one line."""
    endpoint: Required[str]
    """Name of the endpoint."""
    cron: str | None
    """CRON: five fields, in pg_cron's syntax."""
    every: str | None
    """CRON: interval, instead of `cron`."""
    anchor: datetime | str | None
    """CRON: start of the interval's grid; defaults to now. A time without an offset is local to `timezone`,
    and the intervals then follow that zone's clocks."""
    timezone: str | None
    """CRON: time zone of the schedule; defaults to UTC. DELAYED: time zone of a local run_at."""
    starts_at: datetime | str | None
    """CRON: no tick before this time."""
    ends_at: datetime | str | None
    """CRON: no tick at or after this time."""
    max_runs: int | None
    """CRON: retired after this many ticks."""
    dst_gap: DstGap | None
    """What to do when a tick's local time does not exist. Default: SHIFT. DELAYED with a local run_at: not
    SKIP."""
    dst_overlap: DstOverlap | None
    """What to do when a tick's local time occurs twice. Default: FIRST. DELAYED with a local run_at: not
    BOTH."""
    jitter_seconds: int | None
    """CRON: spread deliveries over up to this many seconds. Default: 0."""
    spread: str | None
    """CRON: how far a run may be moved after its tick to even out the load, at most one hour. null: not at
    all."""
    overlap: Overlap | None
    """CRON: what to do with a tick while the previous run is in progress. Default: ALLOW."""
    catch_up: CatchUp | None
    """CRON: what happens to missed ticks."""
    calendars: Sequence[str] | None
    """CRON: names of calendars. A tick that any of them closes does not run at its time."""
    on_blackout: Literal["SKIP", "NEXT", "PREVIOUS"] | None
    """CRON: what happens to such a tick. SKIP (the default): it does not run. NEXT or PREVIOUS: it runs at
    the same local time on the next or previous open day."""
    input: Mapping[str, Any]
    """Values for the endpoint's templates."""
    tags: Sequence[str]
    """Tags to find the job by."""
    on_success: Callback | None
    """What happens after a run succeeds: a delivery to an endpoint, or a run of a CRON job."""
    on_failure: FailureCallback | None
    """What happens after a run fails for good. With `statuses`, cancelled runs can be included."""
    deadline_seconds: int | None
    """Seconds within which an execution must be delivered, counted from its tick, run_at or creation. After
    that it is EXPIRED and no longer sent."""
    priority: int
    """Among the endpoint's due executions, higher priorities are delivered first. Each step counts as much
    as a minute of waiting."""
    trigger: Required[JobTrigger]
    """When the job runs."""
    run_at: datetime | str | None
    """DELAYED: when the job runs. A time without an offset is local to `timezone`; the job keeps that local
    time if the zone's rules change."""
    idempotency_key: str | None
    """A repeated key returns the job created first."""


class JobBatch(TypedDict, total=False):
    """Jobs to create together."""

    jobs: Required[Sequence[JobCreate]]
    """Each job as POST …/jobs takes it, including its `idempotency_key`."""
    atomic: bool
    """true: all jobs are created, or none. false: each job is created separately, and a job that cannot be
    created has a problem in its place in the response."""


class JobSelection(TypedDict, total=False):
    """Filters for jobs, as in GET …/jobs. Omitted filters match every job."""

    endpoint: str | None
    """Jobs of this endpoint."""
    trigger: JobTrigger | None
    """Jobs with this trigger."""
    status: Literal["ACTIVE", "PAUSED", "RETIRED", "COMPLETED", "LIVE"] | None
    """Jobs in this status. LIVE: ACTIVE or PAUSED."""
    tag: str | None
    """Jobs with this tag."""
    q: str | None
    """Same as `q` of GET …/jobs."""
    created_after: datetime | str | None
    """Jobs created after this time."""
    created_before: datetime | str | None
    """Jobs created before this time."""


class JobBulk(TypedDict, total=False):
    """An action on many jobs. Exactly one of `jobs` and `filter`: the jobs listed, or all jobs that match
    the filter and can take the action (pause: ACTIVE CRON jobs; resume: PAUSED ones; trigger: both;
    cancel: also one-shots)."""

    action: Required[BulkAction]
    """Action for each job."""
    jobs: Sequence[str] | None
    """Ids or names of the jobs."""
    filter: JobSelection | None
    """Filters; {} matches all jobs."""
    note: str | None
    """pause: reason, shown to other people."""
    pause_until: datetime | str | None
    """pause: when the jobs resume automatically."""
    idempotency_key: str | None
    """trigger: a repeated key runs no job twice."""
    limit: int
    """Maximum jobs in this call."""
    cursor: str | None
    """`next_cursor` of the previous call, with the same body."""


class JobOperation(TypedDict, total=False):
    """An operation on all jobs that match `filter` and can take the action, as in JobBulk."""

    action: Required[BulkAction]
    """Action for each job."""
    filter: Required[JobSelection]
    """Filters; {} matches all jobs."""
    note: str | None
    """pause: reason, shown to other people."""
    pause_until: datetime | str | None
    """pause: when the jobs resume automatically."""
    per_second: int | None
    """Maximum jobs per second; null: no limit."""
    at_most: int | None
    """Do nothing if more jobs match. Use the count that `validate_only` of jobs:bulk returned."""


class JobPatch(TypedDict, total=False):
    """Changes to a CRON job. null clears a field that may be empty. A document from GET may be sent back
    whole: equal values change nothing, and read-only fields are ignored as long as they are as GET
    returned them.

    At least one field is required. `cron` and `every` replace each other, so give at most one. `anchor`
    requires a job with `every`. `ends_at` must be after `starts_at`.
    """

    name: str | None
    """Name; null: none."""
    title: str | None
    """Display name; null: none."""
    endpoint: str
    """Name of the endpoint."""
    cron: str
    """Five fields, in pg_cron's syntax."""
    every: str
    """Interval, instead of `cron`."""
    anchor: datetime | str
    """Start of the interval's grid. A time without an offset is local to `timezone`."""
    timezone: str
    """Time zone of the schedule."""
    starts_at: datetime | str | None
    """No tick before this time; null: from now on."""
    ends_at: datetime | str | None
    """No tick at or after this time; null: no end."""
    max_runs: int | None
    """Retire the job after this many ticks; null: never."""
    dst_gap: DstGap
    """What to do when a tick's local time does not exist."""
    dst_overlap: DstOverlap
    """What to do when a tick's local time occurs twice."""
    jitter_seconds: int
    """Spread deliveries over up to this many seconds."""
    spread: str | None
    """How far a run may be moved after its tick; null: not at all."""
    offset_seconds: int
    """Seconds by which each run is moved, within `spread`. GET …/load/plan proposes values."""
    overlap: Overlap
    """What to do with a tick while the previous run is in progress."""
    catch_up: CatchUp
    input: Mapping[str, Any]
    """Replaces the whole input."""
    tags: Sequence[str]
    """Replaces all tags."""
    on_success: Callback | None
    """What happens after a run succeeds; null: nothing."""
    on_failure: FailureCallback | None
    """What happens after a run fails for good; null: nothing."""
    deadline_seconds: int | None
    """Deadline of future executions, in seconds; null: none."""
    priority: int
    """For executions from now on. Those already waiting keep theirs."""
    calendars: Sequence[str]
    """Names of calendars. Replaces the whole list."""
    on_blackout: Literal["SKIP", "NEXT", "PREVIOUS"]
    """What happens to a tick that a calendar closes."""


class JobPause(TypedDict, total=False):
    """Why a job is paused, and for how long. If the job is already paused, the given values replace the old
    ones; null clears a value."""

    note: str | None
    """Reason, shown to other people."""
    until: datetime | str | None
    """When it resumes automatically; null: only by a call."""


class JobSkipNext(TypedDict, total=False):
    """How many upcoming ticks of a job to skip."""

    count: Required[int]
    """Replaces the number set before; 0: none."""


class TriggerRequest(TypedDict, total=False):
    """One run outside the schedule."""

    input: Mapping[str, Any] | None
    """Instead of the job's own input."""
    priority: int | None
    """Instead of the job's own priority."""
    deadline_seconds: int | None
    """Seconds from now within which the run must be delivered, instead of the job's own deadline. After that
    it is no longer sent."""
