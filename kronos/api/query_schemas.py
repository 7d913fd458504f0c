"""URL queries of lists and reads: which rows, how many, and as of when."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from kronos.api.fields import AnyTime, Flag, JobTime, Query, Slug, Time, WholeNumber, Zone
from kronos.api.places import MAX_CHARACTERS
from kronos.batches import MOST_JOBS
from kronos.jobs import JobStatusAsked
from kronos.load import Window
from kronos.model import ExecutionStatus, JobStatus, Trigger

EventTypes = Annotated[
    str,
    Field(
        pattern=r"^(job|execution|heartbeat|resource|operation|audit)"
        r"(,(job|execution|heartbeat|resource|operation|audit)){0,5}$"
    ),
]
EventStatus = Literal[JobStatus, ExecutionStatus]
_UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


class PageQuery(Query):
    """Which page of a list."""

    limit: WholeNumber = Field(default=50, ge=1, le=200, description="Rows per page.", examples=[50])
    cursor: str | None = Field(
        default=None,
        max_length=256,
        description="`next_cursor` of the previous page, unchanged. Valid only for the same list.",
    )


class EventQuery(Query):
    """Filters for events."""

    types: EventTypes | None = Field(
        default=None,
        description="Event types, separated by commas: job, execution, heartbeat, resource (configuration and"
        " incidents), operation (progress, including backfills) and audit (new audit entries). Defaults to job and"
        " execution.",
        examples=["execution"],
    )
    job: str | None = Field(
        default=None,
        max_length=127,
        description="Events of this job and its executions. A name selects all versions, an id one version.",
        examples=["weekly-report"],
    )
    status: EventStatus | None = Field(
        default=None, description="Events of jobs or executions that are now in this status."
    )
    after: str | None = Field(
        default=None,
        max_length=MAX_CHARACTERS,
        description="Id of the last event received, for clients that cannot send the header Last-Event-ID.",
    )


class WorkspaceQuery(PageQuery):
    """Filters for workspaces."""

    organization: Slug | None = Field(default=None, description="Slug of the organization.", examples=["umbrella"])


class DeletionQuery(Query):
    """How to delete a workspace."""

    confirm: str | None = Field(
        default=None,
        max_length=200,
        description="The workspace's slug or name. Required unless the workspace is empty.",
        examples=["acme"],
    )
    validate_only: Flag = Field(default=False, description="Only count what would be deleted. Nothing is written.")


class ChangeQuery(Query):
    """How to make a change that may invalidate live jobs."""

    validate_only: Flag = Field(default=False, description="Only report the effects. Nothing is written.")
    force: Flag = Field(default=False, description="Make the change even if it invalidates inputs of live jobs.")


class DriftQuery(Query):
    """How many differences to list."""

    limit: WholeNumber = Field(
        default=50, ge=1, le=200, description="Differences to list. All are counted.", examples=[50]
    )


class JobQuery(PageQuery):
    """Filters for jobs, and their order."""

    endpoint: str | None = Field(
        default=None, max_length=63, description="Jobs of this endpoint.", examples=["weekly-report"]
    )
    trigger: Trigger | None = Field(default=None, description="Jobs with this trigger.", examples=["CRON"])
    status: JobStatusAsked | None = Field(
        default=None, description="Jobs in this status. LIVE: ACTIVE or PAUSED.", examples=["ACTIVE"]
    )
    tag: str | None = Field(default=None, max_length=64, description="Jobs with this tag.", examples=["reports"])
    q: str | None = Field(
        default=None,
        max_length=200,
        description="Text in the job's name, title, tags, schedule in words or endpoint name, or the start of its id.",
        examples=["report"],
    )
    created_after: AnyTime | None = Field(
        default=None, description="Jobs created after this time.", examples=["2026-12-01T00:00:00Z"]
    )
    created_before: AnyTime | None = Field(
        default=None, description="Jobs created before this time.", examples=["2026-12-01T00:00:00Z"]
    )
    sort: Literal["created", "name", "next_run"] = Field(
        default="created",
        description="Order. created: newest first. name, next_run: live CRON jobs by name or by next run, those "
        "without a next run last.",
        examples=["next_run"],
    )


class GlanceQuery(Query):
    """Which jobs to return."""

    ids: str = Field(
        pattern=f"^{_UUID}(,{_UUID}){{0,{MOST_JOBS - 1}}}$",
        description="Up to 50 job ids, separated by commas.",
        examples=["019a3c1e-7c1b-7c52-9a51-3f0f2f1e9a10"],
    )

    @property
    def job_ids(self) -> list[UUID]:
        """The job ids."""
        return [UUID(each) for each in self.ids.split(",")]


class JobExecutionQuery(PageQuery):
    """Filters for a job's executions."""

    status: ExecutionStatus | None = Field(default=None, description="Executions in this status.", examples=["SUCCESS"])
    scheduled_after: AnyTime | None = Field(
        default=None, description="Executions of ticks after this time.", examples=["2026-12-01T00:00:00Z"]
    )
    scheduled_before: AnyTime | None = Field(
        default=None, description="Executions of ticks before this time.", examples=["2026-12-01T00:00:00Z"]
    )


class ExecutionQuery(JobExecutionQuery):
    """Filters for executions."""

    job: str | None = Field(
        default=None, max_length=127, description="Executions of this job: an id or a name.", examples=["weekly-report"]
    )
    caused_by: UUID | None = Field(
        default=None,
        description="Callbacks of this execution.",
        examples=["019a3c1e-7c1b-7c52-9a51-3f0f2f1e9a10"],
    )
    endpoint: str | None = Field(
        default=None, max_length=63, description="Executions for this endpoint.", examples=["weekly-report"]
    )
    q: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="Text in the error, reason or job name, or the start of the execution's id.",
        examples=["timed out"],
    )


