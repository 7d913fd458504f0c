"""What requests about jobs, their runs and their schedules may hold, field by field: bounds, defaults, and an example
for documentation and hints."""

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
    """What happens to ticks that were missed."""

    policy: Literal["SKIP", "LATEST", "ALL"] = Field(
        default="LATEST", description="Which of them run.", examples=["LATEST"]
    )
    window_seconds: int = Field(
        default=3600, ge=0, le=31 * 24 * 3600, description="Older ones do not run.", examples=[3600]
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
    """What the end of a job's run sets off: `endpoint` or `job`, exactly one of them; `input` goes with `job`."""

    endpoint: EndpointName | None = Field(
        default=None, description="It gets what happened, as a delivery of its own.", examples=["on-call"]
    )
    job: JobName | None = Field(
        default=None, description="The name of a live CRON job, which is run once.", examples=["load-warehouse"]
    )
    input: Literal["own", "run"] | None = Field(
        default=None, description="Of a job: its own input, by default, or what happened.", examples=["run"]
    )


class FailureCallback(Callback):
    """What the failure of a job's run sets off: as Callback, and for which ends."""

    statuses: Annotated[list[Literal["FAILED", "EXPIRED", "CANCELLED"]], Field(min_length=1, max_length=3)] | None = (
        Field(default=None, description="FAILED and EXPIRED by default.", examples=[["FAILED"]])
    )


class _JobFields(Body):
    """What is said of a job, by a call or by a file."""

    name: JobName | None = Field(
        default=None, description="A name, unique among the workspace's live jobs.", examples=["weekly-report"]
    )
    title: Title | None = Field(
        default=None, description="Its name for people: any text of one line.", examples=["Weekly report, Mondays"]
    )
    endpoint: EndpointName = Field(description="The name of the endpoint.", examples=["weekly-report"])
    cron: Cron | None = Field(
        default=None, description="CRON: five fields, as pg_cron has them.", examples=["0 9 * * 1"]
    )
    every: _Every | None = Field(default=None, description="CRON: an interval, in place of cron.", examples=["90m"])
    anchor: TimeOrLocal | None = Field(
        default=None,
        description="CRON: what the interval is counted from; now. Without an offset: a local time of the zone, on "
        "whose clocks it counts.",
        examples=["2026-12-01T00:00:00Z"],
    )
    timezone: Zone | None = Field(
        default=None,
        description="CRON: the zone of the expression; UTC by default. DELAYED: that of a local run_at.",
        examples=["UTC"],
    )
    starts_at: Time | None = Field(default=None, description="CRON: no tick before.", examples=["2026-12-01T00:00:00Z"])
    ends_at: Time | None = Field(
        default=None, description="CRON: no tick from then on.", examples=["2027-12-01T00:00:00Z"]
    )
    max_runs: Int32 | None = Field(default=None, description="CRON: retired after this many ticks.", examples=[100])
    dst_gap: _Gap | None = Field(
        default=None,
        description="For a local time that is not there; SHIFT. DELAYED, with a local run_at: not SKIP.",
        examples=["SHIFT"],
    )
    dst_overlap: _Overlap | None = Field(
        default=None,
        description="For one that is there twice; FIRST. DELAYED, with a local run_at: not BOTH.",
        examples=["FIRST"],
    )
    jitter_seconds: _Jitter | None = Field(
        default=None, description="CRON: spreads deliveries over up to this many seconds; 0.", examples=[30]
    )
    spread: _Spread | None = Field(
        default=None,
        description="CRON: how far a run may be moved after its tick where that evens out the load, an hour at most; "
        "null: not at all.",
        examples=["5m"],
    )
    overlap: Overlap | None = Field(
        default=None, description="CRON: a tick while the run before is under way; ALLOW.", examples=["ALLOW"]
    )
    catch_up: CatchUp | None = Field(
        default=None,
        description="CRON: ticks that were missed.",
        examples=[{"policy": "LATEST", "window_seconds": 3600}],
    )
    calendars: _Calendars | None = Field(
        default=None,
        description="CRON: names of calendars; a tick that one of them closes does not run at its time.",
        examples=[["holidays"]],
    )
    on_blackout: OnBlackout | None = Field(
        default=None,
        description="CRON: what becomes of such a tick: SKIP, by default, or a run at the same local time of the NEXT "
        "or PREVIOUS day that is open.",
        examples=["NEXT"],
    )
    input: Input = Field(default_factory=dict, description="What templates are filled with.", examples=[{"id": 7}])
    tags: _Tags = Field(default_factory=list, description="Words to find it by.", examples=[["reports"]])
    on_success: Callback | None = Field(
        default=None,
        description="What a run that succeeded sets off: a delivery to an endpoint, or a run of a CRON job.",
        examples=[{"job": "load-warehouse", "input": "run"}],
    )
    on_failure: FailureCallback | None = Field(
        default=None,
        description="What a run that failed for good sets off, and with `statuses` one that was cancelled.",
        examples=[{"endpoint": "on-call"}],
    )
    deadline_seconds: _Deadline | None = Field(
        default=None,
        description="An execution that was not delivered within so long of its tick, its run_at or its creation is "
        "EXPIRED, and not sent any more.",
        examples=[900],
    )
    priority: _Priority = Field(
        default=0,
        description="Of the endpoint's due executions the higher ones are delivered first. A step is worth a minute of "
        "waiting.",
        examples=[5],
    )


class JobCreate(_JobFields):
    """A job to be made.

    trigger CRON takes `cron` or `every`, exactly one of them; `anchor` goes with `every`. DELAYED takes `run_at`; a
    local one, without an offset, takes `timezone` too. IMMEDIATE takes none of these. What is marked CRON or DELAYED is
    refused with another trigger. `ends_at` is after `starts_at`. Instants are of the years 1970 to 2999. Texts hold no
    U+0000 and are not blank.
    """

    trigger: Trigger = Field(description="When it runs.", examples=["CRON"])
    run_at: TimeOrLocal | None = Field(
        default=None,
        description="DELAYED: when it runs. Without an offset: a local time of the timezone, which it keeps when the "
        "zone's rules change.",
        examples=["2026-12-01T09:00:00Z"],
    )
    idempotency_key: IdempotencyKey | None = Field(
        default=None, description="Same key, same job.", examples=["order-17"]
    )


class JobFile(_JobFields):
    """A CRON job as a file has it, by its name. `cron` or `every`, exactly one of them; what is not written has its
    default."""

    name: JobName = Field(
        description="What it is known by among the workspace's live jobs.", examples=["weekly-report"]
    )


class JobBatch(Body):
    """Jobs to be made together."""

    jobs: list[JobCreate] = Field(
        min_length=1,
        max_length=MOST_JOBS,
        description="Each as POST …/jobs takes it, its `idempotency_key` too.",
        examples=[[{"endpoint": "weekly-report", "trigger": "IMMEDIATE", "input": {"id": 7}}]],
    )
    atomic: bool = Field(
        default=True,
        description="All are made or none; false: each for itself, and one that cannot be made is a problem in its "
        "place of the answer.",
        examples=[True],
    )


class JobPatch(Body):
    """The changes to a CRON job; null resets what may be without a value. What GET gives may be sent back whole: what
    is equal is no change, and what cannot be changed is ignored as long as it is as GET gives it.

    At least one field is given. `cron` and `every` take each other's place, so one of them at most; `anchor` is of a
    job with `every`. `ends_at` is after `starts_at`.
    """

    name: JobName | None = Field(default=None, description="Null: none.", examples=["weekly-report"])
    title: Title | None = Field(
        default=None, description="Its name for people; null: none.", examples=["Weekly report, Mondays"]
    )
    endpoint: EndpointName = Field(
        default_factory=str, description="The name of the endpoint.", examples=["weekly-report"]
    )
    cron: Cron = Field(default_factory=str, description="Five fields, as pg_cron has them.", examples=["0 9 * * 1"])
    every: _Every = Field(default_factory=str, description="An interval, in place of cron.", examples=["90m"])
    anchor: TimeOrLocal = Field(
        default_factory=CLOCK.now,
        description="What it is counted from; without an offset, on the zone's clocks.",
        examples=["2026-12-01T00:00:00Z"],
    )
    timezone: Zone = Field(default="UTC", description="The zone of the expression.", examples=["UTC"])
    starts_at: Time | None = Field(
        default=None, description="No tick before; null: from now on.", examples=["2026-12-01T00:00:00Z"]
    )
    ends_at: Time | None = Field(
        default=None, description="No tick from then on; null: no end.", examples=["2027-12-01T00:00:00Z"]
    )
    max_runs: Int32 | None = Field(
        default=None, description="Retired after this many ticks; null: never.", examples=[100]
    )
    dst_gap: _Gap = Field(default="SHIFT", description="A local time that does not exist.", examples=["SHIFT"])
    dst_overlap: _Overlap = Field(default="FIRST", description="A local time that there is twice.", examples=["FIRST"])
    jitter_seconds: _Jitter = Field(
        default=0, description="Spreads deliveries over up to this many seconds.", examples=[30]
    )
    spread: _Spread | None = Field(
        default=None, description="How far a run may be moved after its tick; null: not at all.", examples=["5m"]
    )
    offset_seconds: _Offset = Field(
        default=0,
        description="By how much each run is moved, within `spread`: GET …/load/plan has one.",
        examples=[120],
    )
    overlap: Overlap = Field(
        default="ALLOW", description="A tick while the run before is under way.", examples=["ALLOW"]
    )
    catch_up: CatchUp = Field(
        default_factory=lambda: CatchUp(), description="Ticks that were missed.", examples=[{"policy": "LATEST"}]
    )
    input: Input = Field(default_factory=dict, description="Replaces the whole input.", examples=[{"id": 7}])
    tags: _Tags = Field(default_factory=list, description="Replaces all tags.", examples=[["reports"]])
    on_success: Callback | None = Field(
        default=None, description="What a run that succeeded sets off; null: nothing.", examples=[{"job": "load"}]
    )
    on_failure: FailureCallback | None = Field(
        default=None,
        description="What a run that failed for good sets off; null: nothing.",
        examples=[{"endpoint": "on-call"}],
    )
    deadline_seconds: _Deadline | None = Field(
        default=None, description="Of the executions to come; null: none.", examples=[900]
    )
    priority: _Priority = Field(
        default=0, description="Of its executions from now on; those that wait keep theirs.", examples=[5]
    )
    calendars: _Calendars = Field(
        default_factory=list, description="Names of calendars, in place of those before.", examples=[["holidays"]]
    )
    on_blackout: OnBlackout = Field(
        default="SKIP", description="A tick that one of them closes: SKIP, NEXT or PREVIOUS.", examples=["NEXT"]
    )


class JobPause(Body):
    """Why a job is paused, and for how long. Of a job that is paused already, what is given replaces what was; null
    takes it away."""

    note: Note | None = Field(default=None, description="For people who wonder later.", examples=["until the audit"])
    until: Time | None = Field(
        default=None, description="When it resumes by itself; null: only by a call.", examples=["2026-12-01T00:00:00Z"]
    )


class JobSkipNext(Body):
    """How many of a job's ticks to come are skipped."""

    count: int = Field(ge=0, le=10_000, description="Replaces the number that was set before; 0: none.", examples=[1])


class JobTrigger(Body):
    """One run beside the schedule."""

    input: Input | None = Field(default=None, description="In place of the job's own.", examples=[{"id": 7}])
    priority: _Priority | None = Field(default=None, description="In place of the job's own.", examples=[5])
    deadline_seconds: _Deadline | None = Field(
        default=None,
        description="In place of the job's own: what was not delivered so long after now is not sent any more.",
        examples=[600],
    )


class BackfillCreate(Body):
    """A past window whose ticks are to be run: [`from`, `to`), so `to` is after `from`."""

    from_: Time = Field(alias="from", description="Its first tick is not before.", examples=["2026-11-01T00:00:00Z"])
    to: Time = Field(description="Its last tick is before; not in the future.", examples=["2026-11-08T00:00:00Z"])
    max_active: int = Field(
        default=10, ge=1, le=1000, description="Executions of it that may be unfinished at once.", examples=[10]
    )
    include: list[TickOutcome] = Field(
        default=["MISSED", "SKIPPED", "CANCELLED"],
        min_length=1,
        max_length=4,
        description="Which ticks it takes, by what had become of them. FAILED: the run is due again, under its own id "
        "and key. "
        "MISSED: also those of which nothing had become.",
        examples=[["FAILED"]],
    )
    validate_only: bool = Field(default=False, description="Only count the ticks: nothing is written.", examples=[True])
    priority: _Priority | None = Field(
        default=None, description="Of its executions, in place of the job's own.", examples=[-5]
    )


class SchedulePreview(Body):
    """A schedule to be looked at: `cron` or `every`, exactly one of them; `anchor` goes with `every`, and a local one
    with `timezone`."""

    cron: Cron | None = Field(default=None, description="Five fields, as pg_cron has them.", examples=["0 9 * * 1"])
    every: _Every | None = Field(default=None, description="An interval, in place of cron.", examples=["90m"])
    anchor: TimeOrLocal | None = Field(
        default=None,
        description="What the interval is counted from; now. Without an offset, on the zone's clocks.",
        examples=["2026-12-01T00:00:00Z"],
    )
    timezone: Zone = Field(default="UTC", description="The zone of the expression.", examples=["UTC"])
    after: Time | None = Field(
        default=None, description="Runs are strictly later; now by default.", examples=["2026-12-01T00:00:00Z"]
    )
    count: int = Field(default=10, ge=1, le=100, description="How many runs.", examples=[10])
    dst_gap: _Gap = Field(default="SHIFT", description="A local time that does not exist.", examples=["SHIFT"])
    dst_overlap: _Overlap = Field(default="FIRST", description="A local time that there is twice.", examples=["FIRST"])


class ClosedSchedulePreview(SchedulePreview):
    """A schedule to be looked at with calendars."""

    calendars: _Calendars = Field(default_factory=list, description="Names of calendars.", examples=[["holidays"]])
    on_blackout: OnBlackout = Field(
        default="SKIP", description="A tick that one of them closes: SKIP, NEXT or PREVIOUS.", examples=["NEXT"]
    )


class ScheduleSentence(Body):
    """A schedule in plain English."""

    sentence: Annotated[Text, Field(max_length=MOST_CHARACTERS)] = Field(
        description="When it runs.", examples=["every weekday at 9:30"]
    )
    timezone: Zone = Field(default="UTC", description="The zone of its times.", examples=["UTC"])
    count: int = Field(default=10, ge=1, le=100, description="How many runs to foresee.", examples=[10])
