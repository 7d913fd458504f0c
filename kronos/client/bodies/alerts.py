"""What the API takes: alerts. Made by bin/client out of the API's document."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Required, TypedDict

from kronos.client.bodies.apply import AlertCondition, AlertSelector
from kronos.client.bodies.words import AlertSeverity


class AlertRulePut(TypedDict, total=False):
    """A rule without its name, which is in the path."""

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


class IncidentAcknowledge(TypedDict, total=False):
    """An acknowledgement of an incident."""

    note: str | None
    """Note, shown to other people."""


class IncidentSnooze(TypedDict, total=False):
    """How long to stop an incident's notifications: `until` or `seconds`. With neither, notifications
    resume."""

    until: datetime | str | None
    """End of the snooze."""
    seconds: int | None
    """Duration of the snooze, from now."""
