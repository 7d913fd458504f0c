"""What requests may hold, field by field: bounds, defaults, and an example for documentation and hints.

Of jobs and their runs job_schemas.py says it, of endpoints endpoint_schemas.py, of the query of a URL query_schemas.py;
this is all else.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from kronos import errors
from kronos.api.fields import (
    AnyTime,
    Body,
    EndpointName,
    SecretName,
    SecretValue,
    Slug,
    Text,
    Time,
    Title,
    schema,
    shallow,
)
from kronos.model import EndpointChoice, Json, JsonObject, WorkspaceRole


class WorkspaceCreate(Body):
    """A workspace to be made."""

    slug: Slug = Field(description="Its name in URLs; never changes.", examples=["acme"])
    name: Title | None = Field(default=None, description="Its name for people; the slug by default.", examples=["Acme"])
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
    name: Title | None = Field(
        default=None, description="Its name for people; the slug by default.", examples=["Umbrella"]
    )


class OrganizationPatch(Body):
    """The changes to an organization."""

    name: Title = Field(description="Its name for people.", examples=["Umbrella Ltd"])


class KeyCreate(Body):
    """A key of the workspace to be made."""

    role: WorkspaceRole = Field(
        description="viewer: reads; operator: jobs, executions, dead letters too; admin: everything in the workspace.",
        examples=["operator"],
    )
    name: Title | None = Field(default=None, description="What it is for.", examples=["ci"])
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

    name: Title | None = Field(default=None, description="Its name for people.", examples=["Acme"])
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


class QuotasPut(Body):
    """What a workspace may have and make; what is not given, or null, has no limit. What GET gives may be sent back
    whole."""

    max_cron_jobs: int | None = Field(
        default=None, ge=0, le=10_000_000, description="ACTIVE and PAUSED CRON jobs.", examples=[500]
    )
    max_executions_per_day: int | None = Field(
        default=None, ge=0, le=1_000_000_000_000, description="Made on a day, in UTC.", examples=[100_000]
    )
    max_input_bytes: int | None = Field(
        default=None, ge=2, le=1_048_576, description="Of one input, as JSON.", examples=[65_536]
    )
    max_concurrency: int | None = Field(
        default=None, ge=1, le=100_000, description="Deliveries under way at once, exactly.", examples=[50]
    )
    max_alarms_per_minute: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="Entries in pg_cron that may ring in one and the same minute.",
        examples=[100],
    )
    max_heartbeats: int | None = Field(
        default=None, ge=0, le=10_000, description="Heartbeats; of null 10,000.", examples=[100]
    )
    max_alert_rules: int | None = Field(
        default=None, ge=0, le=100, description="Alert rules; of null 100.", examples=[20]
    )


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


class Nothing(Body):
    """A body without fields: none, or {}."""


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
