"""Completes FastAPI's /openapi.json: responses and headers that every path has, and the names that client generators
use."""

import re
from collections.abc import Mapping
from http import HTTPStatus

from kronos import errors
from kronos.api.problems import MEDIA_TYPE
from kronos.model import Json, JsonObject

CONTACT = {"name": "The operator of this instance of Kronos"}
TAGS = [
    {"name": "jobs", "description": "What to run and when: IMMEDIATE, DELAYED or CRON."},
    {"name": "executions", "description": "Each time that a job was due, and the attempts to deliver it."},
    {"name": "events", "description": "Changes as they happen, as server-sent events."},
    {"name": "backfills", "description": "A CRON job's ticks in a past window, delivered later."},
    {"name": "dead-letters", "description": "Failed executions that need attention, and operations on many of them."},
    {"name": "alerts", "description": "Alert rules and incidents."},
    {"name": "overview", "description": "The recent past and the near future of a workspace."},
    {"name": "heartbeats", "description": "Jobs that run elsewhere: what is expected of them, and their pings."},
    {"name": "endpoints", "description": "Where deliveries go."},
    {"name": "calendars", "description": "Closed days and times, and weekly patterns, that jobs refer to."},
    {"name": "configs", "description": "Values that endpoint templates use."},
    {"name": "payload-specs", "description": "JSON Schemas that inputs are validated against."},
    {"name": "secrets", "description": "Values that deliveries need and that no call returns."},
    {"name": "apply", "description": "Apply files to a workspace, or export it as a file."},
    {"name": "workspaces", "description": "Tenants."},
    {"name": "keys", "description": "API keys, their roles, and the caller."},
    {"name": "organizations", "description": "Owners of workspaces."},
    {"name": "audit", "description": "Who changed what, sealed in a chain of hashes."},
    {"name": "retention", "description": "How long history is kept."},
    {"name": "schedules", "description": "Preview and parse schedules without saving them."},
    {"name": "system", "description": "The instance: its version, health and status."},
]
_HEADERS: Mapping[str, JsonObject] = {
    "Request-Id": {"description": "Id of the request, as in the log: the caller's Request-Id, or a new one."},
    "ETag": {"description": 'The version as an entity tag, such as "3", for If-Match and If-None-Match.'},
    "Location": {"description": "Path of the created resource."},
    "Retry-After": {
        "description": "Seconds to wait before repeating the call.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "RateLimit-Policy": {
        "description": "Requests per minute that the key may make (draft-ietf-httpapi-ratelimit-headers-10). Absent "
        "if there is no limit.",
    },
    "RateLimit": {"description": "r: requests left; t: seconds until the limit resets."},
    "WWW-Authenticate": {"description": "Bearer."},
    "Kronos-Read-From": {
        "description": "If KRONOS_DATABASE_READ_URL names a replica: which server answered, as in "
        "`replica; lag_seconds=0.412`, or `primary` and the reason. With the request header "
        "`Kronos-Read-From: primary` the primary answers, with everything written before.",
    },
    "Idempotent-Replayed": {
        "description": "Nothing was created: an earlier call with the same Idempotency-Key created what is returned.",
        "schema": {"type": "string", "enum": ["true"]},
    },
}
"""Response headers: strings, unless they have a schema."""

