"""Routes of schedules that are not saved."""

from starlette.responses import Response

from kronos import errors, schedules
from kronos.api.call import Call, answer
from kronos.api.declared import Routes as Router
from kronos.api.requests import schedule_text
from kronos.api.schemas import NoQuery, SchedulePreview
from kronos.schedules import Preview

router = Router("schedules")


@router.operation(
    "POST", "/v1/schedules/preview", body=SchedulePreview, answers={200: Preview}, raises=(errors.PayloadTooLarge, errors.Unprocessable)
)
async def preview_schedule(call: Call) -> Response:
    """What a schedule says in words, its next runs with what clock changes do to them, and what may surprise."""
    call.parameters(NoQuery)
    body = await call.read(SchedulePreview)
    return answer(await schedules.preview(call.instance(), schedule_text(body), after=body.after, count=body.count))
