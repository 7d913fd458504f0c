"""What requests may hold, field by field: bounds, defaults, and an example for documentation and hints."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from kronos import errors
from kronos.api.fields import (
    AnyTime,
    Body,
    Cron,
    EndpointName,
    Flag,
    IdempotencyKey,
    Input,
    Int32,
    JobName,
    Query,
    SecretName,
    SecretValue,
    Slug,
    Text,
    Time,
    TimeOrLocal,
    Title,
    WholeNumber,
    Zone,
    schema,
    shallow,
)
from kronos.batches import MOST_JOBS
from kronos.model import (
    EndpointChoice,
    ExecutionStatus,
    JobStatus,
    Json,
    JsonObject,
    Overlap,
    TickOutcome,
    Trigger,
    WorkspaceRole,
)

_DAY_MS = 24 * 60 * 60 * 1000
_Title = Annotated[Text, Field(max_length=200)]
_Gap = Literal["SHIFT", "SHIFT_BY_GAP", "SKIP"]
_Overlap = Literal["FIRST", "BOTH"]
_Note = Annotated[Text, Field(max_length=500)]


class WorkspaceCreate(Body):
    """A workspace to be made."""

    slug: Slug = Field(description="Its name in URLs; never changes.", examples=["acme"])
    name: Annotated[Text, Field(max_length=200)] | None = Field(
        default=None, description="Its name for people; the slug by default.", examples=["Acme"]
    )
    max_concurrency: int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="Deliveries under way at once, exactly; null: no limit.",
        examples=[50],
    )
    organization: Slug | None = Field(
        default=None, description="The slug of the organization that it is of.", examples=[None]
    )


class OrganizationCreate(Body):
    """An organization to be made."""

    slug: Slug = Field(description="Its name in URLs; never changes.", examples=["umbrella"])
    name: _Title | None = Field(
        default=None, description="Its name for people; the slug by default.", examples=["Umbrella"]
    )


class OrganizationPatch(Body):
    """The changes to an organization."""

    name: _Title = Field(description="Its name for people.", examples=["Umbrella Ltd"])


class KeyCreate(Body):
    """A key of the workspace to be made."""

    role: WorkspaceRole = Field(
        description="viewer: reads; operator: jobs, executions, dead letters too; admin: everything in the workspace.",
        examples=["operator"],
    )
    name: _Title | None = Field(default=None, description="What it is for.", examples=["ci"])
    sees_payloads: bool | None = Field(
        default=None,
        description="Whether a viewer sees inputs, outputs, requests and responses; by default it does not. Others do.",
        examples=[True],
    )
    expires_at: AnyTime | None = Field(
        default=None,
        description="From then on it does not work; null: until it is revoked.",
        examples=["2999-01-01T00:00:00Z"],
    )


class MappingCreate(Body):
    """A role for the people of a group."""

    group: Annotated[Text, Field(max_length=255)] = Field(
        description="As the identity provider's groups claim has it.", examples=["scheduler-operators"]
    )
    role: WorkspaceRole = Field(description="What they may.", examples=["operator"])
    sees_payloads: bool | None = Field(
        default=None, description="Whether viewers see payloads; by default they do not. Others do.", examples=[True]
    )


def sees_payloads(body: KeyCreate | MappingCreate) -> bool:
    """As it was asked for; by default a viewer does not. Raises Unprocessable."""
    if body.sees_payloads is None:
        return body.role != "viewer"
    if body.role != "viewer" and not body.sees_payloads:
        detail = f"an {body.role} sees payloads"
        fault = errors.Fault(pointer="/sees_payloads", detail=detail, hint="Leave it out, or make the role viewer.")
        raise errors.Unprocessable.of(fault)
    return body.sees_payloads


class KeyRotate(Body):
    """How a key is replaced."""

    overlap_seconds: int = Field(
        default=0, ge=0, le=90 * 24 * 3600, description="How long the old one goes on working.", examples=[3600]
    )
    expires_at: AnyTime | None = Field(
        default=None,
        description="When the new one ends; by default it lives as long as the old one was to.",
        examples=["2999-01-01T00:00:00Z"],
    )


class WorkspacePatch(Body):
    """The changes to a workspace: one field at least. What GET gives may be sent back whole, edited."""

    name: _Title | None = Field(default=None, description="Its name for people.", examples=["Acme"])
    status: Literal["ACTIVE", "SUSPENDED"] | None = Field(
        default=None, description="SUSPENDED: no job runs.", examples=["SUSPENDED"]
    )
    max_concurrency: int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="Deliveries under way at once, exactly; null: no limit.",
        examples=[50],
    )


_Days = Annotated[int, Field(ge=1, le=36500)]


class RetentionPut(Body):
    """How long a workspace's history is kept, in days; what is not given, or null, is the instance's."""

    success_days: _Days | None = Field(
        default=None, description="SUCCESS, SKIPPED and CANCELLED, and jobs that are over.", examples=[14]
    )
    failure_days: _Days | None = Field(default=None, description="FAILED, MISSED and EXPIRED.", examples=[180])


class ConfigPut(Body):
    """A config without its name, which stands in the path. What GET gives may be sent back whole."""

    values: Annotated[JsonObject, AfterValidator(shallow), WithJsonSchema({"type": "object"})] = Field(
        description="What templates hold: at most 64 KiB as JSON.", examples=[{"region": "eu"}]
    )


class ConfigCreate(ConfigPut):
    """A config to be made."""

    name: EndpointName = Field(description="Its name in this workspace.", examples=["production"])


class PayloadSpecPut(Body):
    """A payload spec without its name, which stands in the path. What GET gives may be sent back whole."""

    schema_: Annotated[
        Json, AfterValidator(schema), AfterValidator(shallow), WithJsonSchema({"type": ["object", "boolean"]})
    ] = Field(
        alias="schema",
        description="A JSON Schema of draft 2020-12: at most 64 KiB as JSON. References stay within it; patterns "
        "have no look-around and no back-references, because they are matched in linear time.",
        examples=[{"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}],
    )


class PayloadSpecCreate(PayloadSpecPut):
    """A payload spec to be made."""

    name: EndpointName = Field(description="Its name in this workspace.", examples=["report-input"])


class SecretPut(Body):
    """A secret without its name, which stands in the path. Its value is stored sealed, and no call gives it back."""

    value: SecretValue = Field(
        description="The value, as templates put it in: {{secret.NAME}}. Fewer than 4 characters could not be kept out "
        "of what is stored of answers.",
        examples=["correct horse battery staple"],
    )


class SecretCreate(SecretPut):
    """A secret to be made."""

    name: SecretName = Field(description="Its name in this workspace.", examples=["api-token"])


class CatchUp(Body):
    """What happens to ticks that were missed."""

    policy: Literal["SKIP", "LATEST", "ALL"] = Field(
        default="LATEST", description="Which of them run.", examples=["LATEST"]
    )
    window_seconds: int = Field(
        default=3600, ge=0, le=31 * 24 * 3600, description="Older ones do not run.", examples=[3600]
    )


_Every = Annotated[str, Field(min_length=1, max_length=32)]
_Tags = Annotated[list[Annotated[Text, Field(max_length=64)]], Field(max_length=20)]
_Jitter = Annotated[int, Field(ge=0, le=3600)]
_Deadline = Annotated[int, Field(ge=1, le=31 * 24 * 3600)]
_Priority = Annotated[int, Field(ge=-10, le=10)]


class Callback(Body):
    """What the end of a job's run sets off: `endpoint` or `job`, exactly one of them; `input` goes with `job`."""

    endpoint: EndpointName | None = Field(
        default=None, description="It gets what happened, as a delivery of its own.", examples=["on-call"]
    )
    job: JobName | None = Field(
        default=None, description="The name of a live CRON job, which is run once.", examples=["load-warehouse"]
    )
    input: Literal["own", "run"] | None = Field(
        default=None, description="Of a job: its own input, by default, or what happened.", examples=["run"]
    )


