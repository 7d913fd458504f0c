"""/openapi.json beyond what FastAPI makes of the routes: what is true of every path, and the names that generators of clients go by."""

import re
from collections.abc import Mapping
from copy import deepcopy

from kronos.model import Json, JsonObject

CONTACT = {"name": "Whoever runs this instance of Kronos"}
TAGS = [
    {"name": "jobs", "description": "What is run, and when: IMMEDIATE, DELAYED or CRON."},
    {"name": "executions", "description": "One time that a job was due, and the attempts to deliver it."},
    {"name": "backfills", "description": "A CRON job's ticks of a past window, delivered later."},
    {"name": "endpoints", "description": "Where deliveries go."},
    {"name": "workspaces", "description": "Tenants."},
    {"name": "retention", "description": "How long history is kept."},
    {"name": "schedules", "description": "Schedules that are not saved."},
    {"name": "system", "description": "The instance: what it is, whether it lives, how it is doing."},
]
PATH_PARAMETERS: Mapping[str, JsonObject] = {
    "w": {
        "description": "A workspace's slug, or its id.",
        "schema": {"type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", "maxLength": 63, "examples": ["acme"]},
    },
    "j": {
        "description": "A job's name, which means the job with all its versions, or the id of one version.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,126}$", "maxLength": 127, "examples": ["weekly-report"]},
    },
    "e": {"description": "An execution's id.", "schema": {"type": "string", "format": "uuid"}},
    "b": {"description": "A backfill's id.", "schema": {"type": "string", "format": "uuid"}},
    "name": {
        "description": "An endpoint's name. One that looks like a UUID is none.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", "maxLength": 63, "examples": ["weekly-report"]},
    },
}
_HEADERS: Mapping[str, JsonObject] = {
    "Request-Id": {"description": "The request's id, as in the log: the caller's own Request-Id, or a new one."},
    "ETag": {"description": 'The version as an entity tag, such as "3": for If-Match and If-None-Match.'},
    "Location": {"description": "Where what was made is found."},
    "Retry-After": {"description": "Seconds after which the call may be repeated.", "schema": {"type": "integer", "minimum": 0}},
    "WWW-Authenticate": {"description": "Bearer."},
    "Idempotent-Replayed": {
        "description": "Nothing was made: a call before with the same Idempotency-Key made what is answered.",
        "schema": {"type": "string", "enum": ["true"]},
    },
}
"""Headers of answers: text, unless they say otherwise."""

EXAMPLES: Mapping[str, JsonObject] = {
    "BackfillCreate": {"from": "2026-11-01T00:00:00Z", "to": "2026-11-02T00:00:00Z", "validate_only": True},
    "EndpointCreate": {"name": "weekly-report", "type": "HTTP", "spec": {"url": "https://example.com/hooks/report"}},
    "EndpointPut": {"type": "HTTP", "spec": {"url": "https://example.com/hooks/report", "body_template": {"id": "{{input.id}}"}}},
    "JobCreate": {"endpoint": "weekly-report", "trigger": "CRON", "cron": "0 9 * * 1", "timezone": "Europe/Berlin", "input": {"id": 7}},
    "JobPatch": {"cron": "30 9 * * 1"},
    "JobPause": {"note": "until the audit"},
    "JobSkipNext": {"count": 1},
    "JobTrigger": {"input": {"id": 8}},
    "RetentionPut": {"success_days": 14, "failure_days": 180},
    "SchedulePreview": {"cron": "0 9 * * 1", "timezone": "Asia/Kolkata", "count": 3},
    "WorkspaceCreate": {"slug": "acme", "name": "Acme"},
    "WorkspacePatch": {"name": "Acme Ltd"},
}
"""A body that is accepted as it is, for each that has fields."""

_NAMES = {
    "BackfillShown": "Backfill",
    # Generators name the enumeration of Job.trigger JobTrigger.
    "JobTrigger": "TriggerRequest",
}
_PAGE = re.compile(r"Page_(\w+?)_")
_REF = "#/components/schemas/"
_OF_THE_SERVER = {
    "414": "The URL is longer than is accepted.",
    "431": "The headers are more, or longer, than are accepted.",
}


def headers_of(status: int, more: tuple[str, ...] = ()) -> JsonObject:
    """The headers that an answer has."""
    names = ["Request-Id", *more]
    if status == 401:
        names.append("WWW-Authenticate")
    if status == 503:
        names.append("Retry-After")
    return {name: {"schema": {"type": "string"}, **_HEADERS[name]} for name in names}


def finished(document: JsonObject) -> JsonObject:
    """The document with names that no generator mistakes for one another, and what the server answers to any request."""
    schemas: JsonObject = document["components"]["schemas"]
    names = {name: _NAMES.get(name) or _paged(name) for name in schemas}
    document = _renamed(document, names)
    document["components"]["schemas"] = {
        names[name]: {**schema, "title": names[name]} for name, schema in document["components"]["schemas"].items()
    }
    problem = {"application/problem+json": {"schema": {"$ref": f"{_REF}Problem"}}}
    for methods in document["paths"].values():
        for operation in methods.values():
            for status, told in _OF_THE_SERVER.items():
                operation["responses"].setdefault(status, {"description": told, "headers": headers_of(int(status)), "content": problem})
            if "requestBody" in operation:
                told = "The body did not arrive in time; nothing was done."
                operation["responses"].setdefault("408", {"description": told, "headers": headers_of(408), "content": problem})
            operation["responses"] = dict(sorted(operation["responses"].items()))
    return document


def of_query(schema: JsonObject) -> JsonObject:
    """A query parameter's schema: it has no null, one is left out."""
    schema = deepcopy(schema)
    schema.pop("title", None)
    if alternatives := [each for each in schema.pop("anyOf", ()) if each != {"type": "null"}]:
        schema |= alternatives[0] if len(alternatives) == 1 else {"anyOf": alternatives}
    if schema.get("default", 0) is None:
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
