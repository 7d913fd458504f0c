"""The format of files that describe a workspace, and the options of apply: bounds, defaults and examples, as in request
bodies."""

from typing import Annotated

from pydantic import Field

from kronos.api.alert_schemas import AlertRuleCreate
from kronos.api.calendar_schemas import CalendarCreate
from kronos.api.endpoint_schemas import EndpointCreate
from kronos.api.fields import Body, Listing, SecretName, Slug
from kronos.api.heartbeat_schemas import HeartbeatCreate
from kronos.api.job_schemas import JobFile
from kronos.api.schemas import ConfigCreate, PayloadSpecCreate
from kronos.apply_terms import MOST_OF_A_KIND
from kronos.model import Json, JsonObject

SetName = Annotated[
    Slug,
    Field(
        description="The set that these files form. Resources of the set that the files no longer contain can be "
        "pruned. Resources of other sets or made by hand are never pruned.",
        examples=["billing"],
    ),
]


class SecretRef(Body):
    """A secret that must exist. Its value is never in a file."""

    name: SecretName = Field(description="Name in the workspace.", examples=["api-token"])


class WorkspaceFile(Listing):
    """The resources that one set of files describes. Each resource is identified by its name. Several documents of a
    set are merged, in any order."""

    set: SetName = "default"
    secrets: Annotated[list[SecretRef], Field(max_length=MOST_OF_A_KIND)] = Field(
        default_factory=list, description="Secrets that must exist.", examples=[[{"name": "api-token"}]]
    )
    configs: Annotated[list[ConfigCreate], Field(max_length=MOST_OF_A_KIND)] = Field(
        default_factory=list, description="Configs.", examples=[[{"name": "production", "values": {"region": "eu"}}]]
    )
    payload_specs: Annotated[list[PayloadSpecCreate], Field(max_length=MOST_OF_A_KIND)] = Field(
        default_factory=list,
        description="Payload specs.",
        examples=[[{"name": "report-input", "schema": {"type": "object"}}]],
    )
    calendars: Annotated[list[CalendarCreate], Field(max_length=MOST_OF_A_KIND)] = Field(
        default_factory=list,
        description="Calendars.",
        examples=[[{"name": "holidays", "days": [{"starts": "2026-12-25", "name": "Christmas"}]}]],
    )
    endpoints: Annotated[list[EndpointCreate], Field(max_length=MOST_OF_A_KIND)] = Field(
        default_factory=list,
        description="Endpoints.",
        examples=[[{"name": "report", "type": "HTTP", "spec": {"url": "https://example.com/report"}}]],
    )
    jobs: Annotated[list[JobFile], Field(max_length=MOST_OF_A_KIND)] = Field(
        default_factory=list,
        description="CRON jobs.",
        examples=[[{"name": "weekly-report", "endpoint": "report", "cron": "0 9 * * 1"}]],
    )
    heartbeats: Annotated[list[HeartbeatCreate], Field(max_length=MOST_OF_A_KIND)] = Field(
        default_factory=list,
        description="Heartbeats. The ping URL of a new heartbeat is not shown: rotate it to get one.",
        examples=[[{"name": "nightly-backup", "cron": "0 3 * * *", "grace_seconds": 900}]],
    )
    alert_rules: Annotated[list[AlertRuleCreate], Field(max_length=MOST_OF_A_KIND)] = Field(
        default_factory=list,
        description="Alert rules.",
        examples=[[{"name": "reports-fail", "condition": {"type": "FAILURES", "count": 3}, "tell": ["report"]}]],
    )


def file_schema() -> JsonObject:
    """Return the JSON Schema of a file, generated from the models that validate it."""
    made = WorkspaceFile.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_without_discriminators(made)}


def _without_discriminators(value: Json) -> Json:
    """Remove discriminators, which JSON Schema lacks: oneOf expresses the same."""
    if isinstance(value, dict):
        return {name: _without_discriminators(each) for name, each in value.items() if name != "discriminator"}
    return [_without_discriminators(each) for each in value] if isinstance(value, list) else value


class ApplyBody(WorkspaceFile):
    """The resources that a workspace should have, and how to apply them."""

    prune: bool = Field(
        default=False,
        description="Remove resources of the set that are not in this file, except secrets.",
        examples=[False],
    )
    take_over: bool = Field(
        default=False,
        description="Resources in this file that belong to another set become this set's. Otherwise they are rejected.",
        examples=[False],
    )
    validate_only: bool = Field(
        default=False,
        description="Make all changes, including pg_cron's entries, report them, and roll them back.",
        examples=[True],
    )
