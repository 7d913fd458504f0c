"""Routes of schedules that are not saved."""

from starlette.responses import Response

from kronos import errors, schedules
from kronos.api.call import answer
from kronos.api.dependencies import Instance
from kronos.api.document import answers, problems
from kronos.api.operation import Router
from kronos.api.requests import schedule_text
from kronos.api.schemas import SchedulePreview
from kronos.model import Role
from kronos.schedules import Preview

router = Router("/v1/schedules", tags=["schedules"])


@router.post(
    "/preview",
    needs=Role.VIEWER,
    responses=answers({200: Preview}) | problems(errors.PayloadTooLarge, errors.Unprocessable),
)
async def preview_schedule(instance: Instance, body: SchedulePreview) -> Response:
    """What a schedule says in words, its next runs with what clock changes do to them, and what may surprise."""
    return answer(await schedules.preview(instance, schedule_text(body), after=body.after, count=body.count))
