"""What can be done to a job. Each change is one transaction in one round trip: the row and its pg_cron entry, both or neither."""

import time
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias, TypedDict
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb

from kronos import errors, executions, idempotency, schedules
from kronos.database import PAGE_BYTES, WorkspaceView
from kronos.model import Execution, Job, JobStatus, JsonObject, ListedJob, Overlap, Trigger
from kronos.schedules import ScheduleText
from kronos.sql import Statement, statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """The job that an idempotency key made before."""

    job_id: UUID
    is_same_request: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The job that a statement changed."""

    job_id: UUID
    entries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """Which job a change is about, and how many executions the ticks due before it became."""

    job_id: UUID | None
    executions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusCount:
    """Ticks of one status within the last 24 hours."""

    status: str
    ticks: int
    last_scheduled_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """What a caller says of a job. `cron` goes with trigger CRON, `run_at` with DELAYED.

    A `run_at` or `anchor` without an offset is a local time of `timezone`.
    """

    endpoint: str
    trigger: Trigger
    name: str | None = None
    title: str | None = None
    input: JsonObject = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    idempotency_key: str | None = None
    run_at: datetime | None = None
    cron: str | None = None
    every: str | None = None
    anchor: datetime | None = None
    timezone: str = "UTC"
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    max_runs: int | None = None
    dst_gap: Literal["SHIFT", "SHIFT_BY_GAP", "SKIP"] = "SHIFT"
    dst_overlap: Literal["FIRST", "BOTH"] = "FIRST"
    jitter_seconds: int = 0
    overlap: Overlap = "ALLOW"
    catch_up_policy: Literal["SKIP", "LATEST", "ALL"] = "LATEST"
    catch_up_window_seconds: int = 3600


class JobChanges(TypedDict, total=False):
    """The fields of a CRON job that a caller changes; one that is absent stays as it is, None clears what may be empty."""

    name: str | None
    title: str | None
    endpoint: str
    input: JsonObject
    tags: list[str]
    cron: str
    every: str
    anchor: datetime
    timezone: str
    starts_at: datetime | None
    ends_at: datetime | None
    max_runs: int | None
    dst_gap: Literal["SHIFT", "SHIFT_BY_GAP", "SKIP"]
    dst_overlap: Literal["FIRST", "BOTH"]
    jitter_seconds: int
    overlap: Overlap
    catch_up_policy: Literal["SKIP", "LATEST", "ALL"]
    catch_up_window_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs a list holds; None: all."""

    endpoint: str | None = None
    trigger: Trigger | None = None
    status: JobStatus | None = None
    tag: str | None = None
    q: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None


_INSERT_CRON = statement("jobs.insert_cron_job", Job)
_INSERT_ONE_SHOT = statement("jobs.insert_one_shot_job", Job)
_FIND_TWIN = statement("jobs.find_twin", Twin)
_GET = statement("jobs.get_job", Job)
_LIST = statement("jobs.list_jobs", ListedJob)
_VERSIONS = statement("jobs.list_versions", ListedJob)
_STATISTICS = statement("jobs.get_job_statistics", StatusCount)
SETTLE = statement("jobs.settle_ticks", Settled)
_SETTLE_VERSION = statement("jobs.settle_version", Settled)
_REPLACE = statement("jobs.replace_cron_job", Changed)
_CANCEL = statement("jobs.cancel_job", Changed)
_TRIGGER = statement("jobs.trigger_job", Changed)

_NULLABLE = ("name", "title", "starts_at", "ends_at", "max_runs")
_LIVE = ("ACTIVE", "PAUSED")
_WAKE_INTERVAL_SECONDS = 0.01
_LATE = timedelta(seconds=5)
MOST_OVERTAKINGS = 25

Versions: TypeAlias = Collection[int] | None
"""Those that a change is meant for; None: for any."""

_last_wake_seconds = 0.0


def _may_wake() -> bool:
    """Whether this request wakes the workers: at most one in 10 ms, because NOTIFY in every commit costs three quarters of the rate.

    Workers look again a little after each wake, so one that was spared loses milliseconds, and the poll stands behind all of it.
    """
    global _last_wake_seconds
    now = time.monotonic()
    if now - _last_wake_seconds < _WAKE_INTERVAL_SECONDS:
        return False
    _last_wake_seconds = now
    return True


