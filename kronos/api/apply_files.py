"""Resources in files: read and validated one by one, compared by all their fields including defaults, and written
without defaults."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from pydantic import BaseModel, Field, ValidationError
from pydantic.fields import FieldInfo

from kronos import apply_alerts, apply_diffs, calendars, errors, unseen
from kronos.alert_rows import AlertRule
from kronos.api.alert_schemas import AlertRuleCreate, AlertRulePut, new_rule
from kronos.api.apply_schemas import ApplyBody, SecretRef, SetName
from kronos.api.calendar_schemas import CalendarCreate, new_calendar
from kronos.api.copies import shown
from kronos.api.endpoint_schemas import EndpointCreate, EndpointPut, HttpEndpointPut
from kronos.api.fields import Body
from kronos.api.heartbeat_schemas import HeartbeatCreate, HeartbeatPut, expectation
from kronos.api.job_schemas import JobCreate, JobFile
from kronos.api.requests import AnyEndpoint, burst_of, new_endpoint, new_job, secrets_named
from kronos.api.schemas import ConfigCreate, PayloadSpecCreate
from kronos.api.validation import MAX_FAULTS, faults_of, trimmed
from kronos.apply_terms import MOST_OF_A_KIND, WantedResource, WantedWorkspace
from kronos.beats import Heartbeat
from kronos.delivery.egress import EgressPolicy
from kronos.equality import is_same
from kronos.errors import Fault
from kronos.managed import Kind, Name
from kronos.model import Document, Endpoint, Job, Json, JsonObject

FIELDS: Final[dict[Kind, str]] = {
    "config": "configs",
    "payload_spec": "payload_specs",
    "calendar": "calendars",
    "endpoint": "endpoints",
    "job": "jobs",
    "heartbeat": "heartbeats",
    "alert_rule": "alert_rules",
}
"""The field of a file that holds the resources of each kind."""
_MODELS: Final[dict[Kind, type[BaseModel]]] = {
    "config": ConfigCreate,
    "payload_spec": PayloadSpecCreate,
    "calendar": CalendarCreate,
    "endpoint": EndpointCreate,
    "job": JobFile,
    "heartbeat": HeartbeatCreate,
    "alert_rule": AlertRuleCreate,
}
_WHEN_AND_WHERE = ("endpoint", "cron", "every", "anchor")
_NOTHING: Final[Mapping[Name, unseen.Texts]] = {}
Writable: TypeAlias = Document | Endpoint | Job | Heartbeat | AlertRule


class _UnjudgedFiles(Body):
    """Files whose resources are not validated yet."""

    set: SetName = "default"
    secrets: list[Any] = Field(default_factory=list, max_length=MOST_OF_A_KIND)
    configs: list[Any] = Field(default_factory=list, max_length=MOST_OF_A_KIND)
    payload_specs: list[Any] = Field(default_factory=list, max_length=MOST_OF_A_KIND)
    calendars: list[Any] = Field(default_factory=list, max_length=MOST_OF_A_KIND)
    endpoints: list[Any] = Field(default_factory=list, max_length=MOST_OF_A_KIND)
    jobs: list[Any] = Field(default_factory=list, max_length=MOST_OF_A_KIND)
    heartbeats: list[Any] = Field(default_factory=list, max_length=MOST_OF_A_KIND)
    alert_rules: list[Any] = Field(default_factory=list, max_length=MOST_OF_A_KIND)
    prune: bool = False
    take_over: bool = False
    validate_only: bool = False


def read(
    document: JsonObject, policy: EgressPolicy, *, may_configure: bool, there: Mapping[Name, unseen.Texts] = _NOTHING
) -> WantedWorkspace:
    """Return what a body asks for. Titles and tags that are already `there` may stay. Raises Unprocessable with a
    pointer to each fault."""
    try:
        envelope = _UnjudgedFiles.model_validate(trimmed(document, ApplyBody))
    except ValidationError as error:
        raise errors.Unprocessable.of(*faults_of(error, ApplyBody)) from None
    faults: list[Fault] = []
    resources = list(_resources(envelope, policy, faults, there))
    secrets = list(_secrets(envelope.secrets, faults))
    faults += _doubles(resources)
    if faults:
        raise errors.Unprocessable.of(*faults[:MAX_FAULTS])
    return WantedWorkspace(
        set_name=envelope.set,
        resources=resources,
        secrets=secrets,
        prune=envelope.prune,
        take_over=envelope.take_over,
        is_trial=envelope.validate_only,
        may_configure=may_configure,
        shown_endpoint=endpoint_fields,
    )


def unseen_names(document: JsonObject) -> list[Name]:
    """Return the resources in a body that contain an invisible character."""
    found: list[Name] = []
    for kind, field in FIELDS.items():
        items = document.get(field)
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict) and isinstance(name := item.get("name"), str) and unseen.texts_in(item):
                found.append((kind, name))
    return found


def written(kind: Kind, row: Writable) -> JsonObject:
    """Return a resource as a file has it, without defaults."""
    match row:
        case Endpoint():
            return {"name": row.name, "type": row.type} | _spoken(_endpoint_of(row))
        case Job():
            return {"name": row.name} | _job_written(row)
        case Heartbeat():
            return {"name": row.name} | _unlike(apply_alerts.of_heartbeat(row), HeartbeatPut.model_fields)
        case AlertRule():
            return {"name": row.name} | _unlike(apply_alerts.of_rule(row), AlertRulePut.model_fields)
        case _ if kind == "calendar":
            return {"name": row.name} | calendars.written(row.content)
        case _:
            return {"name": row.name, "values" if kind == "config" else "schema": row.content}


def endpoint_fields(endpoint: Endpoint) -> JsonObject:
    """Return an existing endpoint with all fields that files have."""
    return _fields_of(_endpoint_of(endpoint))


def secrets_of(endpoint: Endpoint) -> tuple[str, ...]:
    """Return the secrets that the endpoint's deliveries need."""
    return secrets_named(_endpoint_of(endpoint))


