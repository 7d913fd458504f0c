"""What files hold of a workspace, and what apply is asked besides: bounds, defaults and examples, as requests' models
have them."""

from typing import Annotated

from pydantic import Field

from kronos.api.alert_schemas import AlertRuleCreate
from kronos.api.calendar_schemas import CalendarCreate
from kronos.api.endpoint_schemas import EndpointCreate
from kronos.api.fields import Body, SecretName, Slug
from kronos.api.heartbeat_schemas import HeartbeatCreate
from kronos.api.job_schemas import JobFile
from kronos.api.schemas import ConfigCreate, PayloadSpecCreate
from kronos.apply_terms import MOST_OF_A_KIND
from kronos.model import Json, JsonObject

SetName = Annotated[
    Slug,
    Field(
        description="The set that these files are: what they do not have any more may be pruned, what is of other sets "
        "or was made by hand never is.",
        examples=["billing"],
    ),
]


class SecretRef(Body):
    """A secret that has to be there. Its value never stands in a file."""

    name: SecretName = Field(description="Its name in the workspace.", examples=["api-token"])


class WorkspaceFile(Body):
    """What a workspace is to have, of one set of files. Each resource is known by its name. Several documents of a set
    are one, whatever stands in which."""

    set: SetName = "default"
    secrets: Annotated[list[SecretRef], Field(max_length=MOST_OF_A_KIND)] = Field(
        default_factory=list, description="Secrets that have to be there.", examples=[[{"name": "api-token"}]]
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
        description="Heartbeats. The ping URL of one that is made is shown to nobody: rotate gives it one.",
        examples=[[{"name": "nightly-backup", "cron": "0 3 * * *", "grace_seconds": 900}]],
    )
    alert_rules: Annotated[list[AlertRuleCreate], Field(max_length=MOST_OF_A_KIND)] = Field(
        default_factory=list,
        description="Alert rules.",
        examples=[[{"name": "reports-fail", "condition": {"type": "FAILURES", "count": 3}, "tell": ["report"]}]],
    )


def file_schema() -> JsonObject:
    """The JSON Schema of a file, made of the models that judge it."""
    made = WorkspaceFile.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_without_discriminators(made)}


def _without_discriminators(value: Json) -> Json:
    """JSON Schema has none: oneOf says the same."""
    if isinstance(value, dict):
        return {name: _without_discriminators(each) for name, each in value.items() if name != "discriminator"}
    return [_without_discriminators(each) for each in value] if isinstance(value, list) else value


class ApplyBody(WorkspaceFile):
    """What a workspace is to have, and what is done about it."""

    prune: bool = Field(
        default=False,
        description="Remove what is the set's and does not stand here any more, other than secrets.",
        examples=[False],
    )
    take_over: bool = Field(
        default=False,
        description="What stands here and is of another set becomes this set's; else it is refused.",
        examples=[False],
    )
    validate_only: bool = Field(
        default=False,
        description="Do all of it, register with pg_cron too, say what became of it, and roll it back.",
        examples=[True],
    )
