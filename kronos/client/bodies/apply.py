"""What the API takes: apply. Made by bin/client out of the API's document."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Required, TypedDict

from kronos.client.bodies.calendars import CalendarCreate
from kronos.client.bodies.configs import ConfigCreate
from kronos.client.bodies.endpoints import EndpointCreate
from kronos.client.bodies.heartbeats import HeartbeatCreate
from kronos.client.bodies.jobs import Callback, CatchUp, FailureCallback
from kronos.client.bodies.payload_specs import PayloadSpecCreate
from kronos.client.bodies.words import AlertSeverity, DstGap, DstOverlap, Overlap


class AlertCondition(TypedDict, total=False):
    """When a rule is broken. FAILURES: `count` runs in a row failed. FAILURE_RATE: `percent` of the last
    `runs`, or of those of the last `window_seconds`, where there were `min_runs`. MISSED: `count`
    ticks in a row had no run. LATE: a run began, or waits still, more than `seconds` after it was
    due. RUNNING: one takes more than `seconds`, or more than `factor` times what 95 of 100 of the
    job's last fifty took. NO_SUCCESS: none succeeded for `seconds`."""

    type: Required[Literal["FAILURES", "FAILURE_RATE", "MISSED", "LATE", "RUNNING", "NO_SUCCESS"]]
    """What breaks it."""
    count: int | None
    """So many in a row."""
    percent: int | None
    """So many of 100 failed."""
    runs: int | None
    """Of the last so many."""
    window_seconds: int | None
    """Of those of the last so many seconds."""
    min_runs: int | None
    """Of fewer it says nothing; by default runs, or 1."""
    seconds: int | None
    """Longer than that."""
    factor: float | None
    """Longer than so many times what is usual."""


class AlertSelector(TypedDict, total=False):
    """Which runs a rule is about: a job's, those of the jobs and heartbeats with a tag, of an endpoint, a
    heartbeat's; without any all of the workspace."""

    job: str | None
    """A job's name, or the id of its first version."""
    tag: str | None
    """Jobs with this tag."""
    endpoint: str | None
    """What goes to this endpoint."""
    heartbeat: str | None
    """What this heartbeat says; of a tag those with it, too."""


class AlertRuleCreate(TypedDict, total=False):
    """A rule to be made."""

    condition: Required[AlertCondition]
    """When it is broken."""
    selects: AlertSelector
    """Which runs it is about; {}: all."""
    per: Literal["JOB", "ALL"]
    """JOB: each CRON job by itself. ALL: all that is selected together, one-shots too."""
    tell: Sequence[str]
    """Endpoints that are told."""
    severity: AlertSeverity
    """How bad it is."""
    recovered: bool
    """They are told when it is over, too."""
    repeat_seconds: int | None
    """What nobody acknowledges is said again so often; null: once."""
    enabled: bool
    """Whether it is judged."""
    name: Required[str]
    """Its name in URLs; never changes."""


class SecretRef(TypedDict, total=False):
    """A secret that has to be there. Its value never stands in a file."""

    name: Required[str]
    """Its name in the workspace."""


class JobFile(TypedDict, total=False):
    """A CRON job as a file has it, by its name. `cron` or `every`, exactly one of them; what is not written
    has its default."""

    name: Required[str]
    """What it is known by among the workspace's live jobs."""
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


class ApplyBody(TypedDict, total=False):
    """What a workspace is to have, and what is done about it."""

    set: str
    """The set that these files are: what they do not have any more may be pruned, what is of other sets or
    was made by hand never is."""
    secrets: Sequence[SecretRef]
    """Secrets that have to be there."""
    configs: Sequence[ConfigCreate]
    """Configs."""
    payload_specs: Sequence[PayloadSpecCreate]
    """Payload specs."""
    calendars: Sequence[CalendarCreate]
    """Calendars."""
    endpoints: Sequence[EndpointCreate]
    """Endpoints."""
    jobs: Sequence[JobFile]
    """CRON jobs."""
    heartbeats: Sequence[HeartbeatCreate]
    """Heartbeats. The ping URL of one that is made is shown to nobody: rotate gives it one."""
    alert_rules: Sequence[AlertRuleCreate]
    """Alert rules."""
    prune: bool
    """Remove what is the set's and does not stand here any more, other than secrets."""
    take_over: bool
    """What stands here and is of another set becomes this set's; else it is refused."""