class LetterFilterQuery(Query):
    """Filters for dead letters."""

    endpoint: str | None = Field(
        default=None, max_length=63, description="Dead letters of this endpoint.", examples=["weekly-report"]
    )
    job: str | None = Field(
        default=None, max_length=127, description="Of this job: an id or a name.", examples=["weekly-report"]
    )
    error_type: str | None = Field(
        default=None, max_length=100, description="Type of the last error.", examples=["http_status"]
    )
    q: str | None = Field(
        default=None,
        max_length=200,
        description="Text in the last error's type or message.",
        examples=["refused"],
    )
    after: AnyTime | None = Field(
        default=None, description="Failed after this time.", examples=["2026-12-01T00:00:00Z"]
    )
    before: AnyTime | None = Field(
        default=None, description="Failed before this time.", examples=["2026-12-02T00:00:00Z"]
    )


class LetterQuery(PageQuery, LetterFilterQuery):
    """Filters for dead letters, and which page."""


class LoadQuery(Query):
    """How far ahead to look."""

    window: Window = Field(default="24h", description="The next 24 hours or 7 days.", examples=["7d"])


class LoadMinuteQuery(LoadQuery):
    """Which minute, and how far its jobs may be spread."""

    at: Time = Field(description="The minute.", examples=["2026-12-01T09:00:00Z"])
    spread: WholeNumber = Field(
        default=10, ge=1, le=59, description="Minutes after it over which its jobs may be spread.", examples=[15]
    )


class AuditQuery(PageQuery):
    """Filters for the audit."""

    actor: str | None = Field(
        default=None,
        max_length=200,
        description="Actor: a key's public id, or for example cli:root or reaper.",
        examples=["a1b2c3d4e5f6"],
    )
    action: str | None = Field(default=None, max_length=100, description="Action.", examples=["job.pause"])
    object_type: str | None = Field(
        default=None,
        max_length=50,
        description="Type of the object. one_shot: who created one-shots.",
        examples=["job"],
    )
    object: str | None = Field(
        default=None, max_length=200, description="Id or name of the object.", examples=["weekly-report"]
    )
    request_id: str | None = Field(
        default=None, max_length=128, description="Id of the request.", examples=["0193f0c87a1e7cc39b5a4c1d2e3f4a5b"]
    )
    after: AnyTime | None = Field(default=None, description="At or after this time.", examples=["2026-12-01T00:00:00Z"])
    before: AnyTime | None = Field(default=None, description="Before this time.", examples=["2026-12-02T00:00:00Z"])


class SealedQuery(Query):
    """Where to start."""

    cursor: WholeNumber = Field(
        default=0,
        ge=0,
        le=2**53,
        description="Return only entries after this number: that of the last line received.",
        examples=[0],
    )


class AuditExportQuery(SealedQuery):
    """Where to start, or who created one-shots instead of the sealed entries."""

    object_type: Literal["one_shot"] | None = Field(
        default=None, description="one_shot: who created the workspace's one-shots. These entries are not sealed."
    )
    after: AnyTime | None = Field(
        default=None, description="One-shots created at or after this time.", examples=["2026-12-01T00:00:00Z"]
    )
    before: AnyTime | None = Field(
        default=None, description="One-shots created before this time.", examples=["2026-12-02T00:00:00Z"]
    )


class ExplainQuery(Query):
    """Which instant to explain."""

    at: JobTime | None = Field(
        default=None,
        description="The instant, or a local time in the job's time zone; defaults to now. A time that the zone's "
        "clocks show twice is the first of the two; one that they skip is moved as the job's dst_gap says.",
        examples=["2026-12-01T09:00:00Z", "2026-12-01T09:00"],
    )


class CountQuery(Query):
    """How many runs to preview."""

    count: WholeNumber = Field(default=10, ge=1, le=100, description="How many runs to return.", examples=[10])


class TicksQuery(Query):
    """Ticks in [`from`, `to`), so `to` must be after `from`. Defaults to the last 24 hours. A time without an offset is
    local, in the job's time zone."""

    from_: JobTime | None = Field(
        default=None,
        alias="from",
        description="Start of the window, inclusive. Defaults to 24 hours before `to`.",
        examples=["2026-12-01T00:00:00Z"],
    )
    to: JobTime | None = Field(
        default=None, description="End of the window, exclusive. Defaults to now.", examples=["2026-12-02T00:00:00Z"]
    )
    limit: WholeNumber = Field(default=100, ge=1, le=1000, description="Ticks to list.", examples=[100])


class TickDaysQuery(Query):
    """Days of ticks in [`from`, `to`), at most 32 days. Defaults to the last 31 days. A time without an
    offset is local, in the job's time zone."""

    from_: JobTime | None = Field(
        default=None,
        alias="from",
        description="Start of the window, inclusive. Defaults to 31 days before `to`.",
        examples=["2026-11-01T00:00:00Z"],
    )
    to: JobTime | None = Field(
        default=None, description="End of the window, exclusive. Defaults to now.", examples=["2026-12-01T00:00:00Z"]
    )
    timezone: Zone | None = Field(
        default=None, description="Time zone of the days. Defaults to the job's zone.", examples=["Europe/Berlin"]
    )