class FailureCallback(Callback):
    """What the failure of a job's run sets off: as Callback, and for which ends."""

    statuses: Annotated[list[Literal["FAILED", "EXPIRED", "CANCELLED"]], Field(min_length=1, max_length=3)] | None = (
        Field(default=None, description="FAILED and EXPIRED by default.", examples=[["FAILED"]])
    )


class JobCreate(Body):
    """A job to be made.

    trigger CRON takes `cron` or `every`, exactly one of them; `anchor` goes with `every`. DELAYED takes `run_at`; a
    local one, without an offset, takes `timezone` too. IMMEDIATE takes none of these. What is marked CRON or DELAYED is
    refused with another trigger. `ends_at` is after `starts_at`. Instants are of the years 1970 to 2999. Texts hold no
    U+0000 and are not blank.
    """

    name: JobName | None = Field(
        default=None, description="A name, unique among the workspace's live jobs.", examples=["weekly-report"]
    )
    title: Title | None = Field(
        default=None, description="Its name for people: any text of one line.", examples=["Weekly report, Mondays"]
    )
    endpoint: EndpointName = Field(description="The name of the endpoint.", examples=["weekly-report"])
    trigger: Trigger = Field(description="When it runs.", examples=["CRON"])
    cron: Cron | None = Field(
        default=None, description="CRON: five fields, as pg_cron has them.", examples=["0 9 * * 1"]
    )
    every: _Every | None = Field(default=None, description="CRON: an interval, in place of cron.", examples=["90m"])
    anchor: TimeOrLocal | None = Field(
        default=None,
        description="CRON: what the interval is counted from; now. Without an offset: a local time of the zone, on "
        "whose clocks it counts.",
        examples=["2026-12-01T00:00:00Z"],
    )
    timezone: Zone | None = Field(
        default=None,
        description="CRON: the zone of the expression; UTC by default. DELAYED: that of a local run_at.",
        examples=["UTC"],
    )
    starts_at: Time | None = Field(default=None, description="CRON: no tick before.", examples=["2026-12-01T00:00:00Z"])
    ends_at: Time | None = Field(
        default=None, description="CRON: no tick from then on.", examples=["2027-12-01T00:00:00Z"]
    )
    max_runs: Int32 | None = Field(default=None, description="CRON: retired after this many ticks.", examples=[100])
    dst_gap: _Gap | None = Field(
        default=None,
        description="For a local time that is not there; SHIFT. DELAYED, with a local run_at: not SKIP.",
        examples=["SHIFT"],
    )
    dst_overlap: _Overlap | None = Field(
        default=None,
        description="For one that is there twice; FIRST. DELAYED, with a local run_at: not BOTH.",
        examples=["FIRST"],
    )
    jitter_seconds: _Jitter | None = Field(
        default=None, description="CRON: spreads deliveries over up to this many seconds; 0.", examples=[30]
    )
    overlap: Overlap | None = Field(
        default=None, description="CRON: a tick while the run before is under way; ALLOW.", examples=["ALLOW"]
    )
    catch_up: CatchUp | None = Field(
        default=None,
        description="CRON: ticks that were missed.",
        examples=[{"policy": "LATEST", "window_seconds": 3600}],
    )
    run_at: TimeOrLocal | None = Field(
        default=None,
        description="DELAYED: when it runs. Without an offset: a local time of the timezone, which it keeps when the "
        "zone's rules change.",
        examples=["2026-12-01T09:00:00Z"],
    )
    input: Input = Field(default_factory=dict, description="What templates are filled with.", examples=[{"id": 7}])
    tags: _Tags = Field(default_factory=list, description="Words to find it by.", examples=[["reports"]])
    idempotency_key: IdempotencyKey | None = Field(
        default=None, description="Same key, same job.", examples=["order-17"]
    )
    on_success: Callback | None = Field(
        default=None,
        description="What a run that succeeded sets off: a delivery to an endpoint, or a run of a CRON job.",
        examples=[{"job": "load-warehouse", "input": "run"}],
    )
    on_failure: FailureCallback | None = Field(
        default=None,
        description="What a run that failed for good sets off, and with `statuses` one that was cancelled.",
        examples=[{"endpoint": "on-call"}],
    )
    deadline_seconds: _Deadline | None = Field(
        default=None,
        description="An execution that was not delivered within so long of its tick, its run_at or its creation is "
        "EXPIRED, and not sent any more.",
        examples=[900],
    )
    priority: _Priority = Field(
        default=0,
        description="Of the endpoint's due executions the higher ones are delivered first. A step is worth a minute of "
        "waiting.",
        examples=[5],
    )


