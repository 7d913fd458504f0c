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
    """When a rule is broken.

    FAILURES: `count` runs in a row failed. FAILURE_RATE: `percent` of the last `runs` failed, or of the
    runs in the last `window_seconds`, if there were at least `min_runs`. MISSED: `count` ticks in a
    row had no run. LATE: a run started, or still waits, more than `seconds` after it was due.
    RUNNING: a run takes more than `seconds`, or more than `factor` times the 95th percentile of the
    job's last fifty runs. NO_SUCCESS: no run succeeded for `seconds`.
    """

    type: Required[Literal["FAILURES", "FAILURE_RATE", "MISSED", "LATE", "RUNNING", "NO_SUCCESS"]]
    """Type of the condition."""
    count: int | None
    """How many in a row."""
    percent: int | None
    """Percentage that failed."""
    runs: int | None
    """How many last runs count."""
    window_seconds: int | None
    """Consider the runs of this many last seconds."""
    min_runs: int | None
    """Minimum runs. Defaults to `runs`, or to 1."""
    seconds: int | None
    """Time limit."""
    factor: float | None
    """Multiple of the usual duration."""


class AlertSelector(TypedDict, total=False):
    """Which runs a rule covers: those of a job, of the jobs and heartbeats with a tag, of an endpoint or a
    heartbeat. Without a selector, all runs of the workspace."""

    job: str | None
    """A job's name, or the id of its first version."""
    tag: str | None
    """Jobs with this tag."""
    endpoint: str | None
    """Runs delivered to this endpoint."""
    heartbeat: str | None
    """Runs of this heartbeat. A tag selects heartbeats too."""


class AlertRuleCreate(TypedDict, total=False):
    """A rule to create."""

    condition: Required[AlertCondition]
    """When it is broken."""
    selects: AlertSelector
    """Which runs it covers; {}: all."""
    per: Literal["JOB", "ALL"]
    """JOB: judge each CRON job separately. ALL: judge all selected runs together, including one-shots."""
    tell: Sequence[str]
    """Endpoints to notify."""
    severity: AlertSeverity
    """Severity."""
    recovered: bool
    """Whether to notify when the incident is over."""
    repeat_seconds: int | None
    """Repeat the notification this often until the incident is acknowledged; null: notify once."""
    enabled: bool
    """Whether the rule is judged."""
    name: Required[str]
    """Name in URLs. Never changes."""


class SecretRef(TypedDict, total=False):
    """A secret that must exist. Its value is never in a file."""

    name: Required[str]
    """Name in the workspace."""


class JobFile(TypedDict, total=False):
    """A CRON job in a file, identified by its name. Exactly one of `cron` and `every`. Omitted fields take
    their defaults."""

    name: Required[str]
    """Name that identifies the job among the workspace's live jobs."""
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


class ApplyBody(TypedDict, total=False):
    """The resources that a workspace should have, and how to apply them."""

    set: str
    """The set that these files form. Resources of the set that the files no longer contain can be pruned.
    Resources of other sets or made by hand are never pruned."""
    secrets: Sequence[SecretRef]
    """Secrets that must exist."""
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
    """Heartbeats. The ping URL of a new heartbeat is not shown: rotate it to get one."""
    alert_rules: Sequence[AlertRuleCreate]
    """Alert rules."""
    prune: bool
    """Remove resources of the set that are not in this file, except secrets."""
    take_over: bool
    """Resources in this file that belong to another set become this set's. Otherwise they are rejected."""
