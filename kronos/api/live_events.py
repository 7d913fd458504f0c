"""Events: what a listener gets of a job or of an execution, and which of them it wants."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
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

EventType = Literal["job", "execution", "heartbeat", "resource", "operation", "audit", "reset"]
_UNASKED: frozenset[EventType] = frozenset(("job", "execution"))
"""What comes to who names no types."""
ResetReason = Literal["missed", "too_many", "too_slow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent(JobNow):
    """A version of a job as it is now. `changes`: what has happened to it since the last event of it: `created`,
    `changed` (its status among others), `next_run` (a tick was accounted for)."""

    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionEvent(ExecutionNow):
    """An execution as it is now. `changes`: what has happened to it since the last event of it: `created`, `changed`
    (claimed by a worker, due again, held back), `finished`."""

    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatEvent(HeartbeatNow):
    """A heartbeat as it is now. `changes`: what has happened to it since the last event of it: `created`, `changed` (it
    pinged, a tick of it was accounted for, or its terms are others)."""

    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceEvent(ResourceNow):
    """What people configure, as it is now: an endpoint (its limits and its health are its own), a config, a payload
    spec, a calendar, a secret, an alert rule; an incident, whose `name` is its rule's; the workspace itself: its
    terms, quotas, retention or keys are others; or, in kronos-system, the instance: its settings or workspaces.
    `changes`: what has happened to it since the last event of it: `created`, `changed`, `deleted`, and then it has no
    name."""

    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationEvent(OperationNow):
    """How far work that goes on behind a request has come: `created`, `changed` (once a second at most) or `finished`
    (its status is not RUNNING any more)."""

    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent(AuditNow):
    """The audit has grown: who may read it finds there what was done. In kronos-system: the one of any workspace."""

    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetEvent:
    """Changes may be missing: read the lists again. `reason`: `missed`: the place to go on from is too old, or
    PostgreSQL has lost what it had noted; `too_many`: more has changed than is reported one by one; `too_slow`: events
    came faster than they were read, and the stream ends."""

    reason: ResetReason


@dataclass(slots=True, kw_only=True)
class Event:
    """What one listener gets. `place`: where to go on from, once it was taken; None: from the event before that has
    one."""

    type: EventType
    data: JobEvent | ExecutionEvent | HeartbeatEvent | ResourceEvent | OperationEvent | AuditEvent | ResetEvent
    place: str | None = None
    _text: bytes | None = None

    def at(self, place: str | None) -> "Event":
        """The same, after which a listener has come to this place."""
        return replace(self, place=place)

    @property
    def text(self) -> bytes:
        """Its data as JSON, on one line: written once, for all who listen."""
        if self._text is None:
            self._text = orjson.dumps(self.data, reading.plain, orjson.OPT_UTC_Z)
        return self._text


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which events; None: of jobs and executions. `job`: a job's name, which means all its versions, or the id of one;
    `status`: of what is in this status now; neither is of anything else. A reset is for everybody."""

    types: frozenset[EventType] | None = None
    job: str | None = None
    status: JobStatus | ExecutionStatus | None = None

    def has(self, event: Event) -> bool:
        """Whether this event is one of them."""
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
    """That changes may be missing."""
    return Event(type="reset", data=ResetEvent(reason=reason), place=place)


def of_executions(rows: Iterable[ExecutionRead], changes: Mapping[UUID, set[Change]]) -> list[Event]:
    """The events of executions as they are now; of a one-shot without a row of its own the job's too, which is ACTIVE
    until its execution has ended."""
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
    """The events of jobs as they are now."""
    return [Event(type="job", data=JobEvent(**asdict(row), changes=_sorted(changes[row.job_id]))) for row in rows]


def of_heartbeats(rows: Iterable[HeartbeatNow], changes: Mapping[UUID, set[Change]]) -> list[Event]:
    """The events of heartbeats as they are now."""
    return [
        Event(type="heartbeat", data=HeartbeatEvent(**asdict(row), changes=_sorted(changes[row.heartbeat_id])))
        for row in rows
    ]


def of_operations(rows: Iterable[OperationNow], changes: Mapping[UUID, set[Change]]) -> list[Event]:
    """The events of operations as they are now."""
    return [
        Event(type="operation", data=OperationEvent(**asdict(row), changes=_sorted(changes[row.operation_id])))
        for row in rows
    ]


def of_audit(rows: Iterable[AuditNow]) -> list[Event]:
    """That the audit has grown."""
    return [Event(type="audit", data=AuditEvent(workspace=row.workspace, changes=("created",))) for row in rows]


def of_resources(rows: Iterable[ResourceNow], changes: Mapping[tuple[ResourceKind, UUID], set[Change]]) -> list[Event]:
    """The events of what people configure as it is now; what is not there was deleted, though nobody noted it yet."""
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
