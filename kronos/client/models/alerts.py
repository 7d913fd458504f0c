"""What the API answers: alerts. Made by bin/client out of the API's document."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from kronos.client.bodies.words import AlertSeverity, IncidentStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """What a workspace wants to be told of: of the runs that it `selects`, each job's (`per` JOB) or all of
    them together (ALL), whether they break its `condition`. `tell`: the endpoints that are told."""

    name: str
    workspace: str
    version: int
    enabled: bool
    severity: AlertSeverity
    selects: dict[str, Any]
    per: Literal["JOB", "ALL"]
    condition: dict[str, Any]
    tell: list[str]
    recovered: bool
    repeat_seconds: int | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One time that a subject broke a rule, from then until it is over: what it says of both is as it was
    then. `notifications`: the last five deliveries that told of it; `is_dead`: that is a dead letter."""

    incident_id: UUID
    workspace: str
    rule: str
    severity: AlertSeverity
    condition: dict[str, Any]
    subject: dict[str, Any]
    status: IncidentStatus
    detail: str
    execution_id: UUID | None
    opened_at: datetime
    resolved_at: datetime | None
    resolution: Literal["RECOVERED", "SUBJECT_GONE", "RULE_CHANGED", "RULE_DELETED"] | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    note: str | None
    snoozed_until: datetime | None
    snoozed_by: str | None
    said_at: datetime | None
    times_said: int
    notifications: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAlert:
    """An incident of a job or of a heartbeat, as it stands beside what else is said of it. `resolved_at`: it
    is over by now, and was not at the instant that was asked about."""

    incident_id: UUID
    rule: str
    severity: AlertSeverity
    status: IncidentStatus
    detail: str
    opened_at: datetime
    resolved_at: datetime | None
    acknowledged_by: str | None
