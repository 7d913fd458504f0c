"""A job that is to be created: the caller's fields, and the record that the statements take."""

from dataclasses import field, fields
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import orjson
from psycopg.types.json import Jsonb

from kronos import errors, idempotency, schedules
from kronos.database import WorkspaceView
from kronos.model import CronTerms, JobTerms, JsonObject, Trigger
from kronos.records import dataclass
from kronos.schedules import ScheduleRead, ScheduleText
from kronos.server_time import CLOCK

JOB_TERMS = tuple(each.name for each in fields(JobTerms))
TERMS = tuple(each.name for each in fields(CronTerms) if each.name not in JOB_TERMS)
"""The terms that only CRON jobs have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob(CronTerms):
    """The fields of a new job. `cron` or `every`, and the other terms, are for trigger CRON; `run_at` is for DELAYED.

    A `run_at` without an offset is a local time of `timezone`.
    """

    endpoint: str
    trigger: Trigger
    input: JsonObject = field(default_factory=dict)
    idempotency_key: str | None = None
    run_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A job to be created, as a statement for several jobs takes it, and the view of its request."""

    view: WorkspaceView
    new: NewJob
    job_id: UUID | None
    """None for a one-shot that is its execution: PostgreSQL chooses its ID."""
    run_at: datetime | None
    input: bytes
    """JSON."""
    record: JsonObject
    """For a job that is more than its execution; otherwise empty."""
    size: int


_LATE = timedelta(seconds=5)


def written(records: list[JsonObject]) -> Jsonb:
    """Return the records as the parameter of a statement that creates something from each."""
    return Jsonb(records, dumps=orjson.dumps)


def past(new: NewJob, run_at: datetime | None) -> list[errors.Fault]:
    """Return a fault for each time in the past. A caller who means "now" is not rejected for the request's duration."""
    now = CLOCK.now()
    faults = []
    if run_at is not None and run_at < now - _LATE:
        local = schedules.local_time(new.run_at)
        shown = f" ({local.isoformat()} in {new.timezone})" if local is not None else ""
        detail = f"{run_at.isoformat()}{shown} is in the past"
        faults.append(
            errors.Fault(pointer="/run_at", detail=detail, hint="Write a later time, or use trigger IMMEDIATE.")
        )
    if new.ends_at is not None and new.ends_at <= now:
        detail = f"{new.ends_at.isoformat()} is in the past"
        faults.append(errors.Fault(pointer="/ends_at", detail=detail, hint="Write a later time, or omit it."))
    return faults


def is_its_execution(new: NewJob) -> bool:
    """Return whether the job is a one-shot whose fields its execution all has: such a job is one row
    (docs/decisions/0039-a-one-shot-is-its-execution.md)."""
    return (
        new.trigger != "CRON"
        and new.name is None
        and new.title is None
        and not new.tags
        and new.idempotency_key is None
        and new.on_success is None
        and new.on_failure is None
        and new.deadline_seconds is None
        and new.dst_gap == "SHIFT"
        and schedules.local_time(new.run_at) is None
    )


def asked_of(
    view: WorkspaceView, new: NewJob, run_at: datetime | None, read: ScheduleRead | None, *, has_tick: bool
) -> Asked:
    """Return the job as a statement takes it, with a new ID. `read`: a CRON job's schedule; `has_tick`: its next tick
    is within the job's window."""
    input = orjson.dumps(new.input)
    if is_its_execution(new):
        return Asked(view=view, new=new, job_id=None, run_at=run_at, input=input, record={}, size=len(input))
    job_id = uuid4()
    record: JsonObject = {"endpoint": new.endpoint, "input": orjson.Fragment(input)}
    record |= {
        **{name: getattr(new, name) for name in JOB_TERMS},
        "job_id": job_id,
        "idempotency_key": new.idempotency_key,
        "request_sha256": idempotency.hex_of(idempotency.digest(new)) if new.idempotency_key is not None else None,
    }
    if read is not None:
        record |= _schedule(new, read, has_tick=has_tick)
    else:
        local = schedules.local_time(new.run_at)
        record |= {
            "trigger": new.trigger,
            "run_at": run_at,
            "run_at_local": local,
            "timezone": new.timezone if local is not None else None,
            "dst_gap": new.dst_gap,
        }
    size = len(input) + sum(map(len, new.tags))  # the parts that a caller may make large
    return Asked(view=view, new=new, job_id=job_id, run_at=run_at, input=input, record=record, size=size)


def _schedule(new: NewJob, read: ScheduleRead, *, has_tick: bool) -> JsonObject:
    """Return the schedule's part of a record."""
    return {name: getattr(new, name) for name in TERMS if name != "anchor"} | {
        "schedule": read.schedule,
        "alarm": read.alarm,
        "description": read.description,
        "read_at": read.read_at,
        "tick_then": read.next_tick_at if has_tick else None,
    }


def schedule_text(new: NewJob) -> ScheduleText:
    """Return a CRON job's schedule, as it was written."""
    return ScheduleText(
        cron=new.cron,
        every=new.every,
        anchor=schedules.instant(new.anchor),
        anchor_local=schedules.local_time(new.anchor),
        timezone=new.timezone,
        dst_gap=new.dst_gap,
        dst_overlap=new.dst_overlap,
    )
