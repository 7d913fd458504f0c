"""Alert rules and incidents as they are stored and as the API shows them. The API's schema uses these docstrings."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from kronos.model import Json, JsonObject
from kronos.records import dataclass

Severity = Literal["INFO", "WARNING", "ERROR", "CRITICAL"]
Per = Literal["JOB", "ALL"]
IncidentStatus = Literal["OPEN", "ACKNOWLEDGED", "RESOLVED"]
Resolution = Literal["RECOVERED", "SUBJECT_GONE", "RULE_CHANGED", "RULE_DELETED"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """Defines when a workspace is alerted: when the runs that the rule `selects`, of each job (`per` JOB) or of all
    jobs together (ALL), break its `condition`. `tell`: the endpoints that are notified."""

    name: str
    workspace: str
    version: int
    enabled: bool
    severity: Severity
    selects: JsonObject
    per: Per
    condition: JsonObject
    tell: list[str]
    recovered: bool
    repeat_seconds: int | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedAlertRule(AlertRule):
    """A rule in a page. The JSON writer leaves out names that begin with _."""

    _rule_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAlert:
    """An incident shown with its job or heartbeat. `resolved_at` is set if it was open at the requested instant and has
    been resolved since."""

    incident_id: UUID
    rule: str
    severity: Severity
    status: IncidentStatus
    detail: str
    opened_at: datetime
    resolved_at: datetime | None
    acknowledged_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One period in which a subject broke a rule, until it is resolved. It shows both as they were when it opened.
    `notifications`: the last five deliveries that reported it; `is_dead`: the delivery is a dead letter."""

    incident_id: UUID
    workspace: str
    rule: str
    severity: Severity
    condition: JsonObject
    subject: JsonObject
    status: IncidentStatus
    detail: str
    execution_id: UUID | None
    opened_at: datetime
    resolved_at: datetime | None
    resolution: Resolution | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    note: str | None
    snoozed_until: datetime | None
    snoozed_by: str | None
    said_at: datetime | None
    times_said: int
    notifications: Json  # a list
