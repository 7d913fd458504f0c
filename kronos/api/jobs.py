"""Routes of jobs."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Body, Query
from starlette.responses import Response

from kronos import alerts, changes, errors, executions, explain, fire_diffs, jobs, ledger, pauses
from kronos.alert_rows import OpenAlert
from kronos.api import job_lists
from kronos.api.call import Call, Draft, answer
from kronos.api.conditions import etag, held_to
from kronos.api.copies import kind_of, shown
from kronos.api.cursors import Page, bounded, decoded, list_digest, number_of, numbered
from kronos.api.dependencies import (
    READ_FROM,
    CallerOf,
    IdempotencyKey,
    IfMatch,
    JobRef,
    ReadView,
    View,
    one_idempotency_key,
)
from kronos.api.document import answers, problems
from kronos.api.job_schemas import JobCreate, JobPatch, JobPause, JobSkipNext, JobTrigger
from kronos.api.operation import Router, sets_a_state, shown_at
from kronos.api.query_schemas import (
    CountQuery,
    ExplainQuery,
    JobExecutionQuery,
    JobQuery,
    PageQuery,
    TickDaysQuery,
    TicksQuery,
)
from kronos.api.requests import job_changes, job_edits, new_job, pause_terms
from kronos.api.schemas import Nothing
from kronos.database import WorkspaceView
from kronos.executions import ExecutionFilter
from kronos.explain import ticks
from kronos.explain.facts import Explanation
from kronos.explain.ticks import TickDays, Ticks
from kronos.fire_diffs import FireDiff
from kronos.ledger import JobFault, Ledger
from kronos.model import Execution, Job, JobStatus, JsonObject, Role
from kronos.readiness import WAITS_LONG
from kronos.records import dataclass
from kronos.schedules import Preview

router = Router("/v1/workspaces/{w}/jobs", tags=["jobs"])
_ABSENT = (errors.WorkspaceNotFound, errors.JobNotFound)
_Health = Literal["HEALTHY", "DEGRADED", "FAILING", "IDLE", "ERROR"]
_COPY = kind_of(Job, JobPatch)
_CHANGE = (*_ABSENT, errors.Forbidden, errors.Conflict, errors.PreconditionFailed)
_WRITE = (
    *_ABSENT,
    errors.Forbidden,
    errors.Conflict,
    errors.PayloadTooLarge,
    errors.Unprocessable,
    errors.PgCronUnavailable,
)
_TURN = (*_WRITE, errors.PreconditionFailed)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """A job's health, its ticks of the last 24 hours by status, and whether each tick is accounted for.

    HEALTHY: no tick failed, was missed, or waits for more than a minute. DEGRADED: some did. FAILING: none succeeded.
    IDLE: there were no ticks. ERROR: `error` is why its ticks cannot be accounted for.

    `overdue_seconds`: how long the oldest due tick has waited to be accounted for; 0 if there is none.
    `waiting_seconds`: how long the oldest due execution has waited for a worker. `warnings`: why it waits. `alerts`:
    the job's newest ten open incidents.
    """

    job_id: UUID
    status: JobStatus
    health: _Health
    error: JobFault | None
    next_run_at: datetime | None
    last_run_at: datetime | None
    overdue_seconds: float
    waiting_seconds: float
    warnings: list[str]
    pg_cron: JsonObject | None
    last_24h: dict[str, int]
    ledger: Ledger | None
    alerts: list[OpenAlert]


@router.post(
    "",
    needs=Role.OPERATOR,
    status_code=201,
    responses=answers({201: Job, 200: Job}, "ETag", "Location", "Idempotent-Replayed")
    | problems(*_WRITE, errors.EndpointNotFound),
)
async def create_job(call: Call, view: View, body: JobCreate, key: IdempotencyKey = None) -> Response:
    """Create a job. With a known idempotency key, return the job created before."""
    job, is_new = await jobs.create(view, new_job(body, one_idempotency_key(call, key, body.idempotency_key)))
    return _shown(call, job, 201 if is_new else 200, is_repeat=not is_new)


@router.get("", needs=Role.VIEWER, responses=answers({200: Page[Job]}, READ_FROM) | problems(errors.WorkspaceNotFound))
async def list_jobs(view: ReadView, query: Annotated[JobQuery, Query()]) -> Response:
    """List the jobs of a workspace, newest first or in the order given by `sort`."""
    return answer(await job_lists.page_of(view, query, limit=query.limit))


@router.get("/{j}", needs=Role.VIEWER, responses=answers({200: Job}, READ_FROM, "ETag") | problems(*_ABSENT))
async def get_job(view: ReadView, ref: JobRef) -> Response:
    """Get a job."""
    job = await jobs.get(view, ref)
    return answer(job, ETag=etag(job.version))


@router.patch(
    "/{j}",
    needs=Role.OPERATOR,
    responses=answers({200: Job}, "ETag", "Location")
    | problems(*_WRITE, errors.EndpointNotFound, errors.PreconditionFailed),
)
@sets_a_state
async def update_job(call: Call, view: View, ref: JobRef, draft: Draft[JobPatch], if_match: IfMatch = None) -> Response:
    """Change a CRON job: retire its current version and create the next one, in one transaction."""
    document = draft.document
    if _COPY.given(document):
        present = await jobs.get(view, ref)
        document = job_edits(_COPY.edited(document, shown(present)))
        if_match = held_to(present.version, if_match)
        if not document:
            return _shown(call, present)
    body = await draft.judged(document, lambda: jobs.get(view, ref))
    return _shown(call, await changes.replace(view, ref, job_changes(body), if_match=if_match))


@router.post(
    "/{j}/diff",
    needs=Role.VIEWER,
    responses=answers({200: FireDiff})
    | problems(*_ABSENT, errors.Conflict, errors.PayloadTooLarge, errors.Unprocessable),
)
@sets_a_state
async def preview_change(view: View, ref: JobRef, draft: Draft[JobPatch]) -> Response:
    """Preview how a change would affect a CRON job's runs in the next 7 days. Nothing is written."""
    body = await draft.judged(draft.document, lambda: jobs.get(view, ref))
    return answer(await fire_diffs.foreseen(view, ref, job_changes(body)))