class JobBatch(Body):
    """Jobs to be made together."""

    jobs: list[JobCreate] = Field(
        min_length=1,
        max_length=MOST_JOBS,
        description="Each as POST …/jobs takes it, its `idempotency_key` too.",
        examples=[[{"endpoint": "weekly-report", "trigger": "IMMEDIATE", "input": {"id": 7}}]],
    )
    atomic: bool = Field(
        default=True,
        description="All are made or none; false: each for itself, and one that cannot be made is a problem in its "
        "place of the answer.",
        examples=[True],
    )


class JobPatch(Body):
    """The changes to a CRON job; null resets what may be without a value. What GET gives may be sent back whole: what
    is equal is no change, and what cannot be changed is ignored as long as it is as GET gives it.

    At least one field is given. `cron` and `every` take each other's place, so one of them at most; `anchor` is of a
    job with `every`. `ends_at` is after `starts_at`.
    """

    name: JobName | None = Field(default=None, description="Null: none.", examples=["weekly-report"])
    title: Title | None = Field(
        default=None, description="Its name for people; null: none.", examples=["Weekly report, Mondays"]
    )
    endpoint: EndpointName = Field(
        default_factory=str, description="The name of the endpoint.", examples=["weekly-report"]
    )
    cron: Cron = Field(default_factory=str, description="Five fields, as pg_cron has them.", examples=["0 9 * * 1"])
    every: _Every = Field(default_factory=str, description="An interval, in place of cron.", examples=["90m"])
    anchor: TimeOrLocal = Field(
        default_factory=lambda: datetime.now(UTC),
        description="What it is counted from; without an offset, on the zone's clocks.",
        examples=["2026-12-01T00:00:00Z"],
    )
    timezone: Zone = Field(default="UTC", description="The zone of the expression.", examples=["UTC"])
    starts_at: Time | None = Field(
        default=None, description="No tick before; null: from now on.", examples=["2026-12-01T00:00:00Z"]
    )
    ends_at: Time | None = Field(
        default=None, description="No tick from then on; null: no end.", examples=["2027-12-01T00:00:00Z"]
    )
    max_runs: Int32 | None = Field(
        default=None, description="Retired after this many ticks; null: never.", examples=[100]
    )
    dst_gap: _Gap = Field(default="SHIFT", description="A local time that does not exist.", examples=["SHIFT"])
    dst_overlap: _Overlap = Field(default="FIRST", description="A local time that there is twice.", examples=["FIRST"])
    jitter_seconds: _Jitter = Field(
        default=0, description="Spreads deliveries over up to this many seconds.", examples=[30]
    )
    overlap: Overlap = Field(
        default="ALLOW", description="A tick while the run before is under way.", examples=["ALLOW"]
    )
    catch_up: CatchUp = Field(
        default_factory=lambda: CatchUp(), description="Ticks that were missed.", examples=[{"policy": "LATEST"}]
    )
    input: Input = Field(default_factory=dict, description="Replaces the whole input.", examples=[{"id": 7}])
    tags: _Tags = Field(default_factory=list, description="Replaces all tags.", examples=[["reports"]])
    on_success: Callback | None = Field(
        default=None, description="What a run that succeeded sets off; null: nothing.", examples=[{"job": "load"}]
    )
    on_failure: FailureCallback | None = Field(
        default=None,
        description="What a run that failed for good sets off; null: nothing.",
        examples=[{"endpoint": "on-call"}],
    )
    deadline_seconds: _Deadline | None = Field(
        default=None, description="Of the executions to come; null: none.", examples=[900]
    )
    priority: _Priority = Field(
        default=0, description="Of its executions from now on; those that wait keep theirs.", examples=[5]
    )


