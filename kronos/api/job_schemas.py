"""Request bodies for jobs, runs and schedules, field by field: bounds, defaults, and an example that the documentation
and hints show."""

from typing import Annotated, Literal

from pydantic import Field

from kronos.api.fields import (
    Body,
    CalendarName,
    Cron,
    EndpointName,
    IdempotencyKey,
    Input,
    Int32,
    JobName,
    Listing,
    Note,
    Tag,
    Text,
    Time,
    TimeOrLocal,
    Title,
    Zone,
)
from kronos.batches import MOST_JOBS
from kronos.model import OnBlackout, Overlap, TickOutcome, Trigger
from kronos.sentences import MOST_CHARACTERS
from kronos.server_time import CLOCK

_Gap = Literal["SHIFT", "SHIFT_BY_GAP", "SKIP"]
_Overlap = Literal["FIRST", "BOTH"]


class CatchUp(Body):
    """What happens to missed ticks."""

    policy: Literal["SKIP", "LATEST", "ALL"] = Field(
        default="LATEST", description="Which missed ticks run.", examples=["LATEST"]
    )
    window_seconds: int = Field(
        default=3600, ge=0, le=31 * 24 * 3600, description="Older ticks do not run.", examples=[3600]
    )


_Every = Annotated[str, Field(min_length=1, max_length=32)]
_Tags = Annotated[list[Tag], Field(max_length=20)]
_Jitter = Annotated[int, Field(ge=0, le=3600)]
_Spread = Annotated[str, Field(pattern=r"^([1-9][0-9]{0,2}s|([1-9]|[1-5][0-9]|60)m|1h)$")]
_Offset = Annotated[int, Field(ge=0, le=3600)]
_Deadline = Annotated[int, Field(ge=1, le=31 * 24 * 3600)]
_Calendars = Annotated[list[CalendarName], Field(max_length=10)]
_Priority = Annotated[int, Field(ge=-10, le=10)]


class Callback(Body):
    """What happens when a job's run ends. Exactly one of `endpoint` and `job`; `input` requires `job`."""

    endpoint: EndpointName | None = Field(
        default=None, description="Endpoint that receives a description of the run.", examples=["on-call"]
    )
    job: JobName | None = Field(
        default=None, description="Name of a live CRON job to run once.", examples=["load-warehouse"]
    )
    input: Literal["own", "run"] | None = Field(
        default=None,
        description="`own`: the job's own input (default). `run`: a description of the run.",
        examples=["run"],
    )


class FailureCallback(Callback):
    """What happens when a job's run fails: a Callback, and the statuses it applies to."""

    statuses: Annotated[list[Literal["FAILED", "EXPIRED", "CANCELLED"]], Field(min_length=1, max_length=3)] | None = (
        Field(default=None, description="Statuses that trigger it. Default: FAILED and EXPIRED.", examples=[["FAILED"]])
    )


