"""Create, read and list jobs. Creating a job takes one round trip, which writes both its row and its pg_cron entry, or
neither."""

import contextlib
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Literal
from uuid import UUID

from kronos import errors, idempotency, one_shots, payload_specs, schedules
from kronos.database import PAGE_BYTES, WorkspaceView
from kronos.gathering import Request
from kronos.model import Job, ListedJob, Trigger
from kronos.new_jobs import Asked, NewJob, asked_of, past, schedule_text, written
from kronos.one_shots import PlacedOneShot
from kronos.records import dataclass
from kronos.sql import Statement, statement
from kronos.waking import Waking

JobStatusAsked = Literal["ACTIVE", "PAUSED", "RETIRED", "COMPLETED", "LIVE"]  # for filters: LIVE is ACTIVE or PAUSED


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """The job that an idempotency key created before."""

    job_id: UUID
    is_same_request: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusCount:
    """How many ticks of the last 24 hours have one status."""

    status: str
    ticks: int
    last_scheduled_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """The jobs that a list holds. None: all; status LIVE: ACTIVE or PAUSED."""

    endpoint: str | None = None
    trigger: Trigger | None = None
    status: JobStatusAsked | None = None
    tag: str | None = None
    q: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SortedJob(ListedJob):
    """A job in a sorted list. `_at` is its position in the order of next runs; None in the order of names."""

    _at: datetime | None


INSERT_CRON: Statement[Job | PlacedOneShot] = statement("jobs.insert_cron_jobs", Job)
_INSERT_ONE_SHOTS: Statement[Job | PlacedOneShot] = statement("jobs.insert_one_shots", PlacedOneShot)
INSERT_ONE_SHOT_JOBS: Statement[Job | PlacedOneShot] = statement("jobs.insert_one_shot_jobs", Job)
_FIND_TWIN = statement("job_reads.find_twin", Twin)
GET = statement("job_reads.get_job", Job)
_LIST = statement("job_reads.list_jobs", ListedJob)
_LIST_SORTED = statement("job_reads.list_sorted_jobs", SortedJob)
_VERSIONS = statement("job_reads.list_versions", ListedJob)
_STATISTICS = statement("job_reads.get_job_statistics", StatusCount)


async def create(view: WorkspaceView, new: NewJob) -> tuple[Job, bool]:
    """Store the job with its pg_cron entry (CRON) or its execution (IMMEDIATE, DELAYED). Return it, and whether it is
    new.

    If its idempotency key is known, return the job that the key created. Raises EndpointNotFound, Unprocessable
    (invalid_cron, invalid_timezone, idempotency_mismatch), Conflict (the name is taken, the workspace is suspended),
    PgCronUnavailable, DatabaseUnavailable, OutcomeUnknown.
    """
    try:
        return await _create(view, new)
    except (errors.Conflict, errors.NotFound, errors.Unprocessable) as error:
        # What blocks the job may be newer than the job that the key created, or be that very job, created concurrently.
        if error.code == "idempotency_mismatch" or (known := await _known(view, new)) is None:
            raise
        return known, False


async def _create(view: WorkspaceView, new: NewJob) -> tuple[Job, bool]:
    run_at = new.run_at
    if (local := schedules.local_time(run_at)) is not None:
        run_at = await schedules.shown_at(view, local, timezone=new.timezone, dst_gap=new.dst_gap)
    if faults := past(new, run_at):
        raise errors.Unprocessable.of(*faults)
    read = await schedules.read(view, schedule_text(new)) if new.trigger == "CRON" else None
    asked = asked_of(view, new, run_at, read, has_tick=new.starts_at is None and new.ends_at is None)
    job = await payload_specs.made_validated(
        view, new.endpoint, new.input, lambda validated: _made(view, asked, new, validated)
    )
    if asked.job_id not in (None, job.job_id) and (known := await _known(view, new)) is not None:
        return known, False
    return job, True