def _resources(
    envelope: _UnjudgedFiles, policy: EgressPolicy, faults: list[Fault], there: Mapping[Name, unseen.Texts]
) -> Iterator[WantedResource]:
    """Yield the valid resources, and add the faults of the others to `faults`."""
    for kind, field in FIELDS.items():
        for place, item in enumerate(getattr(envelope, field)):
            pointer = f"/{field}/{place}"
            try:
                yield _wanted(kind, pointer, item, policy, there)
            except ValidationError as error:
                faults += _placed(pointer, faults_of(error, _MODELS[kind]))
            except errors.Unprocessable as error:
                faults += _placed(pointer, error.faults)


def _wanted(
    kind: Kind, pointer: str, item: Json, policy: EgressPolicy, there: Mapping[Name, unseen.Texts]
) -> WantedResource:
    """Return one resource. Raises ValidationError, Unprocessable."""
    if not isinstance(item, dict):
        raise errors.Unprocessable.of(
            Fault(pointer="", detail="a resource must be an object", hint="Write an object with a name.")
        )
    kept = there.get((kind, item["name"])) if there and isinstance(item.get("name"), str) else None
    model = _MODELS[kind].model_validate(trimmed(item, _MODELS[kind]), context=kept)
    match model:
        case EndpointCreate():
            endpoint = new_endpoint(model.root.name, model.root, policy)
            return WantedResource(
                kind=kind, name=model.root.name, pointer=pointer, fields=_fields_of(model.root), made=endpoint
            )
        case JobFile():
            job = new_job(_asked(model), None)
            return WantedResource(
                kind=kind, name=model.name, pointer=pointer, fields=apply_diffs.of_new_job(job), made=job
            )
        case ConfigCreate():
            content: JsonObject = {"values": model.values}
            return WantedResource(kind=kind, name=model.name, pointer=pointer, fields=content, made=model.values)
        case PayloadSpecCreate():
            content = {"schema": model.schema_}
            return WantedResource(kind=kind, name=model.name, pointer=pointer, fields=content, made=model.schema_)
        case CalendarCreate():
            calendar = new_calendar(model)
            content = calendars.content(calendar)
            return WantedResource(kind=kind, name=model.name, pointer=pointer, fields=content, made=calendar)
        case HeartbeatCreate():
            expected = expectation(model)
            content = apply_alerts.of_expectation(expected)
            return WantedResource(kind=kind, name=model.name, pointer=pointer, fields=content, made=expected)
        case AlertRuleCreate():
            rule = new_rule(model.name, model)
            content = apply_alerts.of_new_rule(rule)
            return WantedResource(kind=kind, name=model.name, pointer=pointer, fields=content, made=rule)
        case _:
            raise TypeError(f"{kind} has no model")