class _JobFields(Body):
    """The fields of a job, in a request or in a file."""

    name: JobName | None = Field(
        default=None, description="Name, unique among the workspace's live jobs.", examples=["weekly-report"]
    )
    title: Title | None = Field(
        default=None, description="Display name: any text on one line.", examples=["Weekly report, Mondays"]
    )
    endpoint: EndpointName = Field(description="Name of the endpoint.", examples=["weekly-report"])
    cron: Cron | None = Field(
        default=None, description="CRON: five fields, in pg_cron's syntax.", examples=["0 9 * * 1"]
    )
    every: _Every | None = Field(default=None, description="CRON: interval, instead of `cron`.", examples=["90m"])
    anchor: TimeOrLocal | None = Field(
        default=None,
        description="CRON: start of the interval's grid; defaults to now. A time without an offset is local to "
        "`timezone`, and the intervals then follow that zone's clocks.",
        examples=["2026-12-01T00:00:00Z"],
    )
    timezone: Zone | None = Field(
        default=None,
        description="CRON: time zone of the schedule; defaults to UTC. DELAYED: time zone of a local run_at.",
        examples=["UTC"],
    )
    starts_at: Time | None = Field(
        default=None, description="CRON: no tick before this time.", examples=["2026-12-01T00:00:00Z"]
    )
    ends_at: Time | None = Field(
        default=None, description="CRON: no tick at or after this time.", examples=["2027-12-01T00:00:00Z"]
    )
    max_runs: Int32 | None = Field(default=None, description="CRON: retired after this many runs.", examples=[100])
    dst_gap: _Gap | None = Field(
        default=None,
        description="What to do when a tick's local time does not exist. Default: SHIFT. DELAYED with a local "
        "run_at: not SKIP.",
        examples=["SHIFT"],
    )
    dst_overlap: _Overlap | None = Field(
        default=None,
        description="What to do when a tick's local time occurs twice. Default: FIRST. DELAYED with a local "
        "run_at: not BOTH.",
        examples=["FIRST"],
    )
    jitter_seconds: _Jitter | None = Field(
        default=None, description="CRON: spread deliveries over up to this many seconds. Default: 0.", examples=[30]
    )
    spread: _Spread | None = Field(
        default=None,
        description="CRON: how far a run may be moved after its tick to even out the load, at most one hour. null: "
        "not at all.",
        examples=["5m"],
    )
    overlap: Overlap | None = Field(
        default=None,
        description="CRON: what to do with a tick while the previous run is in progress. Default: ALLOW.",
        examples=["ALLOW"],
    )
    catch_up: CatchUp | None = Field(
        default=None,
        description="CRON: what happens to missed ticks.",
        examples=[{"policy": "LATEST", "window_seconds": 3600}],
    )
    calendars: _Calendars | None = Field(
        default=None,
        description="CRON: names of calendars. A tick that any of them closes does not run at its time.",
        examples=[["holidays"]],
    )
    on_blackout: OnBlackout | None = Field(
        default=None,
        description="CRON: what happens to such a tick. SKIP (the default): it does not run. NEXT or PREVIOUS: it runs "
        "at the same local time on the next or previous open day.",
        examples=["NEXT"],
    )
    input: Input = Field(default_factory=dict, description="Values for the endpoint's templates.", examples=[{"id": 7}])
    tags: _Tags = Field(default_factory=list, description="Tags to find the job by.", examples=[["reports"]])
    on_success: Callback | None = Field(
        default=None,
        description="What happens after a run succeeds: a delivery to an endpoint, or a run of a CRON job.",
        examples=[{"job": "load-warehouse", "input": "run"}],
    )
    on_failure: FailureCallback | None = Field(
        default=None,
        description="What happens after a run fails for good. With `statuses`, cancelled runs can be included.",
        examples=[{"endpoint": "on-call"}],
    )
    deadline_seconds: _Deadline | None = Field(
        default=None,
        description="Seconds within which an execution must be delivered, counted from its tick, run_at or creation. "
        "After that it is EXPIRED and no longer sent.",
        examples=[900],
    )
    priority: _Priority = Field(
        default=0,
        description="Among the endpoint's due executions, higher priorities are delivered first. Each step counts as "
        "much as a minute of waiting.",
        examples=[5],
    )


class JobCreate(_JobFields):
    """A job to create.

    CRON takes exactly one of `cron` and `every`; `anchor` requires `every`. DELAYED takes `run_at`; a local `run_at`,
    without an offset, requires `timezone`. IMMEDIATE takes none of these. Fields marked CRON or DELAYED are rejected
    with any other trigger. `ends_at` must be after `starts_at`. Times must be in the years 1970 to 2999. Texts must not
    contain U+0000 or be blank.
    """

    trigger: Trigger = Field(description="When the job runs.", examples=["CRON"])
    run_at: TimeOrLocal | None = Field(
        default=None,
        description="DELAYED: when the job runs. A time without an offset is local to `timezone`; the job keeps that "
        "local time if the zone's rules change.",
        examples=["2026-12-01T09:00:00Z"],
    )
    idempotency_key: IdempotencyKey | None = Field(
        default=None, description="A repeated key returns the job created first.", examples=["order-17"]
    )


class JobFile(_JobFields):
    """A CRON job in a file, identified by its name. Exactly one of `cron` and `every`. Omitted fields take their
    defaults."""

    name: JobName = Field(
        description="Name that identifies the job among the workspace's live jobs.", examples=["weekly-report"]
    )


