"""What the API takes: jobs. Made by bin/client out of the API's document."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Required, TypedDict

from kronos.client.bodies.words import BulkAction, DstGap, DstOverlap, JobTrigger, Overlap


class Callback(TypedDict, total=False):
    """What the end of a job's run sets off: `endpoint` or `job`, exactly one of them; `input` goes with
    `job`."""

    endpoint: str | None
    """It gets what happened, as a delivery of its own."""
    job: str | None
    """The name of a live CRON job, which is run once."""
    input: Literal["own", "run"] | None
    """Of a job: its own input, by default, or what happened."""


class CatchUp(TypedDict, total=False):
    """What happens to ticks that were missed."""

    policy: Literal["SKIP", "LATEST", "ALL"]
    """Which of them run."""
    window_seconds: int
    """Older ones do not run."""


class FailureCallback(TypedDict, total=False):
    """What the failure of a job's run sets off: as Callback, and for which ends."""

    endpoint: str | None
    """It gets what happened, as a delivery of its own."""
    job: str | None
    """The name of a live CRON job, which is run once."""
    input: Literal["own", "run"] | None
    """Of a job: its own input, by default, or what happened."""
    statuses: Sequence[Literal["FAILED", "EXPIRED", "CANCELLED"]] | None
    """FAILED and EXPIRED by default."""


class JobCreate(TypedDict, total=False):
    """A job to be made.

    trigger CRON takes `cron` or `every`, exactly one of them; `anchor` goes with `every`. DELAYED takes
    `run_at`; a local one, without an offset, takes `timezone` too. IMMEDIATE takes none of these.
    What is marked CRON or DELAYED is refused with another trigger. `ends_at` is after `starts_at`.
    Instants are of the years 1970 to 2999. Texts hold no U+0000 and are not blank.
    """

    name: str | None
    """A name, unique among the workspace's live jobs."""
    title: str | None
    """Its name for people: any text of one line."""
    endpoint: Required[str]
    """The name of the endpoint."""
    cron: str | None
    """CRON: five fields, as pg_cron has them."""
    every: str | None
    """CRON: an interval, in place of cron."""
    anchor: datetime | str | None
    """CRON: what the interval is counted from; now. Without an offset: a local time of the zone, on whose
    clocks it counts."""
    timezone: str | None
    """CRON: the zone of the expression; UTC by default. DELAYED: that of a local run_at."""
    starts_at: datetime | str | None
    """CRON: no tick before."""
    ends_at: datetime | str | None
    """CRON: no tick from then on."""
    max_runs: int | None
    """CRON: retired after this many ticks."""
    dst_gap: DstGap | None
    """For a local time that is not there; SHIFT. DELAYED, with a local run_at: not SKIP."""
    dst_overlap: DstOverlap | None
    """For one that is there twice; FIRST. DELAYED, with a local run_at: not BOTH."""
    jitter_seconds: int | None
    """CRON: spreads deliveries over up to this many seconds; 0."""
    spread: str | None
    """CRON: how far a run may be moved after its tick where that evens out the load, an hour at most; null:
    not at all."""
    overlap: Overlap | None
    """CRON: a tick while the run before is under way; ALLOW."""
    catch_up: CatchUp | None
    """CRON: ticks that were missed."""
    calendars: Sequence[str] | None
    """CRON: names of calendars; a tick that one of them closes does not run at its time."""
    on_blackout: Literal["SKIP", "NEXT", "PREVIOUS"] | None
    """CRON: what becomes of such a tick: SKIP, by default, or a run at the same local time of the NEXT or
    PREVIOUS day that is open."""
    input: Mapping[str, Any]
    """What templates are filled with."""
    tags: Sequence[str]
    """Words to find it by."""
    on_success: Callback | None
    """What a run that succeeded sets off: a delivery to an endpoint, or a run of a CRON job."""
    on_failure: FailureCallback | None
    """What a run that failed for good sets off, and with `statuses` one that was cancelled."""
    deadline_seconds: int | None
    """An execution that was not delivered within so long of its tick, its run_at or its creation is EXPIRED,
    and not sent any more."""
    priority: int
    """Of the endpoint's due executions the higher ones are delivered first. A step is worth a minute of
    waiting."""
    trigger: Required[JobTrigger]
    """When it runs."""
    run_at: datetime | str | None
    """DELAYED: when it runs. Without an offset: a local time of the timezone, which it keeps when the zone's
    rules change."""
    idempotency_key: str | None
    """Same key, same job."""


class JobBatch(TypedDict, total=False):
    """Jobs to be made together."""

    jobs: Required[Sequence[JobCreate]]
    """Each as POST …/jobs takes it, its `idempotency_key` too."""
    atomic: bool
    """All are made or none; false: each for itself, and one that cannot be made is a problem in its place of
    the answer."""


