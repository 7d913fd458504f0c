"""Routes for actions on many jobs, and for the recent runs of many jobs."""

from collections.abc import Iterator
from typing import Annotated
from uuid import UUID

from fastapi import Body, Query
from starlette.responses import Response

from kronos import bulk_jobs, errors, glances, job_operations
from kronos.api.bulk_schemas import JobBulk, JobOperation
from kronos.api.call import Call, answer
from kronos.api.cursors import decoded, encoded, list_digest, numbered
from kronos.api.dependencies import CallerOf, IdempotencyKey, ReadView, View
from kronos.api.document import answers, problems
from kronos.api.operation import Router, refuse_unread_key, sets_a_state, shown_at
from kronos.api.query_schemas import GlanceQuery
from kronos.bulk_jobs import Bulk, BulkAction, BulkCount, RefusedJob
from kronos.errors import Fault
from kronos.glances import Glance
from kronos.job_operations import NewJobOperation
from kronos.jobs import JobFilter
from kronos.model import BulkOperation, Role
from kronos.pauses import PauseTerms
from kronos.records import dataclass
from kronos.server_time import CLOCK

router = Router("/v1/workspaces/{w}", tags=["jobs"])


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkDone:
    """The result of a call: how many jobs were changed, and which were rejected. `next_cursor`: more jobs remain;
    repeat the call with the same body and this cursor. null: all jobs are done."""

    action: BulkAction
    done: int
    refused: list[RefusedJob]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Glances:
    """The recent runs of the requested jobs, in request order. Jobs that are not CRON jobs are omitted."""

    data: list[Glance]


@router.post(
    "/jobs:bulk",
    needs=Role.OPERATOR,
    responses=answers({200: BulkDone | BulkCount})
    | problems(
        errors.WorkspaceNotFound,
        errors.Forbidden,
        errors.Conflict,
        errors.PayloadTooLarge,
        errors.Unprocessable,
        errors.PgCronUnavailable,
    ),
)
@sets_a_state
@shown_at("/v1/workspaces/{w}/jobs")
async def change_jobs(call: Call, view: View, caller: CallerOf, body: Annotated[JobBulk, Body()]) -> Response:
    """Pause, resume, cancel or trigger many jobs, up to 500 per call.

    The jobs are listed, or match a filter. Each is changed separately. With validate_only, only count them."""
    call.scope["kronos.is_repeatable"] = is_repeatable = body.idempotency_key is not None
    if body.action == "trigger" and not (is_repeatable or body.validate_only):
        refuse_unread_key(call)
    bulk = bulk_of(body, actor=caller.actor)
    if body.validate_only:
        return answer(await bulk_jobs.count(view, bulk))
    return answer(await done_step(view, bulk, limit=body.limit, cursor=body.cursor))


@router.get(
    "/jobs:glance",
    needs=Role.VIEWER,
    responses=answers({200: Glances}) | problems(errors.WorkspaceNotFound, errors.Unprocessable),
)
async def list_glances(view: ReadView, query: Annotated[GlanceQuery, Query()]) -> Response:
    """List the last 20 runs of each of the given CRON jobs, with their success rate and durations."""
    found = await glances.recent(view, query.job_ids)
    return answer(Glances(data=list(found.values())))


@router.post(
    "/operations",
    needs=Role.OPERATOR,
    status_code=202,
    responses=answers({202: BulkOperation}, "Location", "Idempotent-Replayed")
    | problems(
        errors.WorkspaceNotFound, errors.Forbidden, errors.Conflict, errors.PayloadTooLarge, errors.Unprocessable
    ),
)
@shown_at("/v1/workspaces/{w}/operations")
async def begin_operation(
    call: Call, view: View, caller: CallerOf, body: Annotated[JobOperation, Body()], key: IdempotencyKey = None
) -> Response:
    """Start an operation that pauses, resumes, cancels or triggers all jobs that match a filter.

    It runs in the background and continues if the client disconnects."""
    new = operation_of(body, actor=caller.actor)
    operation, is_new = await job_operations.begin(view, new, idempotency_key=key)
    location = call.path("workspaces", operation.workspace, "operations", operation.operation_id)
    return answer(operation, 202, Location=location, is_repeat=not is_new)


def operation_of(body: JobOperation, *, actor: str) -> NewJobOperation:
    """Return what a request asks for. Raises Unprocessable."""
    if faults := list(_pause_faults(body)):
        raise errors.Unprocessable.of(*faults)
    which = JobFilter(**body.filter.model_dump())
    bulk = Bulk(action=body.action, which=which, terms=_terms(body), actor=actor)
    return NewJobOperation(bulk=bulk, per_second=body.per_second, at_most=body.at_most)


def bulk_of(body: JobBulk, *, actor: str) -> Bulk:
    """Return what a request asks for. Raises Unprocessable."""
    faults = []
    if (body.jobs is None) == (body.filter is None):
        hint = "List up to 500 jobs, or give a filter; an empty filter, {}, matches all jobs."
        faults.append(Fault(pointer="", detail="exactly one of jobs and filter must be given", hint=hint))
    faults += _pause_faults(body)
    if body.idempotency_key is not None and body.action != "trigger":
        detail = "idempotency_key requires action trigger: the other actions are safe to repeat without a key"
        faults.append(Fault(pointer="/idempotency_key", detail=detail, hint="Omit it."))
    if faults:
        raise errors.Unprocessable.of(*faults)
    return Bulk(
        action=body.action,
        jobs=tuple(dict.fromkeys(body.jobs or ())),
        which=None if body.filter is None else JobFilter(**body.filter.model_dump()),
        terms=_terms(body),
        actor=actor,
        key=body.idempotency_key,
    )


def _pause_faults(body: JobBulk | JobOperation) -> Iterator[Fault]:
    for name in ("note", "pause_until"):
        if name in body.model_fields_set and body.action != "pause":
            yield Fault(pointer=f"/{name}", detail=f"{name} requires action pause", hint="Omit it.")
    if body.pause_until is not None and body.pause_until <= CLOCK.now():
        detail = f"{body.pause_until.isoformat()} is in the past"
        yield Fault(pointer="/pause_until", detail=detail, hint="Write a later time, or omit it.")


def _terms(body: JobBulk | JobOperation) -> PauseTerms:
    terms = PauseTerms()
    if body.note is not None:
        terms["note"] = body.note
    if body.pause_until is not None:
        terms["until"] = body.pause_until
    return terms


async def done_step(view: View, bulk: Bulk, *, limit: int, cursor: str | None) -> BulkDone:
    """Take one step, starting at the cursor. Raises InvalidRequest for the cursor of another action."""
    which = {"action": bulk.action, "jobs": bulk.jobs, "filter": bulk.which}
    of = list_digest("bulk", view.workspace, which)
    place = decoded(cursor, of)
    before = None if place is None else place if bulk.which is not None else place[1].int
    made = await bulk_jobs.step(view, bulk, limit=limit, before=before)
    after = made.next_place
    if isinstance(after, int):
        after = numbered(0, UUID(int=after))
    return BulkDone(
        action=bulk.action,
        done=made.done,
        refused=made.refused,
        next_cursor=None if after is None else encoded(of, after),
    )