EXAMPLES: Mapping[str, JsonObject] = {
    "BackfillCreate": {"from": "2026-11-01T00:00:00Z", "to": "2026-11-02T00:00:00Z", "validate_only": True},
    "LetterRedrive": {"endpoint": "weekly-report", "per_second": 50, "validate_only": True},
    "LetterDiscard": {"error_type": "http_status", "before": "2026-11-01T00:00:00Z", "validate_only": True},
    "EndpointCreate": {"name": "weekly-report", "type": "HTTP", "spec": {"url": "https://example.com/hooks/report"}},
    "EndpointPut": {
        "type": "HTTP",
        "spec": {"url": "https://example.com/hooks/report", "body_template": {"id": "{{input.id}}"}},
    },
    "JobBatch": {"jobs": [{"endpoint": "weekly-report", "trigger": "IMMEDIATE", "input": {"id": 7}}], "atomic": True},
    "ApplyBody": {
        "set": "billing",
        "endpoints": [{"name": "invoices", "type": "HTTP", "spec": {"url": "https://example.com/hooks/invoices"}}],
        "jobs": [{"name": "monthly-invoices", "endpoint": "invoices", "cron": "0 6 1 * *"}],
        "validate_only": True,
    },
    "QuotasPut": {"max_cron_jobs": 500, "max_executions_per_day": 100_000},
    "CalendarCreate": {
        "name": "holidays",
        "business_days": ["mon", "tue", "wed", "thu", "fri"],
        "days": [{"starts": "2026-12-25", "name": "Christmas"}],
    },
    "CalendarPut": {"timezone": "Europe/Berlin", "days": [{"starts": "2026-12-25", "name": "Christmas"}]},
    "ClosedSchedulePreview": {
        "cron": "0 9 1 * *",
        "calendars": ["holidays"],
        "on_blackout": "NEXT",
        "timezone": "Asia/Kolkata",
        "count": 3,
    },
    "ConfigCreate": {"name": "production", "values": {"region": "eu"}},
    "ConfigPut": {"values": {"region": "eu"}},
    "PayloadSpecCreate": {"name": "report-input", "schema": {"type": "object", "required": ["id"]}},
    "PayloadSpecPut": {"schema": {"type": "object", "required": ["id"]}},
    "EndpointRender": {"input": {"id": 7}},
    "EndpointTest": {"input": {"id": 7}},
    "HeartbeatCreate": {"name": "nightly-backup", "cron": "0 3 * * *", "timezone": "Europe/Berlin"},
    "HeartbeatPut": {"period_seconds": 3600, "grace_seconds": 600},
    "HeartbeatPause": {"note": "moving hosts"},
    "EndpointDisable": {"note": "moving to the new receiver"},
    "JobCreate": {
        "endpoint": "weekly-report",
        "trigger": "CRON",
        "cron": "0 9 * * 1",
        "timezone": "Europe/Berlin",
        "input": {"id": 7},
    },
    "JobPatch": {"cron": "30 9 * * 1"},
    "JobPause": {"note": "until the audit"},
    "JobBulk": {"action": "pause", "filter": {"tag": "reports"}, "note": "migration", "validate_only": True},
    "JobOperation": {"action": "pause", "filter": {"tag": "reports"}, "note": "migration", "at_most": 500},
    "ScheduleSentence": {"sentence": "every weekday at 9:30", "timezone": "Europe/Berlin"},
    "JobSkipNext": {"count": 1},
    "TriggerRequest": {"input": {"id": 8}},
    "RetentionPut": {"success_days": 14, "failure_days": 180},
    "SecretCreate": {"name": "api-token", "value": "correct horse battery staple"},
    "SecretPut": {"value": "correct horse battery staple"},
    "SchedulePreview": {"cron": "0 9 * * 1", "timezone": "Asia/Kolkata", "count": 3},
    "AlertRuleCreate": {
        "name": "reports-fail",
        "selects": {"tag": "reports"},
        "condition": {"type": "FAILURES", "count": 3},
        "severity": "CRITICAL",
    },
    "AlertRulePut": {"condition": {"type": "NO_SUCCESS", "seconds": 86_400}, "repeat_seconds": 3600},
    "IncidentAcknowledge": {"note": "on it"},
    "IncidentSnooze": {"until": "2099-12-01T00:00:00Z"},
    "KeyCreate": {"role": "operator", "name": "ci"},
    "KeyRotate": {"overlap_seconds": 3600},
    "MappingCreate": {"group": "scheduler-operators", "role": "operator"},
    "OrganizationCreate": {"slug": "umbrella", "name": "Umbrella"},
    "OrganizationPatch": {"name": "Umbrella Ltd"},
    "WorkspaceCreate": {"slug": "acme", "name": "Acme"},
    "WorkspacePatch": {"name": "Acme Ltd"},
}
"""A valid example of each body that has fields, by its name in the document."""

_NAMES = {
    "BackfillShown": "Backfill",
    # Generators use the name JobTrigger for the enumeration of Job.trigger.
    "JobTrigger": "TriggerRequest",
}
Responses = dict[int | str, JsonObject]
_PROBLEM = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_PAGE = re.compile(r"Page_(\w+?)_")
_REF = "#/components/schemas/"
_OF_THE_SERVER = {
    "414": "The URL is too long.",
    "431": "The headers are too many or too long.",
}
_OF_FASTAPI = ("HTTPValidationError", "ValidationError")
"""Schemas of FastAPI's own error responses. Ours are problem documents."""
_LATE_BODY = "The body did not arrive in time. Nothing was done."


