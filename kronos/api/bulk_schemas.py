"""Request bodies for actions on many jobs."""

from typing import Annotated

from pydantic import Field

from kronos.api.fields import Body, EndpointName, Note, Text, Time
from kronos.bulk_jobs import MOST_AT_ONCE, BulkAction
from kronos.jobs import JobStatusAsked
from kronos.model import Trigger


class JobSelection(Body):
    """Filters for jobs, as in GET …/jobs. Omitted filters match every job."""

    endpoint: EndpointName | None = Field(
        default=None, description="Jobs of this endpoint.", examples=["weekly-report"]
    )
    trigger: Trigger | None = Field(default=None, description="Jobs with this trigger.", examples=["CRON"])
    status: JobStatusAsked | None = Field(
        default=None, description="Jobs in this status. LIVE: ACTIVE or PAUSED.", examples=["ACTIVE"]
    )
    tag: Annotated[Text, Field(max_length=64)] | None = Field(
        default=None, description="Jobs with this tag.", examples=["reports"]
    )
    q: Annotated[Text, Field(max_length=200)] | None = Field(
        default=None, description="Same as `q` of GET …/jobs.", examples=["report"]
    )
    created_after: Time | None = Field(
        default=None, description="Jobs created after this time.", examples=["2026-12-01T00:00:00Z"]
    )
    created_before: Time | None = Field(
        default=None, description="Jobs created before this time.", examples=["2026-12-01T00:00:00Z"]
    )


_NamedJob = Annotated[str, Field(min_length=1, max_length=127)]


class JobBulk(Body):
    """An action on many jobs. Exactly one of `jobs` and `filter`: the jobs listed, or all jobs that match the filter
    and can take the action (pause: ACTIVE CRON jobs; resume: PAUSED ones; trigger: both; cancel: also one-shots)."""

    action: BulkAction = Field(description="Action for each job.", examples=["pause"])
    jobs: Annotated[list[_NamedJob], Field(min_length=1, max_length=MOST_AT_ONCE)] | None = Field(
        default=None, description="Ids or names of the jobs.", examples=[["weekly-report"]]
    )
    filter: JobSelection | None = Field(
        default=None, description="Filters; {} matches all jobs.", examples=[{"tag": "reports"}]
    )
    note: Note | None = Field(default=None, description="pause: reason, shown to other people.", examples=["migration"])
    pause_until: Time | None = Field(
        default=None, description="pause: when the jobs resume automatically.", examples=["2099-12-01T00:00:00Z"]
    )
    idempotency_key: Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[!-~]+$")] | None = Field(
        default=None, description="trigger: a repeated key runs no job twice.", examples=["deploy-17"]
    )
    limit: int = Field(
        default=MOST_AT_ONCE, ge=1, le=MOST_AT_ONCE, description="Maximum jobs in this call.", examples=[100]
    )
    cursor: Annotated[str, Field(max_length=200)] | None = Field(
        default=None, description="`next_cursor` of the previous call, with the same body.", examples=["AgAAAA=="]
    )
    validate_only: bool = Field(default=False, description="Only count the jobs. Nothing is written.", examples=[True])


class JobOperation(Body):
    """An operation on all jobs that match `filter` and can take the action, as in JobBulk."""

    action: BulkAction = Field(description="Action for each job.", examples=["pause"])
    filter: JobSelection = Field(description="Filters; {} matches all jobs.", examples=[{"tag": "reports"}])
    note: Note | None = Field(default=None, description="pause: reason, shown to other people.", examples=["migration"])
    pause_until: Time | None = Field(
        default=None, description="pause: when the jobs resume automatically.", examples=["2099-12-01T00:00:00Z"]
    )
    per_second: int | None = Field(
        default=None, ge=1, le=10_000, description="Maximum jobs per second; null: no limit.", examples=[50]
    )
    at_most: int | None = Field(
        default=None,
        ge=0,
        le=1_000_000_000,
        description="Do nothing if more jobs match. Use the count that `validate_only` of jobs:bulk returned.",
        examples=[500],
    )