class JobBatch(Listing):
    """Jobs to create together."""

    jobs: list[JobCreate] = Field(
        min_length=1,
        max_length=MOST_JOBS,
        description="Each job as POST …/jobs takes it, including its `idempotency_key`.",
        examples=[[{"endpoint": "weekly-report", "trigger": "IMMEDIATE", "input": {"id": 7}}]],
    )
    atomic: bool = Field(
        default=True,
        description="true: all jobs are created, or none. false: each job is created separately, and a job that cannot "
        "be created has a problem in its place in the response.",
        examples=[True],
    )


class JobPatch(Body):
    """Changes to a CRON job. null clears a field that may be empty. A document from GET may be sent back whole: equal
    values change nothing, and read-only fields are ignored as long as they are as GET returned them.

    At least one field is required. `cron` and `every` replace each other, so give at most one. `anchor` requires a job
    with `every`. `ends_at` must be after `starts_at`.
    """

    name: JobName | None = Field(default=None, description="Name; null: none.", examples=["weekly-report"])
    title: Title | None = Field(
        default=None, description="Display name; null: none.", examples=["Weekly report, Mondays"]
    )
    endpoint: EndpointName = Field(default_factory=str, description="Name of the endpoint.", examples=["weekly-report"])
    cron: Cron = Field(default_factory=str, description="Five fields, in pg_cron's syntax.", examples=["0 9 * * 1"])
    every: _Every = Field(default_factory=str, description="Interval, instead of `cron`.", examples=["90m"])
    anchor: TimeOrLocal = Field(
        default_factory=CLOCK.now,
        description="Start of the interval's grid. A time without an offset is local to `timezone`.",
        examples=["2026-12-01T00:00:00Z"],
    )
    timezone: Zone = Field(default="UTC", description="Time zone of the schedule.", examples=["UTC"])
    starts_at: Time | None = Field(
        default=None, description="No tick before this time; null: from now on.", examples=["2026-12-01T00:00:00Z"]
    )
    ends_at: Time | None = Field(
        default=None, description="No tick at or after this time; null: no end.", examples=["2027-12-01T00:00:00Z"]
    )
    max_runs: Int32 | None = Field(
        default=None, description="Retire the job after this many runs; null: never.", examples=[100]
    )
    dst_gap: _Gap = Field(
        default="SHIFT", description="What to do when a tick's local time does not exist.", examples=["SHIFT"]
    )
    dst_overlap: _Overlap = Field(
        default="FIRST", description="What to do when a tick's local time occurs twice.", examples=["FIRST"]
    )
    jitter_seconds: _Jitter = Field(
        default=0, description="Spread deliveries over up to this many seconds.", examples=[30]
    )
    spread: _Spread | None = Field(
        default=None, description="How far a run may be moved after its tick; null: not at all.", examples=["5m"]
    )
    offset_seconds: _Offset = Field(
        default=0,
        description="Seconds by which each run is moved, within `spread`. GET …/load/plan proposes values.",
        examples=[120],
    )
    overlap: Overlap = Field(
        default="ALLOW", description="What to do with a tick while the previous run is in progress.", examples=["ALLOW"]
    )
    catch_up: CatchUp = Field(
        default_factory=lambda: CatchUp(), description="What happens to missed ticks.", examples=[{"policy": "LATEST"}]
    )
    input: Input = Field(default_factory=dict, description="Replaces the whole input.", examples=[{"id": 7}])
    tags: _Tags = Field(default_factory=list, description="Replaces all tags.", examples=[["reports"]])
    on_success: Callback | None = Field(
        default=None, description="What happens after a run succeeds; null: nothing.", examples=[{"job": "load"}]
    )
    on_failure: FailureCallback | None = Field(
        default=None,
        description="What happens after a run fails for good; null: nothing.",
        examples=[{"endpoint": "on-call"}],
    )
    deadline_seconds: _Deadline | None = Field(
        default=None, description="Deadline of future executions, in seconds; null: none.", examples=[900]
    )
    priority: _Priority = Field(
        default=0, description="For executions from now on. Those already waiting keep theirs.", examples=[5]
    )
    calendars: _Calendars = Field(
        default_factory=list, description="Names of calendars. Replaces the whole list.", examples=[["holidays"]]
    )
    on_blackout: OnBlackout = Field(
        default="SKIP", description="What happens to a tick that a calendar closes.", examples=["NEXT"]
    )


