"""Jobs of Google Cloud Scheduler, in the format of `gcloud scheduler jobs list --format=json`."""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final

from kronos.imports import clocks, cron_fields, google_text, passwords
from kronos.imports.cron_fields import VIXIE
from kronos.imports.documents import json_items, json_within
from kronos.imports.names import Names, endpoint_name
from kronos.imports.translation import (
    Found,
    JobDraft,
    RefusedError,
    Terms,
    Translated,
    Untranslated,
    bounded,
    required_endpoint,
    shown,
)
from kronos.model import Json, JsonObject

TAG: Final = "from-cloud-scheduler"
_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
_MOST_TIMEOUT_SECONDS = 900
_MOST_DELAY_SECONDS = 24 * 3600
# Headers that the HTTP client or Google sets.
_OWN_HEADERS: Final = frozenset({"user-agent", "content-length", "host"})
_JSON_TYPES: Final = frozenset({"application/json", "application/octet-stream"})
_KNOWN: Final = frozenset(
    {"name", "description", "schedule", "timeZone", "state", "httpTarget", "pubsubTarget", "appEngineHttpTarget",
     "retryConfig", "attemptDeadline", "userUpdateTime", "lastAttemptTime", "scheduleTime", "status",
     "satisfiesPzs"}
)  # fmt: skip


def translate(text: str, terms: Terms) -> Iterator[Found]:
    """Yield each job as a job of Kronos, or a refusal. Raises UnreadableError.

    An HTTP target becomes an endpoint. With `terms.endpoint`, all targets become inputs of that endpoint.
    """
    names = Names(terms.prefix)
    yield from bounded(_found(f"line {line}", item, terms, names) for line, item in json_items(text, ("jobs",)))


def _found(where: str, item: Json, terms: Terms, names: Names) -> Found:
    if not isinstance(item, dict):
        return Untranslated(where=where, text="", reason="not a job: gcloud writes an object")
    try:
        return _translated(where, item, terms, names)
    except RefusedError as error:
        return Untranslated(where=where, text=shown(str(item.get("name", ""))), reason=str(error))


def _translated(where: str, item: JsonObject, terms: Terms, names: Names) -> Translated:
    """Translate one job. Raises RefusedError."""
    draft = JobDraft({"name": "", "endpoint": "", "trigger": "CRON"})
    _schedule(draft, item)
    state = str(item.get("state", "ENABLED"))
    if state not in ("ENABLED", "PAUSED", "DISABLED"):
        raise RefusedError(f"the state {shown(state)} is not supported")
    full = str(item.get("name") or "job")
    name = names.take(full.rpartition("/")[2], full)
    if terms.endpoint is None:
        made: JsonObject | None = _endpoint(draft, name, item, names)
        draft.job |= {"name": name, "endpoint": endpoint_name(name), "input": {}, "tags": [TAG]}
    else:
        made = None
        given = {field: item[field] for field in sorted(item) if field.endswith("Target")}
        draft.note("the target becomes the input: anyone who sees payloads can read it, including headers")
        draft.job |= {"name": name, "endpoint": required_endpoint(terms, "a target"), "input": given, "tags": [TAG]}
    title = item.get("description")
    if isinstance(title, str) and title.strip():
        draft.job["title"] = shown(title)
    if state != "ENABLED":
        draft.note(f"the job is {state}: it is created paused")
    for field in sorted(item.keys() - _KNOWN):
        draft.note(f"{shown(field)} has no equivalent: left out")
    return Translated(
        where=where,
        text=shown(f"{full.rpartition('/')[2]} {item['schedule']}"),
        job=draft.job,
        endpoint=made,
        is_paused=state != "ENABLED",
        notes=tuple(draft.notes),
    )


def _schedule(draft: JobDraft, item: JsonObject) -> None:
    """Set when the job runs. Raises RefusedError."""
    text, zone = item.get("schedule"), item.get("timeZone")
    if not isinstance(text, str) or not isinstance(zone, str | None):
        raise RefusedError("the schedule is missing, or the time zone is not a text")
    zone = clocks.zone_of(zone or None)
    if google_text.is_phrase(text):
        phrase = google_text.read(text)
        if phrase.every is not None:
            draft.job["every"] = phrase.every
            draft.note("Google counts the interval from the end of a run, Kronos from the job's creation")
            draft.job["overlap"] = "SKIP"
            return
        draft.job |= {"cron": phrase.cron, "timezone": zone}
    else:
        fields = text.split()
        if len(fields) == 5 and _is_unsure(fields[2], fields[4]):
            raise RefusedError(
                "Google does not document whether */n in one day field and a value in the other must both match"
            )
        draft.job |= {"cron": cron_fields.read(fields, VIXIE).text, "timezone": zone}
    if zone != "UTC":
        draft.note("Google does not document its behavior at clock changes; Kronos's defaults apply")


def _is_unsure(day: str, weekday: str) -> bool:
    return "*" not in (day, weekday) and "*" in (day[:1], weekday[:1])


