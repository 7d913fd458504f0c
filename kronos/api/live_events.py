"""Events that listeners receive, and filters for them."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import Literal
from uuid import UUID

import orjson

from kronos import reading
from kronos.live import (
    AuditNow,
    Change,
    ExecutionNow,
    ExecutionRead,
    HeartbeatNow,
    JobNow,
    OperationNow,
    ResourceKind,
    ResourceNow,
)
from kronos.model import ExecutionStatus, JobStatus
from kronos.records import dataclass

EventType = Literal["job", "execution", "heartbeat", "resource", "operation", "audit", "reset"]
_UNASKED: frozenset[EventType] = frozenset(("job", "execution"))
"""The types sent to listeners that name none."""
ResetReason = Literal["missed", "too_many", "too_slow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent(JobNow):
    """The current state of a version of a job. `changes`: what happened since its last event: `created`, `changed`
    (such as its status), `next_run` (a tick was accounted for)."""

    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionEvent(ExecutionNow):
    """The current state of an execution. `changes`: what happened since its last event: `created`, `changed` (claimed
    by a worker, due again, held back), `finished`."""

    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatEvent(HeartbeatNow):
    """The current state of a heartbeat. `changes`: what happened since its last event: `created`, `changed` (a ping
    arrived, a tick was accounted for, or its terms changed)."""

    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceEvent(ResourceNow):
    """The current state of a configured resource: an endpoint (including its limits and health), a config, a payload
    spec, a calendar, a secret or an alert rule; an incident, whose `name` is its rule's; the workspace, when its terms,
    quotas, retention or keys changed; or, in kronos-system, the instance, when its settings or workspaces changed.
    `changes`: what happened since its last event: `created`, `changed`, `deleted`. A deleted resource has no name."""

    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationEvent(OperationNow):
    """Progress of an operation that runs in the background: `created`, `changed` (at most once a second) or `finished`
    (its status is no longer RUNNING)."""

    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent(AuditNow):
    """The audit has new entries; read them there. In kronos-system: the audit of any workspace."""

    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetEvent:
    """Changes may be missing: read the lists again. `reason`: `missed`, the place to continue from is too old, or
    PostgreSQL lost its notes; `too_many`, more has changed than is reported one by one; `too_slow`, events arrived
    faster than they were read, and the stream ends."""

    reason: ResetReason


@dataclass(slots=True, kw_only=True)
class Event:
    """An event for a listener. `place`: where to continue after this event; None: after the last event that has one."""

    type: EventType
    data: JobEvent | ExecutionEvent | HeartbeatEvent | ResourceEvent | OperationEvent | AuditEvent | ResetEvent
    place: str | None = None
    _text: bytes | None = None

    def at(self, place: str | None) -> "Event":
        """Return the event with this place."""
        return replace(self, place=place)

    @property
    def text(self) -> bytes:
        """The data as one line of JSON, serialized once for all listeners."""
        if self._text is None:
            self._text = orjson.dumps(self.data, reading.plain, orjson.OPT_UTC_Z)
        return self._text


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which events to send. `types` None: of jobs and executions. `job`: a job's name, for all its versions, or the id
    of one. `status`: jobs and executions now in this status. With `job` or `status`, other types match nothing. A reset
    always matches."""

    types: frozenset[EventType] | None = None
    job: str | None = None
    status: JobStatus | ExecutionStatus | None = None

    def has(self, event: Event) -> bool:
        """Return whether the event matches."""
        data = event.data
        if isinstance(data, ResetEvent):
            return True
        if isinstance(data, HeartbeatEvent | ResourceEvent | OperationEvent | AuditEvent):
            return event.type in (self.types or ()) and self.job is None and self.status is None
        name = data.name if isinstance(data, JobEvent) else data.job_name
        return (
            event.type in (self.types or _UNASKED)
            and (self.job is None or self.job in (name, str(data.job_id)))
            and (self.status is None or data.status == self.status)
        )


def reset(reason: ResetReason, place: str | None = None) -> Event:
    """Return a reset: changes may be missing."""
    return Event(type="reset", data=ResetEvent(reason=reason), place=place)


def of_executions(rows: Iterable[ExecutionRead], changes: Mapping[UUID, set[Change]]) -> list[Event]:
    """Return the events of executions. A one-shot without a job row also gets a job event; that job is ACTIVE until its
    execution has ended."""
    events = []
    for row in rows:
        happened = changes[row.execution_id]
        named = asdict(row)
        is_immediate = named.pop("is_immediate")
        if row.job_id == row.execution_id and (happened & {"created", "finished"}):
            events.append(_one_shot(row, happened, is_immediate=is_immediate))
        events.append(Event(type="execution", data=ExecutionEvent(**named, changes=_sorted(happened))))
    return events


def of_jobs(rows: Iterable[JobNow], changes: Mapping[UUID, set[Change]]) -> list[Event]:
    """Return the events of jobs."""
    return [Event(type="job", data=JobEvent(**asdict(row), changes=_sorted(changes[row.job_id]))) for row in rows]


def of_heartbeats(rows: Iterable[HeartbeatNow], changes: Mapping[UUID, set[Change]]) -> list[Event]:
    """Return the events of heartbeats."""
    return [
        Event(type="heartbeat", data=HeartbeatEvent(**asdict(row), changes=_sorted(changes[row.heartbeat_id])))
        for row in rows
    ]


def of_operations(rows: Iterable[OperationNow], changes: Mapping[UUID, set[Change]]) -> list[Event]:
    """Return the events of operations."""
    return [
        Event(type="operation", data=OperationEvent(**asdict(row), changes=_sorted(changes[row.operation_id])))
        for row in rows
    ]


def of_audit(rows: Iterable[AuditNow]) -> list[Event]:
    """Return the events for new audit entries."""
    return [Event(type="audit", data=AuditEvent(workspace=row.workspace, changes=("created",))) for row in rows]


def of_resources(rows: Iterable[ResourceNow], changes: Mapping[tuple[ResourceKind, UUID], set[Change]]) -> list[Event]:
    """Return the events of configured resources. A resource without a row was deleted, even if not noted yet."""
    return [
        Event(
            type="resource",
            data=ResourceEvent(
                **asdict(row),
                changes=_sorted(changes[row.kind, row.id] | ({"deleted"} if row.name is None else set())),
            ),
        )
        for row in rows
    ]


def _one_shot(row: ExecutionNow, happened: set[Change], *, is_immediate: bool) -> Event:
    changes: set[Change] = set()
    if "created" in happened:
        changes.add("created")
    if "finished" in happened:
        changes.add("changed")
    return Event(
        type="job",
        data=JobEvent(
            job_id=row.job_id,
            name=None,
            title=None,
            workspace=row.workspace,
            endpoint=row.endpoint,
            trigger="IMMEDIATE" if is_immediate else "DELAYED",
            status="ACTIVE" if row.completed_at is None else "COMPLETED",
            reason=None,
            version=1,
            replaced_by_id=None,
            next_run_at=None,
            last_run_at=row.started_at,
            run_at=None if is_immediate else row.scheduled_at,
            resume_at=None,
            created_at=row.created_at,
            retired_at=row.completed_at,
            changes=_sorted(changes),
        ),
    )


_ORDER: tuple[Change, ...] = ("created", "changed", "next_run", "finished", "deleted")


def _sorted(changes: set[Change]) -> tuple[Change, ...]:
    return tuple(each for each in _ORDER if each in changes)
