"""Routes that preview and parse schedules without saving them."""

from starlette.responses import Response

from kronos import errors, schedules, sentences
from kronos.api.call import answer
from kronos.api.dependencies import Instance
from kronos.api.document import answers, problems
from kronos.api.job_schemas import SchedulePreview, ScheduleSentence
from kronos.api.operation import Router, sets_a_state
from kronos.api.requests import schedule_text
from kronos.model import Role
from kronos.records import dataclass
from kronos.schedules import Preview, ScheduleText

router = Router("/v1/schedules", tags=["schedules"])


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePhrase:
    """A sentence as a schedule, `cron` or `every`, with a preview."""

    cron: str | None
    every: str | None
    preview: Preview


@router.post(
    "/preview",
    needs=Role.VIEWER,
    responses=answers({200: Preview}) | problems(errors.PayloadTooLarge, errors.Unprocessable),
)
@sets_a_state
async def preview_schedule(instance: Instance, body: SchedulePreview) -> Response:
    """Preview a schedule: its description in words, its next runs and how clock changes affect them, and warnings."""
    return answer(await schedules.preview(instance, schedule_text(body), after=body.after, count=body.count))


@router.post(
    "/parse",
    needs=Role.VIEWER,
    responses=answers({200: SchedulePhrase}) | problems(errors.PayloadTooLarge, errors.Unprocessable),
)
@sets_a_state
async def parse_schedule(instance: Instance, body: ScheduleSentence) -> Response:
    """Parse an English sentence into a cron expression or an interval. Parts that were not understood are reported."""
    read = sentences.read(body.sentence)
    text = ScheduleText(cron=read.cron, every=read.every, timezone=body.timezone)
    preview = await schedules.preview(instance, text, after=None, count=body.count)
    return answer(SchedulePhrase(cron=read.cron, every=read.every, preview=preview))