class Nothing(Body):
    """A body without fields: none, or {}."""


class JobPause(Body):
    """Why a job is paused, and for how long. Of a job that is paused already, what is given replaces what was; null
    takes it away."""

    note: _Note | None = Field(default=None, description="For people who wonder later.", examples=["until the audit"])
    until: Time | None = Field(
        default=None, description="When it resumes by itself; null: only by a call.", examples=["2026-12-01T00:00:00Z"]
    )


class JobSkipNext(Body):
    """How many of a job's ticks to come are skipped."""

    count: int = Field(ge=0, le=10_000, description="Replaces the number that was set before; 0: none.", examples=[1])


class JobTrigger(Body):
    """One run beside the schedule."""

    input: Input | None = Field(default=None, description="In place of the job's own.", examples=[{"id": 7}])
    priority: _Priority | None = Field(default=None, description="In place of the job's own.", examples=[5])


class ExecutionRetry(Body):
    """Where a run that is made due again goes."""

    endpoint_version: EndpointChoice = Field(
        default="latest", description="Its endpoint as it is now, or in the version that it had.", examples=["latest"]
    )


class _LetterSelection(Body):
    """Which dead letters; without any of these, all of the workspace's."""

    endpoint: Text | None = Field(
        default=None, max_length=63, description="Of this endpoint.", examples=["weekly-report"]
    )
    job: Text | None = Field(
        default=None, max_length=127, description="Of this job, an id or a name.", examples=["weekly-report"]
    )
    error_type: Text | None = Field(
        default=None, max_length=100, description="Whose last error is of this type.", examples=["http_status"]
    )
    q: Text | None = Field(
        default=None,
        max_length=200,
        description="Whose last error's type or message holds this text.",
        examples=["refused"],
    )
    after: Time | None = Field(default=None, description="Failed later.", examples=["2026-12-01T00:00:00Z"])
    before: Time | None = Field(default=None, description="Failed earlier.", examples=["2026-12-02T00:00:00Z"])
    validate_only: bool = Field(
        default=False, description="Only count the dead letters: nothing is written.", examples=[True]
    )