@router.delete(
    "/{j}", needs=Role.OPERATOR, responses=answers({200: Job}, "ETag") | problems(*_CHANGE, errors.PgCronUnavailable)
)
async def cancel_job(view: View, ref: JobRef, if_match: IfMatch = None) -> Response:
    """Cancel a job: retire it and remove its pg_cron entry, in one transaction."""
    job = await changes.cancel(view, ref, if_match=if_match)
    return answer(job, ETag=etag(job.version))


@router.post("/{j}/pause", needs=Role.OPERATOR, responses=answers({200: Job}, "ETag") | problems(*_TURN))
@sets_a_state
async def pause_job(
    view: View,
    ref: JobRef,
    caller: CallerOf,
    body: Annotated[JobPause, Body(default_factory=JobPause)],
    if_match: IfMatch = None,
) -> Response:
    """Pause a CRON job until it is resumed, or until a given time."""
    job = await pauses.pause(view, ref, pause_terms(body), actor=caller.actor, if_match=if_match)
    return answer(job, ETag=etag(job.version))


@router.post("/{j}/resume", needs=Role.OPERATOR, responses=answers({200: Job}, "ETag") | problems(*_TURN))
@sets_a_state
async def resume_job(
    view: View, ref: JobRef, _: Annotated[Nothing, Body(default_factory=Nothing)], if_match: IfMatch = None
) -> Response:
    """Resume a paused job."""
    job = await pauses.resume(view, ref, if_match=if_match)
    return answer(job, ETag=etag(job.version))


@router.post("/{j}/skip-next", needs=Role.OPERATOR, responses=answers({200: Job}, "ETag") | problems(*_TURN))
async def skip_next_ticks(view: View, ref: JobRef, body: JobSkipNext, if_match: IfMatch = None) -> Response:
    """Skip the given number of a CRON job's next ticks."""
    job = await pauses.skip_next(view, ref, count=body.count, if_match=if_match)
    return answer(job, ETag=etag(job.version))


