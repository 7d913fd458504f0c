"""What the API takes: alerts. Made by bin/client out of the API's document."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Required, TypedDict

from kronos.client.bodies.words import AlertSeverity


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


class AlertRulePut(TypedDict, total=False):
    """A rule without its name, which stands in the path."""

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


class IncidentAcknowledge(TypedDict, total=False):
    """Somebody has it."""

    note: str | None
    """For people who wonder later."""


class IncidentSnooze(TypedDict, total=False):
    """For how long it is not said again: `until` or `seconds`; with neither it is said as before."""

    until: datetime | str | None
    """Until then."""
    seconds: int | None
    """From now, for so many seconds."""
