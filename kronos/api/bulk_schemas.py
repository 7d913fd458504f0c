"""Bodies of what is done to many jobs."""

from typing import Annotated

from pydantic import Field

from kronos.api.fields import Body, EndpointName, Note, Text, Time
from kronos.bulk_jobs import MOST_AT_ONCE, BulkAction
from kronos.model import JobStatusAsked, Trigger


class JobSelection(Body):
    """Which jobs: as the filters of GET …/jobs; what is absent is not asked."""

    endpoint: EndpointName | None = Field(default=None, description="Of this endpoint.", examples=["weekly-report"])
    trigger: Trigger | None = Field(default=None, description="With this trigger.", examples=["CRON"])
    status: JobStatusAsked | None = Field(
        default=None, description="In this status; LIVE: ACTIVE or PAUSED.", examples=["ACTIVE"]
    )
    tag: Annotated[Text, Field(max_length=64)] | None = Field(
        default=None, description="With this tag.", examples=["reports"]
    )
    q: Annotated[Text, Field(max_length=200)] | None = Field(
        default=None, description="As q of GET …/jobs.", examples=["report"]
    )
    created_after: Time | None = Field(default=None, description="Created later.", examples=["2026-12-01T00:00:00Z"])
    created_before: Time | None = Field(default=None, description="Created earlier.", examples=["2026-12-01T00:00:00Z"])


_NamedJob = Annotated[str, Field(min_length=1, max_length=127)]


class JobBulk(Body):
    """What is done to many jobs: to those in `jobs`, or to all that `filter` lets through and that the action is for
    (pause: ACTIVE CRON jobs; resume: PAUSED ones; trigger: both; cancel: one-shots too): one of them is given."""

    action: BulkAction = Field(description="What is done to each.", examples=["pause"])
    jobs: Annotated[list[_NamedJob], Field(min_length=1, max_length=MOST_AT_ONCE)] | None = Field(
        default=None, description="Their ids or names.", examples=[["weekly-report"]]
    )
    filter: JobSelection | None = Field(default=None, description="Which jobs; {}: all.", examples=[{"tag": "reports"}])
    note: Note | None = Field(default=None, description="pause: for people who wonder later.", examples=["migration"])
    pause_until: Time | None = Field(
        default=None, description="pause: when they resume by themselves.", examples=["2099-12-01T00:00:00Z"]
    )
    idempotency_key: Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[!-~]+$")] | None = Field(
        default=None, description="trigger: the same key runs no job twice.", examples=["deploy-17"]
    )
    limit: int = Field(
        default=MOST_AT_ONCE, ge=1, le=MOST_AT_ONCE, description="As many jobs in this call.", examples=[100]
    )
    cursor: Annotated[str, Field(max_length=200)] | None = Field(
        default=None, description="next_cursor of the call before, with the same body.", examples=["AgAAAA=="]
    )
    validate_only: bool = Field(default=False, description="Only count the jobs: nothing is written.", examples=[True])


class JobOperation(Body):
    """What an operation does to all jobs that `filter` lets through and that the action is for, as in JobBulk."""

    action: BulkAction = Field(description="What is done to each.", examples=["pause"])
    filter: JobSelection = Field(description="Which jobs; {}: all.", examples=[{"tag": "reports"}])
    note: Note | None = Field(default=None, description="pause: for people who wonder later.", examples=["migration"])
    pause_until: Time | None = Field(
        default=None, description="pause: when they resume by themselves.", examples=["2099-12-01T00:00:00Z"]
    )
    per_second: int | None = Field(
        default=None, ge=1, le=10_000, description="At most so many a second; null: as fast as it goes.", examples=[50]
    )
    at_most: int | None = Field(
        default=None,
        ge=0,
        le=1_000_000_000,
        description="Where more jobs match nothing is begun: what validate_only of jobs:bulk counted.",
        examples=[500],
    )
