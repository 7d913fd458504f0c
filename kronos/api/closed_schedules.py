"""The route that previews a schedule with a workspace's calendars."""

from starlette.responses import Response

from kronos import errors, schedules
from kronos.api.call import answer
from kronos.api.dependencies import READ_FROM, ReadView
from kronos.api.document import answers, problems
from kronos.api.job_schemas import ClosedSchedulePreview
from kronos.api.operation import Router, sets_a_state
from kronos.api.requests import schedule_text
from kronos.calendar_terms import CalendarNotFound
from kronos.model import Role
from kronos.schedules import Preview

router = Router("/v1/workspaces/{w}/schedules", tags=["schedules"])


@router.post(
    "/preview",
    needs=Role.VIEWER,
    responses=answers({200: Preview}, READ_FROM)
    | problems(errors.WorkspaceNotFound, CalendarNotFound, errors.PayloadTooLarge, errors.Unprocessable),
)
@sets_a_state
async def preview_closed_schedule(view: ReadView, body: ClosedSchedulePreview) -> Response:
    """Preview a schedule with calendars of the workspace: which runs move to another day, and which are skipped."""
    found = await schedules.preview_closed(
        view,
        schedule_text(body),
        calendars=body.calendars,
        on_blackout=body.on_blackout,
        after=body.after,
        count=body.count,
    )
    return answer(found)
