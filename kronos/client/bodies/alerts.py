"""What the API takes: alerts. Made by bin/client out of the API's document."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Required, TypedDict

from kronos.client.bodies.apply import AlertCondition, AlertSelector
from kronos.client.bodies.words import AlertSeverity


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