async def _made(view: WorkspaceView, asked: Asked, new: NewJob, validated: str | None) -> Job:
    """Return the job. Raises Unvalidated if its input must be validated against a payload spec, or another version of
    it."""
    job = None
    if validated is None:
        # The endpoint or workspace was deleted or suspended meanwhile, or the input must be validated.
        with contextlib.suppress(errors.EndpointNotFound, errors.Overtaken):
            job = await _made_with_others(asked, new)
            if job is None:
                view.changed_nothing()
    if job is None:  # whatever the reason, the single request decides
        insert = _insert(asked)
        with Waking(may=new.trigger != "CRON") as wake:
            params = {**_params([asked], new, wake), "workspace": view.workspace, "caller": view.caller}
            if validated is None:
                rows = await view.rows(insert, params)
            else:
                first = {"validated": validated}
                _, rows = await view.write_then_read(payload_specs.ENTER_VALIDATED, first, insert, params)
            wake.is_heard = bool(rows)
        (job,) = _matched([asked], rows)
    if job is None:
        raise await _no_way_to_deliver(view, new.endpoint, validated)
    return job


async def _made_with_others(asked: Asked, new: NewJob) -> Job | None:
    """Create the job in one statement with waiting requests of the same kind. Return None if that did not create it.

    A job with an idempotency key or a name may have to wait for a transaction that uses the same one, so it is never in
    one statement with jobs that have none.
    """
    said = (("key", new.idempotency_key), ("name", new.name))
    apart = frozenset([each for each in said if each[1] is not None])
    insert = _insert(asked)

    async def make(all_asked: Sequence[Asked]) -> list[Job | None]:
        views = [each.view for each in all_asked]
        with Waking(may=new.trigger != "CRON") as wake:
            params = _params(all_asked, new, wake)
            rows = await asked.view.for_all(
                views, lambda view: view.run_entering(insert, params), makes=[each.job_id for each in all_asked]
            )
            wake.is_heard = bool(rows)
        return _matched(all_asked, rows or [])

    line = ("create", insert.name, bool(apart), asked.view.workspace)
    return await asked.view.gatherer.ask(line, make, Request(asked=asked, size=asked.size, apart=apart))


def _matched(asked: Sequence[Asked], rows: Sequence[Job | PlacedOneShot]) -> list[Job | None]:
    """Return the job of each request, found by its position, its id, or the idempotency key that created it before."""
    made: dict[UUID | str | int, Job] = {}
    for row in rows:
        if isinstance(row, PlacedOneShot):
            made[row.nth] = _one_shot(asked[row.nth - 1], row)
        else:
            made |= {each: row for each in (row.job_id, row.idempotency_key) if each is not None}
    return [
        made.get(nth if each.job_id is None else each.job_id) or made.get(each.new.idempotency_key or "")
        for nth, each in enumerate(asked, 1)
    ]


def _one_shot(asked: Asked, row: PlacedOneShot) -> Job:
    new = asked.new
    return Job(
        **one_shots.document(
            row,
            workspace=row.workspace,
            endpoint=new.endpoint,
            trigger=new.trigger,
            input=new.input,
            priority=new.priority,
            created_by=asked.view.creator,
        )
    )


def _insert(asked: Asked) -> Statement[Job | PlacedOneShot]:
    if asked.new.trigger == "CRON":
        return INSERT_CRON
    return _INSERT_ONE_SHOTS if asked.job_id is None else INSERT_ONE_SHOT_JOBS


def _params(asked: Sequence[Asked], new: NewJob, wake: Waking) -> dict[str, object]:
    if asked[0].job_id is None:  # as all of them
        return {
            "endpoints": _array([each.new.endpoint for each in asked]),
            "inputs": _array([each.input.decode() for each in asked]),
            "priorities": _priorities(asked),
            "run_at": _array([None if each.run_at is None else each.run_at.isoformat() for each in asked]),
            "wake": wake.is_wanted,
        }
    params: dict[str, object] = {
        "jobs": written([each.record for each in asked]),
        "endpoints": list({each.new.endpoint for each in asked}),
    }
    return params if new.trigger == "CRON" else params | {"wake": wake.is_wanted}


def _priorities(asked: Sequence[Asked]) -> str | None:
    """Return None if all priorities are 0, as most are."""
    if not any(each.new.priority for each in asked):
        return None
    return _array([str(each.new.priority) for each in asked])


def _array(texts: Sequence[str | None]) -> str:
    """Return an array literal for PostgreSQL of any texts. psycopg would write a list element by element."""
    return f"{{{','.join(['null' if text is None else _quoted(text) for text in texts])}}}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


async def _known(view: WorkspaceView, new: NewJob) -> Job | None:
    """Return the job that the same request created before, or None if its key is new. Raises Unprocessable if the key
    was used for another request."""
    if new.idempotency_key is None:
        return None
    twin = await view.one_or_none(
        _FIND_TWIN, {"idempotency_key": new.idempotency_key, "request_sha256": idempotency.digest(new)}
    )
    if twin is None:
        return None
    if not twin.is_same_request:
        raise idempotency.mismatch(f"job {twin.job_id}", "/idempotency_key")
    return await get(view, str(twin.job_id))