async def create(view: WorkspaceView, new: NewJob) -> tuple[Job, bool]:
    """Store the job, with its pg_cron entry (CRON) or its execution (IMMEDIATE, DELAYED); and whether it is new.

    With an idempotency key that is known, the job that it made. Raises EndpointNotFound, Unprocessable (invalid_cron, invalid_timezone,
    idempotency_mismatch), Conflict (the name is taken, the workspace is suspended), PgCronUnavailable, DatabaseUnavailable, OutcomeUnknown.
    """
    try:
        return await _create(view, new)
    except (errors.Conflict, errors.NotFound, errors.Unprocessable) as error:
        # What refuses the job now may have come after the key made it, or be the very job, made at the same time.
        if error.code == "idempotency_mismatch" or (known := await _known(view, new)) is None:
            raise
        return known, False


async def _create(view: WorkspaceView, new: NewJob) -> tuple[Job, bool]:
    run_at = new.run_at
    if (local := schedules.local_time(run_at)) is not None:
        run_at = await schedules.shown_at(view, local, timezone=new.timezone, dst_gap=new.dst_gap)
    if faults := _past(new, run_at):
        raise errors.Unprocessable.of(*faults)
    insert, params = await _insertion(view, new, run_at)
    try:
        job = await view.run_entering(insert, params)
    except (errors.EndpointNotFound, errors.Overtaken):  # deleted or suspended at the same time, endpoint or workspace
        job = None
    if job is None:  # for whatever reason: the ordinary way in is the one that decides
        job = await view.one_or_none(insert, {**params, "workspace": view.workspace})
    if job is None:
        raise await _no_way_to_deliver(view, new.endpoint)
    if job.job_id != params["job_id"] and (known := await _known(view, new)) is not None:
        return known, False
    return job, True


def _past(new: NewJob, run_at: datetime | None) -> list[errors.Fault]:
    """Times that have passed. A caller who says "now" is not refused for the time that the request took."""
    now = datetime.now(UTC)
    faults = []
    if run_at is not None and run_at < now - _LATE:
        local = schedules.local_time(new.run_at)
        shown = f" ({local.isoformat()} in {new.timezone})" if local is not None else ""
        detail = f"{run_at.isoformat()}{shown} is in the past"
        faults.append(errors.Fault(pointer="/run_at", detail=detail, hint="Write a later time, or use trigger IMMEDIATE."))
    if new.ends_at is not None and new.ends_at <= now:
        detail = f"{new.ends_at.isoformat()} is in the past"
        faults.append(errors.Fault(pointer="/ends_at", detail=detail, hint="Write a later time, or leave it out."))
    return faults


async def _known(view: WorkspaceView, new: NewJob) -> Job | None:
    """The job that this very request made before; None where its key is new. Raises Unprocessable where the key made another."""
    if new.idempotency_key is None:
        return None
    twin = await view.one_or_none(_FIND_TWIN, {"idempotency_key": new.idempotency_key, "request_sha256": idempotency.digest(new)})
    if twin is None:
        return None
    if not twin.is_same_request:
        raise idempotency.mismatch(f"job {twin.job_id}", "/idempotency_key")
    return await get(view, str(twin.job_id))


async def _insertion(view: WorkspaceView, new: NewJob, run_at: datetime | None) -> tuple[Statement[Job], dict[str, object]]:
    params: dict[str, object] = {
        "job_id": uuid4(),
        "name": new.name,
        "title": new.title,
        "endpoint": new.endpoint,
        "input": Jsonb(new.input),
        "tags": new.tags,
        "idempotency_key": new.idempotency_key,
        "request_sha256": idempotency.digest(new) if new.idempotency_key is not None else None,
    }
    if new.trigger != "CRON":
        local = schedules.local_time(new.run_at)
        return _INSERT_ONE_SHOT, params | {
            "trigger": new.trigger,
            "run_at": run_at,
            "run_at_local": local,
            "timezone": new.timezone if local is not None else None,
            "dst_gap": new.dst_gap,
            "wake": _may_wake(),
        }
    text = _schedule_text(new)
    read = await schedules.read(view, text)
    return _INSERT_CRON, params | {
        "cron": text.cron,
        "every": text.every,
        "timezone": text.timezone,
        "schedule": read.schedule,
        "alarm": read.alarm,
        "description": read.description,
        "starts_at": new.starts_at,
        "ends_at": new.ends_at,
        "max_runs": new.max_runs,
        "dst_gap": new.dst_gap,
        "dst_overlap": new.dst_overlap,
        "jitter_seconds": new.jitter_seconds,
        "overlap": new.overlap,
        "catch_up_policy": new.catch_up_policy,
        "catch_up_window_seconds": new.catch_up_window_seconds,
    }


def _schedule_text(new: NewJob) -> ScheduleText:
    return ScheduleText(
        cron=new.cron,
        every=new.every,
        anchor=schedules.instant(new.anchor),
        anchor_local=schedules.local_time(new.anchor),
        timezone=new.timezone,
        dst_gap=new.dst_gap,
        dst_overlap=new.dst_overlap,
    )