def answers(models: Mapping[int, object], *headers: str) -> Responses:
    """Return `responses=` for successful answers: a model and headers for each status."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "headers": headers_of(status, ("ETag",) if status == 304 else headers),
            **({"model": model} if model is not None else {}),
        }
        for status, model in models.items()
    }


def problems(*raised: type[errors.KronosError]) -> Responses:
    """Return `responses=` for the errors that an operation raises, described by their docstrings. Errors that every
    operation may raise need not be given."""
    given: dict[int, list[str]] = {}
    for error in raised:
        what = "An unexpected error." if error is errors.KronosError else (error.__doc__ or "").strip()
        given.setdefault(error.status, []).append(f"`{error.code}`: {what}")
    return {
        status: {"description": " ".join(dict.fromkeys(each)), "headers": headers_of(status), "content": _PROBLEM}
        for status, each in sorted(given.items())
    }


def headers_of(status: int, more: tuple[str, ...] = ()) -> JsonObject:
    """Return the headers of a response."""
    names = ["Request-Id", *more]
    if status == 401:
        names.append("WWW-Authenticate")
    if status in (429, 503):
        names.append("Retry-After")
    return {name: {"schema": {"type": "string"}, **_HEADERS[name]} for name in names}


def finished(document: JsonObject) -> JsonObject:
    """Return the document with unambiguous schema names, and with the responses that any request may get."""
    schemas: JsonObject = document["components"]["schemas"]
    names = {name: _NAMES.get(name) or _paged(name) for name in schemas}
    document = _renamed(document, names)
    document["components"]["schemas"] = {
        names[name]: {**schema, "title": names[name]} for name, schema in document["components"]["schemas"].items()
    }
    for name in _OF_FASTAPI:
        document["components"]["schemas"].pop(name, None)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            _complete(path, method, operation)
    return document


_OF_A_KEY = {name: {"schema": {"type": "string"}, **_HEADERS[name]} for name in ("RateLimit-Policy", "RateLimit")}


def _complete(path: str, method: str, operation: JsonObject) -> None:
    """Complete an operation with what every operation has, or what follows from its declaration."""
    parameters = operation.setdefault("parameters", [])
    parameters.sort(key=lambda each: path.find(f"{{{each['name']}}}") if each["in"] == "path" else len(path))
    for parameter in parameters:
        parameter["schema"] = _of_parameter(parameter["schema"])
    operation.setdefault("security", [])
    responses: JsonObject = operation["responses"]
    if "application/json" in responses.get("422", {}).get("content", {}):
        del responses["422"]  # FastAPI's own, for parameters: we answer 400
    always = [errors.KronosError, errors.DatabaseUnavailable, *([] if method == "get" else [errors.OutcomeUnknown])]
    if operation["security"]:
        always += [errors.InvalidRequest, errors.KeyInUrl, errors.Unauthorized, errors.Forbidden, errors.RateLimited]
        _say_role(operation)
    for status, response in problems(*always).items():
        _add(responses, str(status), response)
    for status, text in _OF_THE_SERVER.items():
        _add(responses, status, {"description": text, "headers": headers_of(int(status)), "content": _PROBLEM})
    if "requestBody" in operation:
        _add(responses, "408", {"description": _LATE_BODY, "headers": headers_of(408), "content": _PROBLEM})
        _complete_body(operation["requestBody"])
    if operation["security"]:
        for response in responses.values():
            response["headers"] |= _OF_A_KEY
    operation["responses"] = dict(sorted(responses.items()))


def _say_role(operation: JsonObject) -> None:
    """Put the role from the security requirement into the description: most OpenAPI viewers do not show it."""
    (role,) = operation["security"][0]["key"]
    operation["description"] = f"{operation.get('description', '')}\n\nNeeds the role `{role}`.".lstrip()


def _add(responses: JsonObject, status: str, response: JsonObject) -> None:
    """Add a response, or append its description to an existing one with the same status."""
    if status not in responses:
        responses[status] = response
    elif response["description"] not in responses[status]["description"]:
        responses[status]["description"] += f" {response['description']}"


def _complete_body(body: JsonObject) -> None:
    body.setdefault("required", False)
    (content,) = body["content"].values()
    content["schema"].pop("title", None)
    if example := EXAMPLES.get(content["schema"]["$ref"].removeprefix(_REF)):
        content["example"] = example


def _of_parameter(schema: JsonObject) -> JsonObject:
    """Return a parameter's schema without null (parameters are omitted instead), title and description."""
    schema = {name: value for name, value in schema.items() if name not in ("title", "description")}
    if alternatives := [each for each in schema.pop("anyOf", ()) if each != {"type": "null"}]:
        schema |= alternatives[0] if len(alternatives) == 1 else {"anyOf": alternatives}
    if schema.get("default", 0) in (None, []):
        del schema["default"]
    return schema


def _paged(name: str) -> str:
    found = _PAGE.fullmatch(name)
    return f"{_NAMES.get(found[1], found[1])}Page" if found else name


def _renamed(value: Json, names: Mapping[str, str]) -> Json:
    if isinstance(value, dict):
        return {
            key: f"{_REF}{names[inner.removeprefix(_REF)]}"
            if key == "$ref" and isinstance(inner, str) and inner.startswith(_REF)
            else _renamed(inner, names)
            for key, inner in value.items()
        }
    return [_renamed(inner, names) for inner in value] if isinstance(value, list) else value
