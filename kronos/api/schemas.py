"""Request bodies, field by field: bounds, defaults, and an example that the documentation and hints show.

Bodies for jobs and runs are in job_schemas.py, for endpoints in endpoint_schemas.py. URL queries are in
query_schemas.py. Everything else is here.
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
    """A workspace to create."""

    slug: Slug = Field(description="Name in URLs. Never changes.", examples=["acme"])
    name: Title | None = Field(default=None, description="Display name. Defaults to the slug.", examples=["Acme"])
    max_concurrency: int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="Maximum deliveries in flight at the same time, enforced exactly. null: no limit.",
        examples=[50],
    )
    organization: Slug | None = Field(
        default=None, description="Slug of the organization that the workspace belongs to.", examples=[None]
    )


class OrganizationCreate(Body):
    """An organization to create."""

    slug: Slug = Field(description="Name in URLs. Never changes.", examples=["umbrella"])
    name: Title | None = Field(default=None, description="Display name. Defaults to the slug.", examples=["Umbrella"])


class OrganizationPatch(Body):
    """Changes to an organization."""

    name: Title = Field(description="Display name.", examples=["Umbrella Ltd"])


class KeyCreate(Body):
    """An API key to create in the workspace."""

    role: WorkspaceRole = Field(
        description="viewer: reads. operator: also manages jobs, executions and dead letters. admin: everything in the "
        "workspace.",
        examples=["operator"],
    )
    name: Title | None = Field(default=None, description="What the key is for.", examples=["ci"])
    sees_payloads: bool | None = Field(
        default=None,
        description="Whether a viewer sees inputs, outputs, requests and responses. Defaults to false for viewers; "
        "other roles always see them.",
        examples=[True],
    )
    expires_at: AnyTime | None = Field(
        default=None,
        description="When the key stops working. null: it works until it is revoked.",
        examples=["2999-01-01T00:00:00Z"],
    )


class MappingCreate(Body):
    """A role for the members of a group."""

    group: Annotated[Text, Field(max_length=255)] = Field(
        description="Group name, as in the identity provider's groups claim.", examples=["scheduler-operators"]
    )
    role: WorkspaceRole = Field(description="Role of the group's members.", examples=["operator"])
    sees_payloads: bool | None = Field(
        default=None,
        description="Whether viewers see payloads. Defaults to false for viewers; other roles always see them.",
        examples=[True],
    )


def sees_payloads(body: KeyCreate | MappingCreate) -> bool:
    """Return the requested value, or the role's default: viewers do not see payloads. Raises Unprocessable."""
    if body.sees_payloads is None:
        return body.role != "viewer"
    if body.role != "viewer" and not body.sees_payloads:
        detail = f"role {body.role} always sees payloads"
        fault = errors.Fault(pointer="/sees_payloads", detail=detail, hint="Omit it, or set the role to viewer.")
        raise errors.Unprocessable.of(fault)
    return body.sees_payloads


class KeyRotate(Body):
    """How to replace a key."""

    overlap_seconds: int = Field(
        default=0, ge=0, le=90 * 24 * 3600, description="Seconds for which the old key still works.", examples=[3600]
    )
    expires_at: AnyTime | None = Field(
        default=None,
        description="When the new key expires. Defaults to the old key's expiry.",
        examples=["2999-01-01T00:00:00Z"],
    )


class WorkspacePatch(Body):
    """Changes to a workspace. At least one field is required. A document from GET may be edited and sent back whole."""

    name: Title | None = Field(default=None, description="Display name.", examples=["Acme"])
    status: Literal["ACTIVE", "SUSPENDED"] | None = Field(
        default=None, description="SUSPENDED: no job in the workspace runs.", examples=["SUSPENDED"]
    )
    max_concurrency: int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="Maximum deliveries in flight at the same time, enforced exactly. null: no limit.",
        examples=[50],
    )


_Days = Annotated[int, Field(ge=1, le=36500)]


