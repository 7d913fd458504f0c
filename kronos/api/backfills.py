"""Routes of backfills: a job's ticks of a past window, delivered later."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Body, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from kronos import backfills, errors, jobs
from kronos.api.call import Call, answer
from kronos.api.cursors import Page, decoded, list_digest, page
from kronos.api.dependencies import READ_FROM, BackfillId, IdempotencyKey, JobRef, ReadView, View
from kronos.api.document import answers, problems
from kronos.api.job_schemas import BackfillCreate
from kronos.api.operation import Router, sets_a_state, shown_at
from kronos.api.query_schemas import PageQuery
from kronos.api.requests import new_backfill
from kronos.api.schemas import Nothing
from kronos.backfills import TickCount
from kronos.model import Backfill, BackfillStatus, JsonObject, Role, TickOutcome
from kronos.records import dataclass

router = Router("/v1/workspaces/{w}", tags=["backfills"])
_ABSENT = (errors.WorkspaceNotFound, errors.BackfillNotFound)
_WRITE = (errors.WorkspaceNotFound, errors.Forbidden, errors.Conflict, errors.PayloadTooLarge, errors.Unprocessable)

_NAMES = {"from_at": "from", "to_at": "to"}  # in Python `from` is a keyword


class BackfillShown(BaseModel):
    """A backfill, as the API returns it."""

    model_config = ConfigDict(defer_build=True)

    backfill_id: UUID
    job_id: UUID
    workspace: str
    status: BackfillStatus
    status_reason: JsonObject | None
    from_at: datetime = Field(alias="from")
    to_at: datetime = Field(alias="to")
    max_active: int
    include: list[TickOutcome]
    ticks: int
    created: int
    redriven: int
    left_out: int
    progress: dict[str, int]
    created_at: datetime
    completed_at: datetime | None
    priority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillCount:
    """What a backfill would do now: its ticks, how many are left out, and how many would run. `redriven` of those
    FAILED before."""

    ticks: int
    left_out: int
    to_run: int
    redriven: int
    first: datetime | None
    last: datetime | None


@router.post(
    "/jobs/{j}/backfill",
    needs=Role.OPERATOR,
    status_code=202,
    responses=answers({202: BackfillShown, 200: BackfillCount}, "Location", "Idempotent-Replayed")
    | problems(*_WRITE, errors.JobNotFound),
)
@shown_at("/v1/workspaces/{w}/jobs/{j}/backfills")
async def backfill_job(
    call: Call, view: View, ref: JobRef, body: BackfillCreate, key: IdempotencyKey = None
) -> Response:
    """Run a CRON job's ticks of a past window.

    With validate_only, only count them. With a known idempotency key, return the backfill created before."""
    new = new_backfill(body)
    if body.validate_only:
        return answer(_counted(await backfills.count(view, ref, new)))
    backfill, is_new = await backfills.start(view, ref, new, idempotency_key=key)
    location = call.path("workspaces", backfill.workspace, "backfills", backfill.backfill_id)
    return answer(_shown(backfill), 202, Location=location, is_repeat=not is_new)


@router.get(
    "/jobs/{j}/backfills",
    needs=Role.VIEWER,
    responses=answers({200: Page[BackfillShown]}, READ_FROM) | problems(errors.WorkspaceNotFound, errors.JobNotFound),
)
async def list_backfills(view: ReadView, ref: JobRef, query: Annotated[PageQuery, Query()]) -> Response:
    """List a job's backfills, newest first."""
    of = list_digest("backfills", view.workspace, {"job": ref})
    rows = await backfills.list_page(view, ref, limit=query.limit + 1, before=decoded(query.cursor, of))
    if not rows:
        await jobs.get(view, ref)  # an unknown job is a 404, not an empty list
    found = page(rows, limit=query.limit, of=of, place=lambda row: (row.created_at, row.backfill_id))
    return answer(Page(data=[_shown(row) for row in found.data], next_cursor=found.next_cursor))


@router.get(
    "/backfills/{b}", needs=Role.VIEWER, responses=answers({200: BackfillShown}, READ_FROM) | problems(*_ABSENT)
)
async def get_backfill(view: ReadView, backfill_id: BackfillId) -> Response:
    """Get a backfill and the progress of its executions."""
    return answer(_shown(await backfills.get(view, backfill_id)))


@router.post(
    "/backfills/{b}/cancel",
    needs=Role.OPERATOR,
    responses=answers({200: BackfillShown}) | problems(*_WRITE, errors.BackfillNotFound),
)
@sets_a_state
async def cancel_backfill(
    view: View, backfill_id: BackfillId, _: Annotated[Nothing, Body(default_factory=Nothing)]
) -> Response:
    """Cancel a backfill: waiting executions are cancelled, running ones are aborted."""
    return answer(_shown(await backfills.cancel(view, backfill_id)))


def _shown(backfill: Backfill) -> JsonObject:
    return {_NAMES.get(name, name): value for name, value in asdict(backfill).items()}


def _counted(counted: TickCount) -> BackfillCount:
    return BackfillCount(
        ticks=counted.ticks,
        left_out=counted.left_out,
        to_run=counted.ticks - counted.left_out,
        redriven=counted.redriven,
        first=counted.first_at,
        last=counted.last_at,
    )
