"""What is stored of alerts, as Python sees it and as the API shows it, docstrings too."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from kronos.model import Json, JsonObject

Severity = Literal["INFO", "WARNING", "ERROR", "CRITICAL"]
Per = Literal["JOB", "ALL"]
IncidentStatus = Literal["OPEN", "ACKNOWLEDGED", "RESOLVED"]
Resolution = Literal["RECOVERED", "SUBJECT_GONE", "RULE_CHANGED", "RULE_DELETED"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """What a workspace wants to be told of: of the runs that it `selects`, each job's (`per` JOB) or all of them
    together (ALL), whether they break its `condition`. `tell`: the endpoints that are told."""

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
    """In a page. JSON's writer leaves out what begins with _."""

    _rule_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAlert:
    """An incident of a job or of a heartbeat, as it stands beside what else is said of it. `resolved_at`: it is over by
    now, and was not at the instant that was asked about."""

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
    """One time that a subject broke a rule, from then until it is over: what it says of both is as it was then.
    `notifications`: the last five deliveries that told of it; `is_dead`: that is a dead letter."""

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
