"""Routes of jobs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from starlette.responses import Response

from kronos import changes, errors, executions, explain, jobs, ledger, pauses
from kronos.api.call import Call, answer
from kronos.api.conditions import etag
from kronos.api.copies import kind_of, shown
from kronos.api.cursors import Page, bounded, decoded, list_digest, number_of, numbered
from kronos.api.declared import Routes as Router
from kronos.api.requests import job_changes, job_edits, new_job, pause_terms
from kronos.api.schemas import (
    CountQuery,
    ExplainQuery,
    JobCreate,
    JobExecutionQuery,
    JobPatch,
    JobPause,
    JobQuery,
    JobSkipNext,
    JobTrigger,
    NoQuery,
    Nothing,
    PageQuery,
)
from kronos.executions import ExecutionFilter
from kronos.explain.facts import Explanation
from kronos.jobs import JobFilter
from kronos.ledger import JobFault, Ledger
from kronos.model import Execution, Job, JobStatus, JsonObject
from kronos.schedules import Preview
from kronos.system import WAITS_LONG

router = Router("jobs")
_PATH = "/v1/workspaces/{w}/jobs"
_ONE = "/v1/workspaces/{w}/jobs/{j}"
_ABSENT = (errors.WorkspaceNotFound, errors.JobNotFound)
_Health = Literal["HEALTHY", "DEGRADED", "FAILING", "IDLE", "ERROR"]
_COPY = kind_of(Job, JobPatch)
_CHANGE = (*_ABSENT, errors.Forbidden, errors.Conflict, errors.PreconditionFailed)
_WRITE = (*_ABSENT, errors.Forbidden, errors.Conflict, errors.PayloadTooLarge, errors.Unprocessable, errors.PgCronUnavailable)
_TURN = (*_WRITE, errors.PreconditionFailed)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """How a job is doing: its ticks of the last 24 hours by status, what they come to, and whether each is accounted for.

    HEALTHY: none failed, was missed or waits for more than a minute; DEGRADED: some; FAILING: none succeeded; IDLE: there was none; ERROR:
    `error` says why its ticks cannot be accounted for. `overdue_seconds`: how long its oldest due tick waits to be; 0 where none does.
    `waiting_seconds`: how long its oldest due execution waits to be taken by a worker. `warnings`: what keeps it waiting.
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


@router.operation(
    "POST",
    _PATH,
    body=JobCreate,
    headers=("Idempotency-Key",),
    tells=("ETag", "Location"),
    answers={201: Job, 200: Job},
    raises=(*_WRITE, errors.EndpointNotFound),
)
async def create_job(call: Call) -> Response:
    """Make a job; with a known idempotency key, the job that it made."""
    call.parameters(NoQuery)
    view, body = call.workspace(), await call.read(JobCreate)
    job, is_new = await jobs.create(view, new_job(body, call.idempotency_key(body.idempotency_key)))
    return _shown(call, job, 201 if is_new else 200, is_repeat=not is_new)


@router.operation("GET", _PATH, query=JobQuery, answers={200: Page[Job]}, raises=(errors.WorkspaceNotFound,))
async def list_jobs(call: Call) -> Response:
    """Jobs of a workspace, newest first."""
    view, query = call.workspace(), call.parameters(JobQuery)
    filters = query.model_dump(exclude={"limit", "cursor"})
    of = list_digest("jobs", view.workspace, filters)
    rows = await jobs.list_page(view, JobFilter(**filters), limit=query.limit, before=decoded(query.cursor, of))
    return answer(bounded(rows, of=of, place=lambda row: (row.created_at, row.job_id)))


@router.operation("GET", _ONE, tells=("ETag",), answers={200: Job}, raises=_ABSENT)
async def get_job(call: Call) -> Response:
    """One job."""
    call.parameters(NoQuery)
    job = await jobs.get(call.workspace(), call.job_ref())
    return answer(job, ETag=etag(job.version))