@router.post(
    "/{j}/trigger",
    needs=Role.OPERATOR,
    status_code=202,
    responses=answers({202: Execution}, "Location", "Idempotent-Replayed") | problems(*_WRITE),
)
@shown_at("/v1/workspaces/{w}/jobs/{j}/executions")
async def trigger_job(
    call: Call,
    view: View,
    ref: JobRef,
    body: Annotated[JobTrigger, Body(default_factory=JobTrigger)],
    key: IdempotencyKey = None,
) -> Response:
    """Run a CRON job once now, outside its schedule. With a known idempotency key, return the run created before."""
    execution, is_new = await changes.trigger(
        view,
        ref,
        input=body.input,
        priority=body.priority,
        deadline_seconds=body.deadline_seconds,
        idempotency_key=key,
    )
    location = call.path("workspaces", execution.workspace, "executions", execution.execution_id)
    return answer(execution, 202, Location=location, is_repeat=not is_new)


@router.get(
    "/{j}/executions", needs=Role.VIEWER, responses=answers({200: Page[Execution]}, READ_FROM) | problems(*_ABSENT)
)
async def list_job_executions(view: ReadView, ref: JobRef, query: Annotated[JobExecutionQuery, Query()]) -> Response:
    """List a job's executions, newest first."""
    filters = query.model_dump(exclude={"limit", "cursor"}) | {"job": ref}
    of = list_digest("executions", view.workspace, filters)
    before = decoded(query.cursor, of)
    rows = await executions.list_page(view, ExecutionFilter(**filters), limit=query.limit, before=before)
    if not rows:
        await jobs.get(view, ref)  # an unknown job is a 404, not an empty list
    return answer(bounded(rows, of=of, place=lambda row: (row.created_at, row.execution_id)))


@router.get("/{j}/versions", needs=Role.VIEWER, responses=answers({200: Page[Job]}, READ_FROM) | problems(*_ABSENT))
async def list_job_versions(view: ReadView, ref: JobRef, query: Annotated[PageQuery, Query()]) -> Response:
    """List a job's versions, newest first."""
    of = list_digest("versions", view.workspace, {"job": ref})
    rows = await jobs.versions(view, ref, limit=query.limit, before=number_of(decoded(query.cursor, of)))
    return answer(bounded(rows, of=of, place=lambda row: numbered(row.version, row.job_id)))


@router.get("/{j}/status", needs=Role.VIEWER, responses=answers({200: JobState}) | problems(*_ABSENT))
async def get_job_status(view: View, ref: JobRef) -> Response:
    """Get a job's health and the outcome of its last 24 hours."""
    return answer(await state_of(view, await jobs.get(view, ref), ref))


@router.get(
    "/{j}/next-runs", needs=Role.VIEWER, responses=answers({200: Preview}) | problems(*_ABSENT, errors.Conflict)
)
async def list_next_runs(view: View, ref: JobRef, query: Annotated[CountQuery, Query()]) -> Response:
    """List a CRON job's next runs."""
    return answer(await jobs.next_runs(view, ref, count=query.count))


@router.get("/{j}/explain", needs=Role.VIEWER, responses=answers({200: Explanation}) | problems(*_ABSENT))
async def explain_job(view: View, ref: JobRef, query: Annotated[ExplainQuery, Query()]) -> Response:
    """Explain why a job did or did not run at an instant."""
    return answer(await explain.explain(view, ref, at=await explain.instant_of(view, ref, query.at)))


@router.get(
    "/{j}/ticks",
    needs=Role.VIEWER,
    responses=answers({200: Ticks}) | problems(*_ABSENT, errors.Conflict, errors.Unprocessable),
)
async def list_ticks(view: View, ref: JobRef, query: Annotated[TicksQuery, Query()]) -> Response:
    """List a CRON job's ticks in a window, and the outcome of each."""
    since, until = await _window_of(view, ref, query)
    return answer(await ticks.list_ticks(view, ref, since=since, until=until, limit=query.limit))