class JobSelection(TypedDict, total=False):
    """Which jobs: as the filters of GET …/jobs; what is absent is not asked."""

    endpoint: str | None
    """Of this endpoint."""
    trigger: JobTrigger | None
    """With this trigger."""
    status: Literal["ACTIVE", "PAUSED", "RETIRED", "COMPLETED", "LIVE"] | None
    """In this status; LIVE: ACTIVE or PAUSED."""
    tag: str | None
    """With this tag."""
    q: str | None
    """As q of GET …/jobs."""
    created_after: datetime | str | None
    """Created later."""
    created_before: datetime | str | None
    """Created earlier."""


class JobBulk(TypedDict, total=False):
    """What is done to many jobs: to those in `jobs`, or to all that `filter` lets through and that the
    action is for (pause: ACTIVE CRON jobs; resume: PAUSED ones; trigger: both; cancel: one-shots
    too): one of them is given."""

    action: Required[BulkAction]
    """What is done to each."""
    jobs: Sequence[str] | None
    """Their ids or names."""
    filter: JobSelection | None
    """Which jobs; {}: all."""
    note: str | None
    """pause: for people who wonder later."""
    pause_until: datetime | str | None
    """pause: when they resume by themselves."""
    idempotency_key: str | None
    """trigger: the same key runs no job twice."""
    limit: int
    """As many jobs in this call."""
    cursor: str | None
    """next_cursor of the call before, with the same body."""


class JobOperation(TypedDict, total=False):
    """What an operation does to all jobs that `filter` lets through and that the action is for, as in
    JobBulk."""

    action: Required[BulkAction]
    """What is done to each."""
    filter: Required[JobSelection]
    """Which jobs; {}: all."""
    note: str | None
    """pause: for people who wonder later."""
    pause_until: datetime | str | None
    """pause: when they resume by themselves."""
    per_second: int | None
    """At most so many a second; null: as fast as it goes."""
    at_most: int | None
    """Where more jobs match nothing is begun: what validate_only of jobs:bulk counted."""


class JobPatch(TypedDict, total=False):
    """The changes to a CRON job; null resets what may be without a value. What GET gives may be sent back
    whole: what is equal is no change, and what cannot be changed is ignored as long as it is as GET
    gives it.

    At least one field is given. `cron` and `every` take each other's place, so one of them at most;
    `anchor` is of a job with `every`. `ends_at` is after `starts_at`.
    """

    name: str | None
    """Null: none."""
    title: str | None
    """Its name for people; null: none."""
    endpoint: str
    """The name of the endpoint."""
    cron: str
    """Five fields, as pg_cron has them."""
    every: str
    """An interval, in place of cron."""
    anchor: datetime | str
    """What it is counted from; without an offset, on the zone's clocks."""
    timezone: str
    """The zone of the expression."""
    starts_at: datetime | str | None
    """No tick before; null: from now on."""
    ends_at: datetime | str | None
    """No tick from then on; null: no end."""
    max_runs: int | None
    """Retired after this many ticks; null: never."""
    dst_gap: DstGap
    """A local time that does not exist."""
    dst_overlap: DstOverlap
    """A local time that there is twice."""
    jitter_seconds: int
    """Spreads deliveries over up to this many seconds."""
    spread: str | None
    """How far a run may be moved after its tick; null: not at all."""
    offset_seconds: int
    """By how much each run is moved, within `spread`: GET …/load/plan has one."""
    overlap: Overlap
    """A tick while the run before is under way."""
    catch_up: CatchUp
    """Ticks that were missed."""
    input: Mapping[str, Any]
    """Replaces the whole input."""
    tags: Sequence[str]
    """Replaces all tags."""
    on_success: Callback | None
    """What a run that succeeded sets off; null: nothing."""
    on_failure: FailureCallback | None
    """What a run that failed for good sets off; null: nothing."""
    deadline_seconds: int | None
    """Of the executions to come; null: none."""
    priority: int
    """Of its executions from now on; those that wait keep theirs."""
    calendars: Sequence[str]
    """Names of calendars, in place of those before."""
    on_blackout: Literal["SKIP", "NEXT", "PREVIOUS"]
    """A tick that one of them closes: SKIP, NEXT or PREVIOUS."""


class JobPause(TypedDict, total=False):
    """Why a job is paused, and for how long. Of a job that is paused already, what is given replaces what
    was; null takes it away."""

    note: str | None
    """For people who wonder later."""
    until: datetime | str | None
    """When it resumes by itself; null: only by a call."""


class JobSkipNext(TypedDict, total=False):
    """How many of a job's ticks to come are skipped."""

    count: Required[int]
    """Replaces the number that was set before; 0: none."""


class TriggerRequest(TypedDict, total=False):
    """One run beside the schedule."""

    input: Mapping[str, Any] | None
    """In place of the job's own."""
    priority: int | None
    """In place of the job's own."""
    deadline_seconds: int | None
    """In place of the job's own: what was not delivered so long after now is not sent any more."""
