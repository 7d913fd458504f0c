"""What the API answers: schedules. Made by bin/client out of the API's document."""

from dataclasses import dataclass

from kronos.client.models.jobs import Preview


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePhrase:
    """A sentence as a schedule, `cron` or `every`, with a preview."""

    cron: str | None
    every: str | None
    preview: Preview
