"""What the query of a URL may hold, of each list and look: which rows, how many, as of when."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from kronos.api.fields import AnyTime, Flag, Query, Slug, Time, WholeNumber, Zone
from kronos.api.places import MAX_CHARACTERS
from kronos.batches import MOST_JOBS
from kronos.load import Window
from kronos.model import ExecutionStatus, JobStatus, JobStatusAsked, Trigger

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

    limit: WholeNumber = Field(default=50, ge=1, le=200, description="Rows of a page.", examples=[50])
    cursor: str | None = Field(
        default=None,
        max_length=256,
        description="next_cursor of the page before, as it came; it is of this list alone.",
    )


class EventQuery(Query):
    """Which events."""

    types: EventTypes | None = Field(
        default=None,
        description="Of jobs, of executions, of heartbeats, of resources (what people configure, and incidents),"
        " of operations (how far they are, backfills too), of the audit (that it has grown),"
        " separated by commas; without it of jobs and executions.",
        examples=["execution"],
    )
    job: str | None = Field(
        default=None,
        max_length=127,
        description="Of this job and of its executions: a name, which means all versions, or the id of one version.",
        examples=["weekly-report"],
    )
    status: EventStatus | None = Field(
        default=None, description="Of what is in this status now: one of a job's, or of an execution's."
    )
    after: str | None = Field(
        default=None,
        max_length=MAX_CHARACTERS,
        description="The id of the last event that came, where the header Last-Event-ID cannot be sent.",
    )


class WorkspaceQuery(PageQuery):
    """Which workspaces."""

    organization: Slug | None = Field(
        default=None, description="Those of this organization, by its slug.", examples=["umbrella"]
    )


class DeletionQuery(Query):
    """How a workspace is deleted."""

    confirm: str | None = Field(
        default=None,
        max_length=200,
        description="The workspace's slug or name, which is needed where anything is in it.",
        examples=["acme"],
    )
    validate_only: Flag = Field(default=False, description="Only count what would go: nothing is written.")


class ChangeQuery(Query):
    """How a change that live jobs may not be valid against is made."""

    validate_only: Flag = Field(default=False, description="Only say what it would mean: nothing is written.")
    force: Flag = Field(default=False, description="Make it though inputs of live jobs are not valid against it.")


class DriftQuery(Query):
    """How many differences are listed."""

    limit: WholeNumber = Field(
        default=50, ge=1, le=200, description="Differences that are listed; all are counted.", examples=[50]
    )


class JobQuery(PageQuery):
    """Which jobs."""

    endpoint: str | None = Field(
        default=None, max_length=63, description="Of this endpoint.", examples=["weekly-report"]
    )
    trigger: Trigger | None = Field(default=None, description="With this trigger.", examples=["CRON"])
    status: JobStatusAsked | None = Field(
        default=None, description="In this status; LIVE: ACTIVE or PAUSED.", examples=["ACTIVE"]
    )
    tag: str | None = Field(default=None, max_length=64, description="With this tag.", examples=["reports"])
    q: str | None = Field(
        default=None,
        max_length=200,
        description="Whose name, title, tag, schedule in words, or endpoint's name, holds this text; or whose id "
        "begins with it.",
        examples=["report"],
    )
    created_after: AnyTime | None = Field(default=None, description="Created later.", examples=["2026-12-01T00:00:00Z"])
    created_before: AnyTime | None = Field(
        default=None, description="Created earlier.", examples=["2026-12-01T00:00:00Z"]
    )
    sort: Literal["created", "name", "next_run"] = Field(
        default="created",
        description="In which order: the newest first; or live CRON jobs by name, or by next run, those that have none "
        "last.",
        examples=["next_run"],
    )


class GlanceQuery(Query):
    """Which jobs."""

    ids: str = Field(
        pattern=f"^{_UUID}(,{_UUID}){{0,{MOST_JOBS - 1}}}$",
        description="Their ids, up to 50, with commas between.",
        examples=["019a3c1e-7c1b-7c52-9a51-3f0f2f1e9a10"],
    )

    @property
    def job_ids(self) -> list[UUID]:
        """The ids."""
        return [UUID(each) for each in self.ids.split(",")]


class JobExecutionQuery(PageQuery):
    """Which executions of a job."""

    status: ExecutionStatus | None = Field(default=None, description="In this status.", examples=["SUCCESS"])
    scheduled_after: AnyTime | None = Field(
        default=None, description="Of later ticks.", examples=["2026-12-01T00:00:00Z"]
    )
    scheduled_before: AnyTime | None = Field(
        default=None, description="Of earlier ticks.", examples=["2026-12-01T00:00:00Z"]
    )


class ExecutionQuery(JobExecutionQuery):
    """Which executions."""

    job: str | None = Field(
        default=None, max_length=127, description="Of this job, an id or a name.", examples=["weekly-report"]
    )
    caused_by: UUID | None = Field(
        default=None,
        description="Set off by the ends of this execution: its callbacks.",
        examples=["019a3c1e-7c1b-7c52-9a51-3f0f2f1e9a10"],
    )
    endpoint: str | None = Field(
        default=None, max_length=63, description="To this endpoint.", examples=["weekly-report"]
    )
    q: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="Whose error, reason or job's name holds this text; or whose id begins with it.",
        examples=["timed out"],
    )


class LetterFilterQuery(Query):
    """Which dead letters."""

    endpoint: str | None = Field(
        default=None, max_length=63, description="Of this endpoint.", examples=["weekly-report"]
    )
    job: str | None = Field(
        default=None, max_length=127, description="Of this job, an id or a name.", examples=["weekly-report"]
    )
    error_type: str | None = Field(
        default=None, max_length=100, description="Whose last error is of this type.", examples=["http_status"]
    )
    q: str | None = Field(
        default=None,
        max_length=200,
        description="Whose last error's type or message holds this text.",
        examples=["refused"],
    )
    after: AnyTime | None = Field(default=None, description="Failed later.", examples=["2026-12-01T00:00:00Z"])
    before: AnyTime | None = Field(default=None, description="Failed earlier.", examples=["2026-12-02T00:00:00Z"])


class LetterQuery(PageQuery, LetterFilterQuery):
    """Which page of which dead letters."""


class LoadQuery(Query):
    """How far ahead."""

    window: Window = Field(default="24h", description="The coming 24 hours, or 7 days.", examples=["7d"])


class LoadMinuteQuery(LoadQuery):
    """Which minute, and how its jobs may be spread."""

    at: Time = Field(description="The minute.", examples=["2026-12-01T09:00:00Z"])
    spread: WholeNumber = Field(
        default=10, ge=1, le=59, description="Over how many minutes after it its jobs may go.", examples=[15]
    )


class AuditQuery(PageQuery):
    """Which changes."""

    actor: str | None = Field(
        default=None,
        max_length=200,
        description="By whom: a key's public id, cli:root, reaper.",
        examples=["a1b2c3d4e5f6"],
    )
    action: str | None = Field(default=None, max_length=100, description="What was done.", examples=["job.pause"])
    object_type: str | None = Field(
        default=None, max_length=50, description="To what; one_shot: who made one-shots.", examples=["job"]
    )
    object: str | None = Field(
        default=None, max_length=200, description="To this one, by its id or its name.", examples=["weekly-report"]
    )
    request_id: str | None = Field(
        default=None, max_length=128, description="In this request.", examples=["0193f0c87a1e7cc39b5a4c1d2e3f4a5b"]
    )
    after: AnyTime | None = Field(default=None, description="At this time or later.", examples=["2026-12-01T00:00:00Z"])
    before: AnyTime | None = Field(default=None, description="Earlier.", examples=["2026-12-02T00:00:00Z"])


class SealedQuery(Query):
    """From where on."""

    cursor: WholeNumber = Field(
        default=0,
        ge=0,
        le=2**53,
        description="Only what follows this number, as of the last line before.",
        examples=[0],
    )


class AuditExportQuery(SealedQuery):
    """From where on, or who made one-shots in place of what is sealed."""

    object_type: Literal["one_shot"] | None = Field(
        default=None, description="Who made the workspace's one-shots, which are not sealed."
    )
    after: AnyTime | None = Field(
        default=None, description="Of one-shots: made at this time or later.", examples=["2026-12-01T00:00:00Z"]
    )
    before: AnyTime | None = Field(
        default=None, description="Of one-shots: made earlier.", examples=["2026-12-02T00:00:00Z"]
    )


class ExplainQuery(Query):
    """Which instant is to be explained."""

    at: Time | None = Field(default=None, description="The instant; now by default.", examples=["2026-12-01T09:00:00Z"])


class CountQuery(Query):
    """How many runs to foresee."""

    count: WholeNumber = Field(default=10, ge=1, le=100, description="How many runs.", examples=[10])


class TicksQuery(Query):
    """Which ticks: those of [`from`, `to`), so `to` is after `from`; of the last 24 hours by default."""

    from_: Time | None = Field(
        default=None,
        alias="from",
        description="The first is not before; 24 hours before `to` by default.",
        examples=["2026-12-01T00:00:00Z"],
    )
    to: Time | None = Field(
        default=None, description="The last is before; now by default.", examples=["2026-12-02T00:00:00Z"]
    )
    limit: WholeNumber = Field(default=100, ge=1, le=1000, description="Ticks that are listed.", examples=[100])


class TickDaysQuery(Query):
    """Which days of ticks: those of [`from`, `to`), 32 days at most; the last 31 days by default."""

    from_: Time | None = Field(
        default=None,
        alias="from",
        description="The first tick is not before; 31 days before `to` by default.",
        examples=["2026-11-01T00:00:00Z"],
    )
    to: Time | None = Field(
        default=None, description="The last is before; now by default.", examples=["2026-12-01T00:00:00Z"]
    )
    timezone: Zone | None = Field(
        default=None, description="Whose days; those of the job's zone by default.", examples=["Europe/Berlin"]
    )