class LetterRedrive(_LetterSelection):
    """Dead letters that are to be due again."""

    endpoint_version: EndpointChoice = Field(
        default="latest", description="Their endpoint as it is now, or in the version that they had.", examples=["same"]
    )
    per_second: int | None = Field(
        default=None, ge=1, le=10_000, description="At most so many a second; null: as fast as it goes.", examples=[50]
    )


class LetterDiscard(_LetterSelection):
    """Dead letters that are to be none any more."""


class BackfillCreate(Body):
    """A past window whose ticks are to be run: [`from`, `to`), so `to` is after `from`."""

    from_: Time = Field(alias="from", description="Its first tick is not before.", examples=["2026-11-01T00:00:00Z"])
    to: Time = Field(description="Its last tick is before; not in the future.", examples=["2026-11-08T00:00:00Z"])
    max_active: int = Field(
        default=10, ge=1, le=1000, description="Executions of it that may be unfinished at once.", examples=[10]
    )
    include: list[TickOutcome] = Field(
        default=["MISSED", "SKIPPED", "CANCELLED"],
        min_length=1,
        max_length=4,
        description="Which ticks it takes, by what had become of them. FAILED: the run is due again, under its own id "
        "and key. "
        "MISSED: also those of which nothing had become.",
        examples=[["FAILED"]],
    )
    validate_only: bool = Field(default=False, description="Only count the ticks: nothing is written.", examples=[True])
    priority: _Priority | None = Field(
        default=None, description="Of its executions, in place of the job's own.", examples=[-5]
    )


class SchedulePreview(Body):
    """A schedule to be looked at: `cron` or `every`, exactly one of them; `anchor` goes with `every`, and a local one
    with `timezone`."""

    cron: Cron | None = Field(default=None, description="Five fields, as pg_cron has them.", examples=["0 9 * * 1"])
    every: _Every | None = Field(default=None, description="An interval, in place of cron.", examples=["90m"])
    anchor: TimeOrLocal | None = Field(
        default=None,
        description="What the interval is counted from; now. Without an offset, on the zone's clocks.",
        examples=["2026-12-01T00:00:00Z"],
    )
    timezone: Zone = Field(default="UTC", description="The zone of the expression.", examples=["UTC"])
    after: Time | None = Field(
        default=None, description="Runs are strictly later; now by default.", examples=["2026-12-01T00:00:00Z"]
    )
    count: int = Field(default=10, ge=1, le=100, description="How many runs.", examples=[10])
    dst_gap: _Gap = Field(default="SHIFT", description="A local time that does not exist.", examples=["SHIFT"])
    dst_overlap: _Overlap = Field(default="FIRST", description="A local time that there is twice.", examples=["FIRST"])


class PageQuery(Query):
    """Which page of a list."""

    limit: WholeNumber = Field(default=50, ge=1, le=200, description="Rows of a page.", examples=[50])
    cursor: str | None = Field(
        default=None,
        max_length=200,
        description="next_cursor of the page before, as it came; it is of this list alone.",
    )


class WorkspaceQuery(PageQuery):
    """Which workspaces."""

    organization: Slug | None = Field(
        default=None, description="Those of this organization, by its slug.", examples=["umbrella"]
    )


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
    status: JobStatus | None = Field(default=None, description="In this status.", examples=["ACTIVE"])
    tag: str | None = Field(default=None, max_length=64, description="With this tag.", examples=["reports"])
    q: str | None = Field(
        default=None,
        max_length=200,
        description="Whose name, or endpoint's name, holds this text; or whose id begins with it.",
        examples=["report"],
    )
    created_after: AnyTime | None = Field(default=None, description="Created later.", examples=["2026-12-01T00:00:00Z"])
    created_before: AnyTime | None = Field(
        default=None, description="Created earlier.", examples=["2026-12-01T00:00:00Z"]
    )


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


class LetterQuery(PageQuery):
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


class ExplainQuery(Query):
    """Which instant is to be explained."""

    at: Time | None = Field(default=None, description="The instant; now by default.", examples=["2026-12-01T09:00:00Z"])


class CountQuery(Query):
    """How many runs to foresee."""

    count: WholeNumber = Field(default=10, ge=1, le=100, description="How many runs.", examples=[10])