class QuotasPut(Body):
    """Quotas of a workspace. A quota that is omitted or null has no limit. A document from GET may be sent back
    whole."""

    max_cron_jobs: int | None = Field(
        default=None, ge=0, le=10_000_000, description="Maximum ACTIVE and PAUSED CRON jobs.", examples=[500]
    )
    max_executions_per_day: int | None = Field(
        default=None,
        ge=0,
        le=1_000_000_000_000,
        description="Maximum executions created per day (UTC).",
        examples=[100_000],
    )
    max_input_bytes: int | None = Field(
        default=None, ge=2, le=1_048_576, description="Maximum size of one input, as JSON.", examples=[65_536]
    )
    max_concurrency: int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="Maximum deliveries in flight at the same time, enforced exactly.",
        examples=[50],
    )
    max_alarms_per_minute: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="Maximum pg_cron entries that ring in the same minute.",
        examples=[100],
    )
    max_heartbeats: int | None = Field(
        default=None, ge=0, le=10_000, description="Maximum heartbeats. null: 10,000.", examples=[100]
    )
    max_alert_rules: int | None = Field(
        default=None, ge=0, le=100, description="Maximum alert rules. null: 100.", examples=[20]
    )


class RetentionPut(Body):
    """How many days a workspace keeps its history. A value that is omitted or null uses the instance's setting."""

    success_days: _Days | None = Field(
        default=None,
        description="Days to keep SUCCESS, SKIPPED and CANCELLED executions, and finished jobs.",
        examples=[14],
    )
    failure_days: _Days | None = Field(
        default=None, description="Days to keep FAILED, MISSED and EXPIRED executions.", examples=[180]
    )


class ConfigPut(Body):
    """A config without its name, which is in the path. A document from GET may be sent back whole."""

    values: Annotated[JsonObject, AfterValidator(shallow), WithJsonSchema({"type": "object"})] = Field(
        description="Values for templates: at most 64 KiB as JSON.", examples=[{"region": "eu"}]
    )


class ConfigCreate(ConfigPut):
    """A config to create."""

    name: EndpointName = Field(description="Name, unique in the workspace.", examples=["production"])


class PayloadSpecPut(Body):
    """A payload spec without its name, which is in the path. A document from GET may be sent back whole."""

    schema_: Annotated[
        Json, AfterValidator(schema), AfterValidator(shallow), WithJsonSchema({"type": ["object", "boolean"]})
    ] = Field(
        alias="schema",
        description="A JSON Schema of draft 2020-12: at most 64 KiB as JSON. References must stay within the schema. "
        "Patterns are matched in linear time, so they support neither look-around nor back-references.",
        examples=[{"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}],
    )


class PayloadSpecCreate(PayloadSpecPut):
    """A payload spec to create."""

    name: EndpointName = Field(description="Name, unique in the workspace.", examples=["report-input"])


class SecretPut(Body):
    """A secret without its name, which is in the path. The value is stored encrypted, and no call returns it."""

    value: SecretValue = Field(
        description="The value that {{secret.NAME}} inserts. At least 4 characters: a shorter value could not be "
        "redacted reliably from stored responses.",
        examples=["correct horse battery staple"],
    )


class SecretCreate(SecretPut):
    """A secret to create."""

    name: SecretName = Field(description="Name, unique in the workspace.", examples=["api-token"])


class Nothing(Body):
    """A body without fields: an empty body, or {}."""


class ExecutionRetry(Body):
    """Which endpoint version a retried execution is delivered to."""

    endpoint_version: EndpointChoice = Field(
        default="latest",
        description="latest: the endpoint as it is now. same: the version that the execution used before.",
        examples=["latest"],
    )


class _LetterSelection(Body):
    """Filters for dead letters. Without any filter, all dead letters of the workspace match."""

    endpoint: Text | None = Field(
        default=None, max_length=63, description="Of this endpoint.", examples=["weekly-report"]
    )
    job: Text | None = Field(
        default=None, max_length=127, description="Of this job: an id or a name.", examples=["weekly-report"]
    )
    error_type: Text | None = Field(
        default=None, max_length=100, description="Type of the last error.", examples=["http_status"]
    )
    q: Text | None = Field(
        default=None,
        max_length=200,
        description="Text that the last error's type or message contains.",
        examples=["refused"],
    )
    after: Time | None = Field(default=None, description="Failed after this time.", examples=["2026-12-01T00:00:00Z"])
    before: Time | None = Field(default=None, description="Failed before this time.", examples=["2026-12-02T00:00:00Z"])
    validate_only: bool = Field(
        default=False, description="Only count the matching dead letters. Nothing is written.", examples=[True]
    )


class LetterRedrive(_LetterSelection):
    """Dead letters to make due again."""

    endpoint_version: EndpointChoice = Field(
        default="latest",
        description="latest: the endpoint as it is now. same: the version that each execution used before.",
        examples=["same"],
    )
    per_second: int | None = Field(
        default=None, ge=1, le=10_000, description="Maximum per second; null: no limit.", examples=[50]
    )


class LetterDiscard(_LetterSelection):
    """Dead letters to discard."""
