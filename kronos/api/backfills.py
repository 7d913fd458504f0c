"""Routes of backfills: a job's ticks of a past window, delivered later."""

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field
from starlette.responses import Response

from kronos import backfills, errors, jobs
from kronos.api.call import Call, answer
from kronos.api.cursors import Page, decoded, list_digest, page
from kronos.api.declared import Routes as Router
from kronos.api.requests import new_backfill
from kronos.api.schemas import BackfillCreate, NoQuery, Nothing, PageQuery
from kronos.backfills import TickCount
from kronos.model import Backfill, BackfillStatus, JsonObject, TickOutcome

router = Router("backfills")
_OF_JOB = "/v1/workspaces/{w}/jobs/{j}"
_ONE = "/v1/workspaces/{w}/backfills/{b}"
_ABSENT = (errors.WorkspaceNotFound, errors.BackfillNotFound)
_WRITE = (errors.WorkspaceNotFound, errors.Forbidden, errors.Conflict, errors.PayloadTooLarge, errors.Unprocessable)

_NAMES = {"from_at": "from", "to_at": "to"}  # in Python `from` is a keyword


class BackfillShown(BaseModel):
    """A backfill as it is answered."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillCount:
    """What a backfill would do now: its ticks, those that are left out, and those that are to run; `redriven` of these FAILED before."""

    ticks: int
    left_out: int
    to_run: int
    redriven: int
    first: datetime | None
    last: datetime | None


@router.operation(
    "POST",
    _OF_JOB + "/backfill",
    body=BackfillCreate,
    headers=("Idempotency-Key",),
    tells=("Location",),
    answers={202: BackfillShown, 200: BackfillCount},
    raises=(*_WRITE, errors.JobNotFound),
    shown_at=_OF_JOB + "/backfills",
)
async def backfill_job(call: Call) -> Response:
    """Run a CRON job's ticks of a past window; with validate_only, count them; with a known idempotency key, the backfill that it made."""
    call.parameters(NoQuery)
    view, ref, body = call.workspace(), call.job_ref(), await call.read(BackfillCreate)
    new, key = new_backfill(body), call.idempotency_key()
    if body.validate_only:
        return answer(_counted(await backfills.count(view, ref, new)))
    backfill, is_new = await backfills.start(view, ref, new, idempotency_key=key)
    location = call.path("workspaces", backfill.workspace, "backfills", backfill.backfill_id)
    return answer(_shown(backfill), 202, Location=location, is_repeat=not is_new)


@router.operation(
    "GET",
    _OF_JOB + "/backfills",
    query=PageQuery,
    answers={200: Page[BackfillShown]},
    raises=(errors.WorkspaceNotFound, errors.JobNotFound),
)
async def list_backfills(call: Call) -> Response:
    """Backfills of a job, newest first."""
    view, ref, query = call.workspace(), call.job_ref(), call.parameters(PageQuery)
    of = list_digest("backfills", view.workspace, {"job": ref})
    rows = await backfills.list_page(view, ref, limit=query.limit + 1, before=decoded(query.cursor, of))
    if not rows:
        await jobs.get(view, ref)  # no such job is 404, not an empty list
    found = page(rows, limit=query.limit, of=of, place=lambda row: (row.created_at, row.backfill_id))
    return answer(Page(data=[_shown(row) for row in found.data], next_cursor=found.next_cursor))


@router.operation("GET", _ONE, answers={200: BackfillShown}, raises=_ABSENT)
async def get_backfill(call: Call) -> Response:
    """One backfill, and what has become of its executions."""
    call.parameters(NoQuery)
    return answer(_shown(await backfills.get(call.workspace(), call.backfill_id())))


@router.operation(
    "POST", _ONE + "/cancel", body=Nothing, needs_body=False, answers={200: BackfillShown}, raises=(*_WRITE, errors.BackfillNotFound)
)
async def cancel_backfill(call: Call) -> Response:
    """Stop a backfill: what waits is cancelled, what runs ends."""
    call.parameters(NoQuery)
    view, backfill_id, _ = call.workspace(), call.backfill_id(), await call.read(Nothing, optional=True)
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
