"""The route that creates many jobs in one request."""

from typing import Any

import orjson
from pydantic import Field, ValidationError
from starlette.responses import Response

from kronos import batches, errors, reading
from kronos.api import problems
from kronos.api.call import Call, Draft
from kronos.api.dependencies import View
from kronos.api.document import answers
from kronos.api.document import problems as documented
from kronos.api.fields import Body
from kronos.api.job_schemas import JobBatch, JobCreate
from kronos.api.operation import Router, shown_at
from kronos.api.requests import new_job
from kronos.api.validation import faults_of, trimmed
from kronos.batches import MOST_JOBS, Made
from kronos.model import Job, Json, JsonObject, Role
from kronos.new_jobs import NewJob
from kronos.records import dataclass

router = Router("/v1/workspaces/{w}/jobs:batch", tags=["jobs"])


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsMade:
    """The result for each job, in request order: the job, or the problem that prevented it."""

    data: list[Job | problems.Problem]


class _Envelope(Body):
    """A batch whose jobs are not validated yet."""

    jobs: list[Any] = Field(min_length=1, max_length=MOST_JOBS)
    atomic: bool = True


@router.post(
    "",
    needs=Role.OPERATOR,
    status_code=201,
    responses=answers({201: JobsMade}, "Idempotent-Replayed")
    | documented(
        errors.WorkspaceNotFound,
        errors.EndpointNotFound,
        errors.Forbidden,
        errors.Conflict,
        errors.PayloadTooLarge,
        errors.Unprocessable,
        errors.PgCronUnavailable,
    ),
)
@shown_at("/v1/workspaces/{w}/jobs")
async def create_jobs(call: Call, view: View, draft: Draft[JobBatch]) -> Response:
    """Create up to 1,000 jobs: all or none, or each separately."""
    asked, is_atomic = await call.aside(lambda: _read(draft.document))
    call.scope["kronos.is_repeatable"] = all(
        each.idempotency_key is not None for each in asked if isinstance(each, NewJob)
    )
    made, is_repeat = await batches.create(view, asked, is_atomic=is_atomic)
    content = await call.aside(lambda: _written(call, made))
    replayed = {"Idempotent-Replayed": "true"} if is_repeat else None
    return Response(content, 201, media_type="application/json", headers=replayed)


def _read(document: JsonObject) -> tuple[list[NewJob | errors.KronosError], bool]:
    """Return the jobs, or the error of each, and whether the batch is atomic. Raises Unprocessable."""
    try:
        envelope = _Envelope.model_validate(trimmed(document, JobBatch))
    except ValidationError as error:
        raise errors.Unprocessable.of(*faults_of(error, JobBatch)) from None
    return [_job(each) for each in envelope.jobs], envelope.atomic


def _job(given: Json) -> NewJob | errors.KronosError:
    """Return one job, or its error."""
    if not isinstance(given, dict):
        return errors.Unprocessable.of(
            errors.Fault(
                pointer="",
                detail="a job must be an object",
                hint='Write each job as an object, such as {"endpoint": "sink", "trigger": "IMMEDIATE"}.',
            )
        )
    try:
        is_modest = (
            len(given) <= len(JobCreate.model_fields) and "catch_up" not in given
        )  # else pydantic may report many
        body = JobCreate.model_validate(given if is_modest else trimmed(given, JobCreate))
    except ValidationError as error:
        return errors.Unprocessable.of(*faults_of(error, JobCreate))
    try:
        return new_job(body, body.idempotency_key)
    except errors.Unprocessable as refused:
        return refused


def _written(call: Call, made: list[Made | errors.KronosError]) -> bytes:
    data = [problems.of_item(each, call.scope) if isinstance(each, errors.KronosError) else each for each in made]
    return orjson.dumps({"data": data}, reading.plain, orjson.OPT_UTC_Z)
