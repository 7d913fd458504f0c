"""Routes of schedules that are not saved."""

from fastapi import APIRouter, Depends
from starlette.responses import Response

from kronos import errors, schedules
from kronos.api.call import answer
from kronos.api.dependencies import KEY, Instance
from kronos.api.document import answers, problems
from kronos.api.job_schemas import SchedulePreview
from kronos.api.operation import Operation
from kronos.api.requests import schedule_text
from kronos.schedules import Preview

router = APIRouter(prefix="/v1/schedules", tags=["schedules"], route_class=Operation, dependencies=[Depends(KEY)])


@router.post("/preview", responses=answers({200: Preview}) | problems(errors.PayloadTooLarge, errors.Unprocessable))
async def preview_schedule(instance: Instance, body: SchedulePreview) -> Response:
    """What a schedule says in words, its next runs with what clock changes do to them, and what may surprise."""
    return answer(await schedules.preview(instance, schedule_text(body), after=body.after, count=body.count))