async def get(view: WorkspaceView, job: str) -> Job:
    """The job by id or name, whatever its status. Raises JobNotFound."""
    if (found := await view.one_or_none(_GET, {"job": job})) is None:
        raise _not_found(view, job)
    return found


async def list_page(view: WorkspaceView, which: JobFilter, *, limit: int, before: tuple[datetime, UUID] | None) -> list[ListedJob]:
    """Up to `limit` jobs, newest first, after the position `before`; fewer where they are more than PAGE_BYTES."""
    created_at, job_id = before or (None, None)
    return await view.rows(
        _LIST,
        {
            "endpoint": which.endpoint,
            "trigger": which.trigger,
            "status": which.status,
            "tag": which.tag,
            "q": which.q,
            "created_after": which.created_after,
            "created_before": which.created_before,
            "limit": limit,
            "bytes": PAGE_BYTES,
            "before_created_at": created_at,
            "before_id": job_id,
        },
    )


async def versions(view: WorkspaceView, job: str, *, limit: int, before: int | None) -> list[ListedJob]:
    """Up to `limit` versions of the job that `job` is one of, newest first, older than version `before`; fewer where they are more
    than PAGE_BYTES. Raises JobNotFound."""
    if not (found := await view.rows(_VERSIONS, {"job": job, "limit": limit, "bytes": PAGE_BYTES, "before_version": before})):
        await get(view, job)
    return found


async def statistics(view: WorkspaceView, job: str) -> list[StatusCount]:
    """What became of the job's ticks of the last 24 hours, by status; empty where there were none. An id means that version, a name all."""
    return await view.rows(_STATISTICS, {"job": job})


async def change(
    view: WorkspaceView, job: str, write: Statement[Changed], params: dict[str, object], *, if_match: Versions
) -> tuple[bool, Job]:
    """Settle the job's ticks, change it, and read it, in one transaction; whether it was changed, and the job as it is then.

    Nothing is changed where a live job is at none of the versions `if_match`. Raises JobNotFound, PreconditionFailed, and Conflict
    (job_not_updatable) where `job` is the id of a version that was replaced, and the job goes on.

    A name that went to a newer version while we waited for the older one's lock is looked up again: each try waits for one such change.
    """
    params = {**params, "job": job, "if_match": None if if_match is None else list(if_match)}
    for _ in range(MOST_OVERTAKINGS):
        settled, written, present = await view.prepare_write_read(_SETTLE_VERSION, write, _GET, params)
        if written or not present or present[0].job_id == settled[0].job_id:
            break
    if not present:
        raise _not_found(view, job)
    if not written:
        await refuse_replaced(view, present[0])
        if present[0].status in _LIVE:
            _refuse_unmatched(present[0], if_match)
    return bool(written), present[0]


async def refuse_replaced(view: WorkspaceView, present: Job) -> None:
    """Raises Conflict, naming the live version, where the job goes on under a newer version than `present`."""
    if present.replaced_by_id is None:
        return
    (newest,) = await versions(view, str(present.job_id), limit=1, before=None)
    if newest.status in _LIVE:
        detail = (
            f"job {present.job_id} is version {present.version} and was replaced: the live version, {newest.version}, is {newest.job_id}"
        )
        by_name = f", or {newest.name!r}, which always means the live one" if newest.name else ""
        fault = errors.Fault(pointer="", detail="this version is over", hint=f"Address {newest.job_id}{by_name}.")
        raise errors.Conflict(detail, code="job_not_updatable", faults=(fault,))


def _refuse_unmatched(present: Job, if_match: Versions) -> None:
    if if_match is not None and present.version not in if_match:
        raise errors.PreconditionFailed(f"job {present.job_id} is at version {present.version}, which If-Match does not name")


async def replace(view: WorkspaceView, job: str, changes: JobChanges, *, if_match: Versions = None) -> Job:
    """The next version of a CRON job in place of the live one: rows and entries change together, or not at all.

    Raises JobNotFound, EndpointNotFound, Conflict (job_not_updatable), PreconditionFailed, Unprocessable, PgCronUnavailable,
    DatabaseUnavailable.
    """
    job_id = uuid4()
    given = dict(changes)
    params: dict[str, object] = {name: given.get(name) for name in JobChanges.__annotations__}
    params |= {
        "job_id": job_id,
        "has_anchor": "anchor" in given,
        "changed": [name for name in _NULLABLE if name in given],
        "input": Jsonb(given["input"]) if "input" in given else None,
        "anchor": schedules.instant(changes.get("anchor")),
        "anchor_local": schedules.local_time(changes.get("anchor")),
    }
    is_replaced, old = await change(view, job, _REPLACE, params, if_match=if_match)
    if is_replaced:
        return old if old.job_id == job_id else await get(view, str(job_id))
    if old.trigger != "CRON" or old.status not in _LIVE:
        raise errors.Conflict(_why_not_updatable(old), code="job_not_updatable")
    if faults := _faults_of_change(old, changes):
        raise errors.Unprocessable.of(*faults)
    if "endpoint" in changes:
        raise _no_endpoint(view, changes["endpoint"])
    raise errors.Conflict(f"job {old.job_id} was changed at the same time: read it and try again", code="job_not_updatable")