def _asked(body: JobFile) -> JobCreate:
    """Return the job as a request would create it. It is already validated."""
    given = {name: getattr(body, name) for name in JobFile.model_fields}
    return JobCreate.model_construct(**given, trigger="CRON", run_at=None, idempotency_key=None)


def _secrets(items: Sequence[Json], faults: list[Fault]) -> Iterator[tuple[str, str]]:
    for place, item in enumerate(items):
        pointer = f"/secrets/{place}"
        try:
            yield pointer, SecretRef.model_validate(item).name
        except ValidationError as error:
            faults += _placed(pointer, faults_of(error, SecretRef))


def _placed(at: str, found: Sequence[Fault]) -> list[Fault]:
    return [Fault(pointer=at + each.pointer, detail=each.detail, hint=each.hint) for each in found]


def _doubles(resources: Sequence[WantedResource]) -> Iterator[Fault]:
    first: dict[tuple[str, str], str] = {}
    for each in resources:
        if (before := first.setdefault(each.key, each.pointer)) != each.pointer:
            detail = f"the {each.kind.replace('_', ' ')} {each.name!r} is already at {before}"
            yield Fault(pointer=f"{each.pointer}/name", detail=detail, hint="Write it once.")


def _endpoint_of(endpoint: Endpoint) -> AnyEndpoint:
    """Return an existing endpoint as PUT would take it."""
    document = shown(endpoint)
    judged = EndpointPut.model_validate(
        {name: document[name] for name in HttpEndpointPut.model_fields.keys() - {"title"}}
    )
    return judged.root.model_copy(update={"title": document["title"]})  # a stored title may be invalid by today's rules


def _fields_of(body: AnyEndpoint) -> JsonObject:
    """Return all fields of an endpoint. A limit that can be written in two places is in one of them."""
    found: JsonObject = body.model_dump(mode="json", exclude={"name"})
    limits, rate = found["limits"], body.limits.rate
    if body.max_in_flight is None:
        found["max_in_flight"] = limits["max_in_flight"]
    del limits["max_in_flight"]
    if rate is not None:
        limits["rate"]["burst"] = burst_of(rate)
    if limits["concurrency_key"] is not None and limits["max_concurrency_per_key"] is None:
        limits["max_concurrency_per_key"] = 1
    return found


def _spoken(body: AnyEndpoint) -> JsonObject:
    """Return the fields that differ from their defaults."""
    found: JsonObject = body.model_dump(mode="json", exclude_defaults=True, exclude={"name", "type"})
    limits: JsonObject = found.get("limits", {})
    limits.pop("max_in_flight", None)
    if limits:
        return found
    return {name: value for name, value in found.items() if name != "limits"}


def _unlike(found: JsonObject, fields: Mapping[str, FieldInfo]) -> JsonObject:
    """Return the values that differ from the defaults of these fields."""
    plain: JsonObject = {name: field.get_default(call_default_factory=True) for name, field in fields.items()}
    return {name: value for name, value in found.items() if not (value == {} or is_same(value, plain.get(name)))}


def _job_written(job: Job) -> JsonObject:
    of_job = apply_diffs.of_job(job)
    plain = _plain_job()
    return {
        name: value
        for name, value in of_job.items()
        if (value is not None if name in _WHEN_AND_WHERE else not is_same(value, plain.get(name)))
    }


def _plain_job() -> JsonObject:
    """Return a job with only its required fields."""
    return apply_diffs.of_new_job(new_job(_asked(JobFile(name="plain", endpoint="plain", cron="* * * * *")), None))