@router.get(
    "/{j}/ticks/days",
    needs=Role.VIEWER,
    responses=answers({200: TickDays}) | problems(*_ABSENT, errors.Conflict, errors.Unprocessable),
)
async def count_tick_days(view: View, ref: JobRef, query: Annotated[TickDaysQuery, Query()]) -> Response:
    """Count a CRON job's ticks in a window, by day and outcome."""
    since, until = await _window_of(view, ref, query)
    return answer(await ticks.count_days(view, ref, since=since, until=until, timezone=query.timezone))


async def _window_of(
    view: WorkspaceView, ref: str, query: TicksQuery | TickDaysQuery
) -> tuple[datetime | None, datetime | None]:
    """Return the window as instants. Raises JobNotFound."""
    since = await explain.instant_of(view, ref, query.from_)
    return since, await explain.instant_of(view, ref, query.to)


async def state_of(view: WorkspaceView, job: Job, ref: str) -> JobState:
    """Return the state of the job that `ref` names. A name includes the ticks of all versions."""
    counts = {count.status: count.ticks for count in await jobs.statistics(view, ref)}
    standing = await ledger.standing(view, str(job.job_id))
    waits_long = standing.waiting_seconds > WAITS_LONG.total_seconds()
    return JobState(
        job_id=job.job_id,
        status=job.status,
        health=_health(counts, waits_long=waits_long) if standing.fault is None else "ERROR",
        error=standing.fault,
        next_run_at=job.next_run_at,
        last_run_at=job.last_run_at,
        overdue_seconds=round(standing.overdue_seconds, 3),
        waiting_seconds=round(standing.waiting_seconds, 3),
        warnings=[*_kept_off(standing, job), *(_why_waiting(standing) if standing.waiting_seconds > 0 else [])],
        pg_cron=job.pg_cron,
        last_24h=counts,
        ledger=standing.ledger,
        alerts=await alerts.open_of(view, job=str(job.job_id)),
    )


def _shown(call: Call, job: Job, status: int = 200, *, is_repeat: bool = False) -> Response:
    location = call.path("workspaces", job.workspace, "jobs", job.job_id)
    return answer(job, status, Location=location, ETag=etag(job.version), is_repeat=is_repeat)


def _why_waiting(standing: ledger.Standing) -> list[str]:
    if standing.worker_sessions == 0:
        return ["no worker is connected: nothing is delivered until one connects"]
    if standing.unserved_group is not None:
        return [
            f"no worker serves the group {standing.unserved_group} of the job's endpoint: its executions are not "
            "delivered until one does"
        ]
    if standing.waiting_seconds > WAITS_LONG.total_seconds():
        return [f"a due execution has waited for {standing.waiting_seconds:.0f} s; explain shows why"]
    return []


def _kept_off(standing: ledger.Standing, job: Job) -> list[str]:
    """Return a warning if the job's endpoint is disabled or slowed down, with the reason."""
    health = standing.endpoint_health or {}
    if health.get("state") not in ("DISABLED", "SLOWED"):
        return []
    reason = health.get("reason") or {}
    until = health.get("until")
    said = f"the endpoint {job.endpoint} has been {health['state']} since {health['since']}: {reason.get('detail')}"
    if health["state"] == "SLOWED":
        return [f"{said}; nothing is delivered to it until {until}"]
    tried = f"; it is tried again at {until} or later" if until else ""
    return [f"{said}{tried}; `kronos endpoint enable {job.endpoint}` enables it"]


def _health(counts: dict[str, int], *, waits_long: bool) -> _Health:
    if not counts:
        return "IDLE"
    if not waits_long and not any(counts.get(status) for status in ("FAILED", "MISSED", "EXPIRED", "RETRYING")):
        return "HEALTHY"
    return "DEGRADED" if counts.get("SUCCESS") else "FAILING"