class JobPause(Body):
    """Why a job is paused, and for how long. If the job is already paused, the given values replace the old ones; null
    clears a value."""

    note: Note | None = Field(default=None, description="Reason, shown to other people.", examples=["until the audit"])
    until: Time | None = Field(
        default=None,
        description="When it resumes automatically; null: only by a call.",
        examples=["2026-12-01T00:00:00Z"],
    )


class JobSkipNext(Body):
    """How many upcoming ticks of a job to skip."""

    count: int = Field(ge=0, le=10_000, description="Replaces the number set before; 0: none.", examples=[1])


class JobTrigger(Body):
    """One run outside the schedule."""

    input: Input | None = Field(default=None, description="Instead of the job's own input.", examples=[{"id": 7}])
    priority: _Priority | None = Field(default=None, description="Instead of the job's own priority.", examples=[5])
    deadline_seconds: _Deadline | None = Field(
        default=None,
        description="Seconds from now within which the run must be delivered, instead of the job's own deadline. After "
        "that it is no longer sent.",
        examples=[600],
    )


class BackfillCreate(Body):
    """A past window whose ticks to run: [`from`, `to`), so `to` must be after `from`."""

    from_: Time = Field(alias="from", description="Start of the window, inclusive.", examples=["2026-11-01T00:00:00Z"])
    to: Time = Field(description="End of the window, exclusive; not in the future.", examples=["2026-11-08T00:00:00Z"])
    max_active: int = Field(
        default=10, ge=1, le=1000, description="Maximum unfinished executions of the backfill.", examples=[10]
    )
    include: list[TickOutcome] = Field(
        default=["MISSED", "SKIPPED", "CANCELLED"],
        min_length=1,
        max_length=4,
        description="Which ticks to run, by their outcome. FAILED: the execution becomes due again, under its own id "
        "and key. MISSED: includes ticks that have no recorded outcome.",
        examples=[["FAILED"]],
    )
    validate_only: bool = Field(default=False, description="Only count the ticks. Nothing is written.", examples=[True])
    priority: _Priority | None = Field(
        default=None, description="Priority of the backfill's executions, instead of the job's own.", examples=[-5]
    )


class SchedulePreview(Body):
    """A schedule to preview. Exactly one of `cron` and `every`; `anchor` requires `every`, and a local `anchor`
    requires `timezone`."""

    cron: Cron | None = Field(default=None, description="Five fields, in pg_cron's syntax.", examples=["0 9 * * 1"])
    every: _Every | None = Field(default=None, description="Interval, instead of `cron`.", examples=["90m"])
    anchor: TimeOrLocal | None = Field(
        default=None,
        description="Start of the interval's grid; defaults to now. A time without an offset is local to `timezone`, "
        "and the intervals then follow that zone's clocks.",
        examples=["2026-12-01T00:00:00Z"],
    )
    timezone: Zone = Field(default="UTC", description="Time zone of the schedule.", examples=["UTC"])
    after: Time | None = Field(
        default=None,
        description="Runs are strictly later than this; defaults to now.",
        examples=["2026-12-01T00:00:00Z"],
    )
    count: int = Field(default=10, ge=1, le=100, description="How many runs to return.", examples=[10])
    dst_gap: _Gap = Field(
        default="SHIFT", description="What to do when a tick's local time does not exist.", examples=["SHIFT"]
    )
    dst_overlap: _Overlap = Field(
        default="FIRST", description="What to do when a tick's local time occurs twice.", examples=["FIRST"]
    )


class ClosedSchedulePreview(SchedulePreview):
    """A schedule to preview with calendars."""

    calendars: _Calendars = Field(default_factory=list, description="Names of calendars.", examples=[["holidays"]])
    on_blackout: OnBlackout = Field(
        default="SKIP", description="What happens to a tick that a calendar closes.", examples=["NEXT"]
    )


class ScheduleSentence(Body):
    """A schedule as an English sentence."""

    sentence: Annotated[Text, Field(max_length=MOST_CHARACTERS)] = Field(
        description="When the job runs.", examples=["every weekday at 9:30"]
    )
    timezone: Zone = Field(default="UTC", description="Time zone of the sentence's times.", examples=["UTC"])
    count: int = Field(default=10, ge=1, le=100, description="How many runs to preview.", examples=[10])