@router.operation(
    "PATCH",
    _ONE,
    body=JobPatch,
    headers=("If-Match",),
    tells=("ETag", "Location"),
    answers={200: Job},
    raises=(*_WRITE, errors.EndpointNotFound, errors.PreconditionFailed),
)
async def update_job(call: Call) -> Response:
    """Retire the version of a CRON job and make the next one, in one transaction."""
    call.parameters(NoQuery)
    view, ref, document, if_match = call.workspace(), call.job_ref(), await call.document(), call.if_match()
    if _COPY.told(document):
        present = await jobs.get(view, ref)
        document = job_edits(_COPY.edited(document, shown(present)))
        if_match = call.held_to(present.version)
        if not document:
            return _shown(call, present)
    return _shown(call, await changes.replace(view, ref, job_changes(await call.judged(JobPatch, document)), if_match=if_match))


@router.operation("DELETE", _ONE, headers=("If-Match",), tells=("ETag",), answers={200: Job}, raises=(*_CHANGE, errors.PgCronUnavailable))
async def cancel_job(call: Call) -> Response:
    """Retire a job and remove its pg_cron entry, in one transaction."""
    call.parameters(NoQuery)
    job = await changes.cancel(call.workspace(), call.job_ref(), if_match=call.if_match())
    return answer(job, ETag=etag(job.version))


@router.operation(
    "POST", _ONE + "/pause", body=JobPause, needs_body=False, headers=("If-Match",), tells=("ETag",), answers={200: Job}, raises=_TURN
)
async def pause_job(call: Call) -> Response:
    """Stop a CRON job's ticks until it is resumed, or until an instant."""
    call.parameters(NoQuery)
    view, ref, body = call.workspace(), call.job_ref(), await call.read(JobPause, optional=True)
    job = await pauses.pause(view, ref, pause_terms(body), actor=call.caller.actor, if_match=call.if_match())
    return answer(job, ETag=etag(job.version))


@router.operation(
    "POST", _ONE + "/resume", body=Nothing, needs_body=False, headers=("If-Match",), tells=("ETag",), answers={200: Job}, raises=_TURN
)
async def resume_job(call: Call) -> Response:
    """Go on with a paused job."""
    call.parameters(NoQuery)
    view, ref, _ = call.workspace(), call.job_ref(), await call.read(Nothing, optional=True)
    job = await pauses.resume(view, ref, if_match=call.if_match())
    return answer(job, ETag=etag(job.version))


@router.operation("POST", _ONE + "/skip-next", body=JobSkipNext, headers=("If-Match",), tells=("ETag",), answers={200: Job}, raises=_TURN)
async def skip_next_ticks(call: Call) -> Response:
    """Skip so many of a CRON job's next ticks."""
    call.parameters(NoQuery)
    view, ref, body = call.workspace(), call.job_ref(), await call.read(JobSkipNext)
    job = await pauses.skip_next(view, ref, count=body.count, if_match=call.if_match())
    return answer(job, ETag=etag(job.version))


@router.operation(
    "POST",
    _ONE + "/trigger",
    body=JobTrigger,
    needs_body=False,
    headers=("Idempotency-Key",),
    tells=("Location",),
    answers={202: Execution},
    raises=_WRITE,
    shown_at="/v1/workspaces/{w}/jobs/{j}/executions",
)
async def trigger_job(call: Call) -> Response:
    """Run a CRON job once now, beside its schedule; with a known idempotency key, the run that it made."""
    call.parameters(NoQuery)
    view, ref, body = call.workspace(), call.job_ref(), await call.read(JobTrigger, optional=True)
    execution, is_new = await changes.trigger(view, ref, input=body.input, idempotency_key=call.idempotency_key())
    location = call.path("workspaces", execution.workspace, "executions", execution.execution_id)
    return answer(execution, 202, Location=location, is_repeat=not is_new)