def _faults_of_change(old: Job, changes: JobChanges) -> tuple[errors.Fault, ...]:
    """What is wrong with the schedule that the job would have: an expression or an interval takes the place of whichever there was."""
    cron, every = changes.get("cron"), changes.get("every")
    if cron is None and every is None:
        cron, every = old.cron, old.every
    return tuple(schedules.faults(cron, every, changes.get("anchor"), changes.get("timezone", old.timezone)))


def _why_not_updatable(job: Job) -> str:
    if job.trigger != "CRON":
        return f"job {job.job_id} is {job.trigger}: only CRON jobs can be changed"
    heir = f"; its next version is {job.replaced_by_id}" if job.replaced_by_id else ""
    return f"job {job.job_id} is {job.status}{heir}"


async def cancel(view: WorkspaceView, job: str, *, if_match: Versions = None) -> Job:
    """Retire a live job, remove its pg_cron entry, cancel what waits: all or nothing. A job that is over stays so.

    Raises JobNotFound, PreconditionFailed, Conflict (a replaced version of a job that goes on), PgCronUnavailable, DatabaseUnavailable.
    """
    is_cancelled, present = await change(view, job, _CANCEL, {}, if_match=if_match)
    if not is_cancelled:
        _refuse_unmatched(present, if_match)
    return present


async def trigger(view: WorkspaceView, job: str, *, input: JsonObject | None, idempotency_key: str | None = None) -> tuple[Execution, bool]:
    """One execution now, beside the schedule, ACTIVE or PAUSED, and whether it is new; its overlap policy may hold or skip it.

    Raises JobNotFound, Conflict, Unprocessable (idempotency_mismatch), OutcomeUnknown.
    """
    key = idempotency.key("trigger", idempotency_key, job, input)
    return await idempotency.once(view, key, lambda: _trigger(view, job, input, key), lambda made: executions.get(view, made))


async def _trigger(view: WorkspaceView, job: str, input: JsonObject | None, key: idempotency.Key | None) -> Execution:
    execution_id = _uuid7()
    params: dict[str, object] = {
        "job": job,
        "execution_id": execution_id,
        "input": Jsonb(input) if input is not None else None,
        "wake": _may_wake(),
        **idempotency.params(key),
    }
    written, execution = await view.write_then_read(_TRIGGER, params, executions.GET, {"execution_id": execution_id})
    if written:
        return execution[0]
    present = await get(view, job)
    await refuse_replaced(view, present)
    raise errors.Conflict(f"job {present.job_id} is {present.trigger} and {present.status}: only a live CRON job can be triggered")


def _uuid7() -> UUID:
    """As kronos.uuid7, made here because the statement that reads the execution back, in the same round trip, must know it."""
    bits = int(time.time() * 1000) << 80 | uuid4().int & ((1 << 80) - 1)
    bits = bits & ~(0xF << 76) | 0x7 << 76
    bits = bits & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=bits)


async def next_runs(view: WorkspaceView, job: str, *, count: int) -> schedules.Preview:
    """The job's next runs. Raises JobNotFound, Conflict for a job without a schedule."""
    if (upcoming := await view.one_or_none(schedules.LIST_NEXT_RUNS, {"job": job, "count": count})) is None:
        present = await get(view, job)
        raise errors.Conflict(f"job {present.job_id} is {present.trigger}: only CRON jobs have next runs")
    return schedules.shown(upcoming)


def _not_found(view: WorkspaceView, job: str) -> errors.JobNotFound:
    return errors.JobNotFound(f"no job {job!r} in workspace {view.workspace}")


async def _no_way_to_deliver(view: WorkspaceView, endpoint: str) -> errors.KronosError:
    workspace = await view.enter()
    if workspace.status != "ACTIVE":
        return errors.Conflict(f"workspace {view.workspace} is {workspace.status}: it takes no new jobs", code="workspace_suspended")
    return _no_endpoint(view, endpoint)


def _no_endpoint(view: WorkspaceView, endpoint: str) -> errors.EndpointNotFound:
    return errors.EndpointNotFound(
        f"no endpoint {endpoint!r} in workspace {view.workspace}",
        faults=(errors.Fault(pointer="/endpoint", detail="no such endpoint", hint="create it first: POST …/endpoints"),),
    )