async def get(view: WorkspaceView, job: str) -> Job:
    """Return the job by id or name, whatever its status. Raises JobNotFound."""
    if (found := await view.one_or_none(GET, {"job": job})) is None:
        raise not_found(view, job)
    return found


async def list_page(
    view: WorkspaceView, which: JobFilter, *, limit: int, before: tuple[datetime, UUID] | None
) -> list[ListedJob]:
    """Return up to `limit` jobs, newest first, after the position `before`; fewer if they exceed PAGE_BYTES."""
    created_at, job_id = before or (None, None)
    return await view.rows(
        _LIST,
        asdict(which) | {"limit": limit, "bytes": PAGE_BYTES, "before_created_at": created_at, "before_id": job_id},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SortedPlace:
    """The job after which a page of a sorted list begins: its name (~: it has none) or its instant, and its id."""

    name: str | None = None
    at: datetime | None = None
    job_id: UUID


async def list_sorted(
    view: WorkspaceView, which: JobFilter, *, sort: Literal["name", "next_run"], limit: int, after: SortedPlace | None
) -> list[SortedJob]:
    """Return up to `limit` live CRON jobs by name or by next tick, as `list_page` does; jobs without one come last."""
    place: dict[str, object] = {"after_name": None, "after_at": None, "after_id": None}
    if after is not None:
        place = {"after_name": after.name, "after_at": after.at, "after_id": after.job_id}
    return await view.rows(_LIST_SORTED, asdict(which) | place | {"sort": sort, "limit": limit, "bytes": PAGE_BYTES})


def place_of(job: SortedJob) -> SortedPlace:
    """Return the job's position in its list."""
    return SortedPlace(name=job.name or "~" if job._at is None else None, at=job._at, job_id=job.job_id)


async def versions(view: WorkspaceView, job: str, *, limit: int, before: int | None) -> list[ListedJob]:
    """Return up to `limit` versions of the job that `job` is a version of, newest first, older than version `before`;
    fewer if they exceed PAGE_BYTES. Raises JobNotFound."""
    if not (
        found := await view.rows(_VERSIONS, {"job": job, "limit": limit, "bytes": PAGE_BYTES, "before_version": before})
    ):
        await get(view, job)
    return found


async def statistics(view: WorkspaceView, job: str) -> list[StatusCount]:
    """Count the job's ticks of the last 24 hours by status; empty if there were none. An id selects that version, a
    name all versions."""
    return await view.rows(_STATISTICS, {"job": job})


async def next_runs(view: WorkspaceView, job: str, *, count: int) -> schedules.Preview:
    """Return the job's next runs. Raises JobNotFound, and Conflict for a job without a schedule."""
    if (upcoming := await view.one_or_none(schedules.LIST_NEXT_RUNS, {"job": job, "count": count})) is None:
        present = await get(view, job)
        if present.trigger == "CRON":  # it was created after the first statement
            return await next_runs(view, str(present.job_id), count=count)
        raise errors.Conflict(f"job {present.job_id} is {present.trigger}: only CRON jobs have next runs")
    return schedules.shown(upcoming)


def not_found(view: WorkspaceView, job: str) -> errors.JobNotFound:
    """Return the error for a job that does not exist."""
    return errors.JobNotFound(f"no job {job!r} in workspace {view.workspace}")


async def _no_way_to_deliver(view: WorkspaceView, endpoint: str, validated: str | None) -> errors.KronosError:
    workspace = await view.enter()
    if workspace.status != "ACTIVE":
        return errors.WorkspaceSuspended(view.workspace, workspace.status, "new jobs")
    if await payload_specs.is_other(view, endpoint, validated):
        return errors.Unvalidated(f"the payload spec of endpoint {endpoint!r} was changed at the same time: try again")
    return no_endpoint(view, endpoint)


def no_endpoint(view: WorkspaceView, endpoint: str) -> errors.EndpointNotFound:
    """Return the error for a job whose endpoint does not exist."""
    return errors.EndpointNotFound(
        f"no endpoint {endpoint!r} in workspace {view.workspace}",
        faults=(
            errors.Fault(
                pointer="/endpoint", detail="no such endpoint", hint="Create the endpoint first, or name another one."
            ),
        ),
    )