@router.operation("GET", _ONE + "/executions", query=JobExecutionQuery, answers={200: Page[Execution]}, raises=_ABSENT)
async def list_job_executions(call: Call) -> Response:
    """Executions of a job, newest first."""
    view, ref, query = call.workspace(), call.job_ref(), call.parameters(JobExecutionQuery)
    filters = query.model_dump(exclude={"limit", "cursor"}) | {"job": ref}
    of = list_digest("executions", view.workspace, filters)
    before = decoded(query.cursor, of)
    rows = await executions.list_page(view, ExecutionFilter(**filters), limit=query.limit, before=before)
    if not rows:
        await jobs.get(view, ref)  # no such job is 404, not an empty list
    return answer(bounded(rows, of=of, place=lambda row: (row.created_at, row.execution_id)))


@router.operation("GET", _ONE + "/versions", query=PageQuery, answers={200: Page[Job]}, raises=_ABSENT)
async def list_job_versions(call: Call) -> Response:
    """Versions of a job, newest first."""
    view, ref, query = call.workspace(), call.job_ref(), call.parameters(PageQuery)
    of = list_digest("versions", view.workspace, {"job": ref})
    rows = await jobs.versions(view, ref, limit=query.limit, before=number_of(decoded(query.cursor, of)))
    return answer(bounded(rows, of=of, place=lambda row: numbered(row.version, row.job_id)))


@router.operation("GET", _ONE + "/status", answers={200: JobState}, raises=_ABSENT)
async def get_job_status(call: Call) -> Response:
    """A job's health and its last 24 hours."""
    call.parameters(NoQuery)
    view, ref = call.workspace(), call.job_ref()
    job = await jobs.get(view, ref)
    counts = {count.status: count.ticks for count in await jobs.statistics(view, ref)}
    standing = await ledger.standing(view, str(job.job_id))
    waits_long = standing.waiting_seconds > WAITS_LONG.total_seconds()
    state = JobState(
        job_id=job.job_id,
        status=job.status,
        health=_health(counts, waits_long=waits_long) if standing.fault is None else "ERROR",
        error=standing.fault,
        next_run_at=job.next_run_at,
        last_run_at=job.last_run_at,
        overdue_seconds=round(standing.overdue_seconds, 3),
        waiting_seconds=round(standing.waiting_seconds, 3),
        warnings=_why_waiting(standing) if standing.waiting_seconds > 0 else [],
        pg_cron=job.pg_cron,
        last_24h=counts,
        ledger=standing.ledger,
    )
    return answer(state)


@router.operation("GET", _ONE + "/next-runs", query=CountQuery, answers={200: Preview}, raises=(*_ABSENT, errors.Conflict))
async def list_next_runs(call: Call) -> Response:
    """A CRON job's next runs."""
    query = call.parameters(CountQuery)
    return answer(await jobs.next_runs(call.workspace(), call.job_ref(), count=query.count))


@router.operation("GET", _ONE + "/explain", query=ExplainQuery, answers={200: Explanation}, raises=_ABSENT)
async def explain_job(call: Call) -> Response:
    """Why a job did or did not run at an instant."""
    query = call.parameters(ExplainQuery)
    return answer(await explain.explain(call.workspace(), call.job_ref(), at=query.at))


def _shown(call: Call, job: Job, status: int = 200, *, is_repeat: bool = False) -> Response:
    location = call.path("workspaces", job.workspace, "jobs", job.job_id)
    return answer(job, status, Location=location, ETag=etag(job.version), is_repeat=is_repeat)


def _why_waiting(standing: ledger.Standing) -> list[str]:
    if standing.worker_sessions == 0:
        return ["no worker is connected: nothing is delivered until one is"]
    if standing.waiting_seconds > WAITS_LONG.total_seconds():
        return [f"a due execution has waited for {standing.waiting_seconds:.0f} s; GET …/explain says what for"]
    return []


def _health(counts: dict[str, int], *, waits_long: bool) -> _Health:
    if not counts:
        return "IDLE"
    if not waits_long and not any(counts.get(status) for status in ("FAILED", "MISSED", "EXPIRED", "RETRYING")):
        return "HEALTHY"
    return "DEGRADED" if counts.get("SUCCESS") else "FAILING"