def _endpoint(draft: JobDraft, name: str, item: JsonObject, names: Names) -> JsonObject:
    """Return the endpoint for an HTTP target. Raises RefusedError."""
    target = item.get("httpTarget")
    if not isinstance(target, dict):
        kind = next((field for field in sorted(item) if field.endswith("Target")), "no target")
        raise RefusedError(f"{kind} is not an HTTP target: name an endpoint for it with --endpoint")
    for token in ("oidcToken", "oauthToken"):
        if token in target:
            raise RefusedError(f"it sends Google's {token}, which Kronos cannot create: name a relay with --endpoint")
    uri = target.get("uri")
    if not isinstance(uri, str) or not uri:
        raise RefusedError("the HTTP target has no uri")
    method = target.get("httpMethod", "POST")
    if not isinstance(method, str) or method not in _METHODS:
        raise RefusedError(f"method {shown(str(method))}: Kronos supports {', '.join(sorted(_METHODS))}")
    spec: JsonObject = {"url": _escaped(uri), "method": method}
    if passwords.is_in_url(uri):
        draft.note("the URL seems to contain a password, which anyone who sees endpoints can read: send it in a header")
    if headers := _headers(draft, name, target.get("headers"), names):
        spec["headers"] = headers
    if "body" in target:
        spec["body_template"] = _body(target["body"])
        if passwords.is_in(spec["body_template"]):
            draft.note(
                "the body seems to contain a password, which anyone who sees endpoints can read: use {{secret.NAME}}"
            )
    elif method in ("POST", "PUT", "PATCH"):
        draft.note("Google sends no body, Kronos sends the job's input: {}")
    deadline = _seconds(item, "attemptDeadline", 180)
    spec["timeout_ms"] = int(min(deadline, _MOST_TIMEOUT_SECONDS) * 1000)
    if deadline > _MOST_TIMEOUT_SECONDS:
        draft.note(f"attemptDeadline {deadline:g} s becomes {_MOST_TIMEOUT_SECONDS}")
    return {"name": endpoint_name(name), "type": "HTTP", "spec": spec, "retry_policy": _retry(draft, item)}


def _headers(draft: JobDraft, name: str, given: Json, names: Names) -> dict[str, str]:
    """Return headers to send besides Kronos's own. A probable secret is replaced by its name. Raises RefusedError."""
    if given is None:
        return {}
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise RefusedError("the headers must be texts")
    headers: dict[str, str] = {}
    for header, value in given.items():
        if header.lower() in _OWN_HEADERS or header.lower().startswith("x-google"):
            continue
        if header.lower() == "content-type":
            if value.partition(";")[0].strip().lower() not in _JSON_TYPES:
                draft.note(f"Content-Type {shown(value)}: Kronos sends application/json")
            continue
        if passwords.is_named_so(header) or passwords.is_in(value):
            secret = names.take_secret(name, header)
            draft.note(f"header {header} contains a secret: store its value first: kronos secret set {secret}")
            headers[header] = f"{{{{secret.{secret}}}}}"
        else:
            headers[header] = _escaped(value)
    return headers


def _body(given: Json) -> Json:
    """Return the JSON body. Raises RefusedError."""
    try:
        return _template(json_within(base64.b64decode(str(given), validate=True)))
    except (binascii.Error, ValueError, RecursionError):
        raise RefusedError("the body is not JSON, and Kronos sends only JSON: name a relay with --endpoint") from None


def _template(value: Json) -> Json:
    """Return a template that renders to the value."""
    if isinstance(value, str):
        return _escaped(value)
    if isinstance(value, list):
        return [_template(each) for each in value]
    if isinstance(value, dict):
        return {name: _template(each) for name, each in value.items()}
    return value


def _escaped(text: str) -> str:
    return text.replace("{{", "\\{{")


def _seconds(given: JsonObject, name: str, default: float) -> float:
    """Return a duration as Google writes it, such as 180s. Raises RefusedError."""
    text = given.get(name)
    if text is None:
        return default
    if not isinstance(text, str) or not (found := re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)s", text, re.ASCII)):
        raise RefusedError(f"{name} {shown(str(text))} is not a duration")
    return float(found[1])


def _retry(draft: JobDraft, item: JsonObject) -> JsonObject:
    """Return Google's retry policy in Kronos's form. Raises RefusedError."""
    config = item.get("retryConfig") or {}
    if not isinstance(config, dict):
        raise RefusedError("retryConfig must be an object")
    count, age = config.get("retryCount", 0), _seconds(config, "maxRetryDuration", 0)
    doublings = config.get("maxDoublings", 5)
    if not all(isinstance(each, int) and each >= 0 for each in (count, doublings)):
        raise RefusedError("retryCount and maxDoublings must be whole numbers")
    first, most = _seconds(config, "minBackoffDuration", 5), _seconds(config, "maxBackoffDuration", 3600)
    first, most = min(first, _MOST_DELAY_SECONDS), min(max(first, most), _MOST_DELAY_SECONDS)
    retry: JsonObject = {"max_attempts": min(count + 1, 100), "initial_delay_ms": int(first * 1000)}
    retry["max_delay_ms"] = int(most * 1000)
    if age:
        retry["max_age_seconds"] = max(1, int(age))
    if age:
        draft.note("Google retries until both retryCount and maxRetryDuration are reached, Kronos until one of them is")
    if count > doublings:
        draft.note("after maxDoublings, Google's delay grows by a fixed step; Kronos's keeps doubling")
    return retry
