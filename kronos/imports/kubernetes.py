"""Kubernetes CronJobs, in the format of `kubectl get cronjob -o yaml`."""

import re
from collections.abc import Iterator
from typing import Final

from kronos.imports import clocks, cron_fields, passwords
from kronos.imports.cron_fields import ROBFIG, Expression
from kronos.imports.documents import yaml_items
from kronos.imports.names import Names, endpoint_name
from kronos.imports.translation import (
    Found,
    JobDraft,
    RefusedError,
    Remark,
    Terms,
    Translated,
    Untranslated,
    bounded,
    endpoint_of,
    own_retries,
    required_endpoint,
    shown,
)
from kronos.model import Json, JsonObject

TAG: Final = "from-kubernetes"
_MACROS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_OVERLAP: Final = {"Allow": "ALLOW", "Forbid": "SKIP", "Replace": "REPLACE"}
_UNIT_SECONDS: Final = {"h": 3600, "m": 60, "s": 1}
_MOST_CATCH_UP = 31 * 24 * 3600
_MOST_TIMEOUT_SECONDS = 900
_MOST_AGE_SECONDS = 366 * 24 * 3600
_KNOWN: Final = frozenset(
    {"schedule", "timeZone", "startingDeadlineSeconds", "concurrencyPolicy", "suspend", "jobTemplate"}
)
_HISTORY: Final = ("successfulJobsHistoryLimit", "failedJobsHistoryLimit")
_JOB_KNOWN: Final = frozenset({"template", "backoffLimit", "activeDeadlineSeconds"})
# Defaults that the API server writes into each job's spec. They concern pods, not when the job runs.
_JOB_DEFAULTS: Final[dict[str, Json]] = {
    "completions": 1,
    "parallelism": 1,
    "completionMode": "NonIndexed",
    "suspend": False,
    "manualSelector": False,
    "podReplacementPolicy": "TerminatingOrFailed",
}


def translate(text: str, terms: Terms) -> Iterator[Found]:
    """Yield each CronJob as a job or a refusal, and each document of another kind as a remark. Raises UnreadableError.

    Times are in `spec.timeZone`, or else in `terms.timezone`: the zone of the cluster's controller, UTC by default.
    """
    names = Names(terms.prefix)
    yield from bounded(_found(f"line {line}", document, terms, names) for line, document in yaml_items(text))


def _found(where: str, document: Json, terms: Terms, names: Names) -> Found:
    if not isinstance(document, dict) or document.get("kind") != "CronJob":
        kind = document.get("kind") if isinstance(document, dict) else None
        return Remark(where=where, text=f"not a CronJob: {shown(str(kind)) if kind else 'a document without a kind'}")
    try:
        return _translated(where, document, terms, names)
    except RefusedError as error:
        metadata = document.get("metadata")
        name = metadata.get("name", "") if isinstance(metadata, dict) else ""
        return Untranslated(where=where, text=shown(str(name)), reason=str(error))


def _part(document: JsonObject, name: str) -> JsonObject:
    """Return an object within a document; an empty one if there is none. Raises RefusedError."""
    found = document.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise RefusedError(f"{name} must be an object")
    return found


def _translated(where: str, document: JsonObject, terms: Terms, names: Names) -> Translated:
    """Translate one CronJob. Raises RefusedError."""
    metadata, spec = _part(document, "metadata"), _part(document, "spec")
    own, namespace = str(metadata.get("name") or ""), str(metadata.get("namespace") or "default")
    job_spec = _part(_part(spec, "jobTemplate"), "spec")
    draft = JobDraft({"name": "", "trigger": "CRON", **_schedule(spec, terms)})
    _run_terms(draft, spec)
    _what_is_lost(draft, spec, job_spec)
    full = own if namespace == "default" else f"{namespace}.{own}"
    name = names.take(full, f"{namespace}/{own}")
    made = _endpoint(draft, name, job_spec, terms)
    draft.job |= {
        "name": name,
        "endpoint": required_endpoint(terms, "a container") if made is None else made["name"],
        "input": {"namespace": namespace, "cronjob": own, "containers": _containers(draft, job_spec)},
        "tags": [TAG],
    }
    is_paused = spec.get("suspend") or False
    if not isinstance(is_paused, bool):
        raise RefusedError(f"suspend {shown(str(is_paused))} must be true or false")
    if is_paused:
        draft.note("the CronJob is suspended: the job is created paused")
    text = shown(f"{namespace}/{own} {spec['schedule']}")
    return Translated(
        where=where, text=text, job=draft.job, endpoint=made, is_paused=is_paused, notes=tuple(draft.notes)
    )


def _schedule(spec: JsonObject, terms: Terms) -> JsonObject:
    """Return when the job runs. Raises RefusedError."""
    text = spec.get("schedule")
    if not isinstance(text, str) or not text.strip():
        raise RefusedError("the CronJob has no schedule")
    zone = spec.get("timeZone") or terms.timezone
    if found := re.match(r"(?:CRON_)?TZ=(\S+)\s+(.*)", text.strip()):
        zone, text = found[1], found[2]
    if not isinstance(zone, str | None):
        raise RefusedError("timeZone must be a text")
    if text.startswith("@every "):
        return {"every": _every(text.removeprefix("@every "))}
    if text.startswith("@") and text.strip() not in _MACROS:
        raise RefusedError(f"{shown(text)} is not supported")
    read: Expression = cron_fields.read(_MACROS.get(text.strip(), text).split(), ROBFIG)
    zone = clocks.zone_of(zone)
    return {"cron": read.text, "timezone": zone, **clocks.follows_clock(read, zone)}


def _every(text: str) -> str:
    """Return a Go duration as an interval. Raises RefusedError."""
    parts = re.findall(r"([0-9]{1,7})(h|m|s)", text)
    if not parts or "".join(map("".join, parts)) != text.strip():
        raise RefusedError(f"@every {shown(text)}: use whole hours, minutes and seconds, such as 1h30m")
    seconds = sum(int(count) * _UNIT_SECONDS[unit] for count, unit in parts)
    if seconds < 1 or (seconds > 59 and seconds % 60):
        raise RefusedError(f"@every {shown(text)}: an interval must be 1 to 59 seconds, or whole minutes")
    return interval(seconds)


def interval(seconds: int) -> str:
    """Return seconds in the form of Kronos's intervals."""
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, rest = divmod(rest, 60)
    parts = ((days, "d"), (hours, "h"), (minutes, "m"), (rest, "s"))
    return "".join(f"{count}{unit}" for count, unit in parts if count)


def _whole(document: JsonObject, name: str) -> int | None:
    """Return a whole number, or None. Raises RefusedError."""
    found = document.get(name)
    if found is not None and (not isinstance(found, int) or isinstance(found, bool) or found < 0):
        raise RefusedError(f"{name} must be a whole number")
    return found


def _run_terms(draft: JobDraft, spec: JsonObject) -> None:
    """Set what happens to a tick that is late, or overlaps a run. Raises RefusedError."""
    policy = spec.get("concurrencyPolicy") or "Allow"
    if not isinstance(policy, str) or policy not in _OVERLAP:
        raise RefusedError(f"concurrencyPolicy {shown(str(policy))} is not supported")
    draft.job["overlap"] = _OVERLAP[policy]
    if policy == "Forbid":
        draft.note(
            "Forbid: Kubernetes may start a skipped run after the previous one has ended; for that, use overlap QUEUE"
        )
    deadline = _whole(spec, "startingDeadlineSeconds")
    draft.job["catch_up"] = {
        "policy": "LATEST",
        "window_seconds": _MOST_CATCH_UP if deadline is None else min(deadline, _MOST_CATCH_UP),
    }
    if deadline is None:
        draft.note("no startingDeadlineSeconds: the latest missed tick of the last 31 days runs")
    elif deadline < 90:
        draft.note(f"startingDeadlineSeconds {deadline}: in Kronos a tick is on time for 90 s")
    if "every" in draft.job:
        draft.note("@every counts from the last run; Kronos counts from the job's creation")


def _what_is_lost(draft: JobDraft, spec: JsonObject, job_spec: JsonObject) -> None:
    """Add notes on what has no equivalent."""
    if any(name in spec for name in _HISTORY):
        draft.note("history limits: the workspace's retention applies")
    for name in sorted(spec.keys() - _KNOWN - set(_HISTORY)):
        draft.note(f"spec.{shown(name)} has no equivalent: left out")
    for name in sorted(job_spec.keys() - _JOB_KNOWN):
        if name != "selector" and job_spec[name] != _JOB_DEFAULTS.get(name):
            draft.note(f"jobTemplate's {shown(name)} is up to the receiver: left out")


def _endpoint(draft: JobDraft, name: str, job_spec: JsonObject, terms: Terms) -> JsonObject | None:
    """Return an endpoint for this job with its retries. Without --url, add a note of what the endpoint should have.
    Raises RefusedError."""
    backoff, active = _whole(job_spec, "backoffLimit"), _whole(job_spec, "activeDeadlineSeconds")
    attempts = min((6 if backoff is None else backoff) + 1, 100)
    timeout = min(active or _MOST_TIMEOUT_SECONDS, _MOST_TIMEOUT_SECONDS)
    retry: JsonObject = {
        "max_attempts": attempts,
        "backoff": "exponential",
        "initial_delay_ms": 10_000,
        "max_delay_ms": 360_000,
    }
    if active:
        retry["max_age_seconds"] = min(active, _MOST_AGE_SECONDS)
        if active > _MOST_TIMEOUT_SECONDS:
            draft.note(f"activeDeadlineSeconds {active}: a request can last at most {_MOST_TIMEOUT_SECONDS} s")
    if terms.url is None:
        wanted = f"--max-attempts {attempts} --timeout-ms {timeout * 1000}"
        draft.note(own_retries("backoffLimit and activeDeadlineSeconds", terms, wanted))
        return None
    return endpoint_of(terms.url, endpoint_name(name), spec={"timeout_ms": timeout * 1000}, retry_policy=retry)


def _containers(draft: JobDraft, job_spec: JsonObject) -> list[JsonObject]:
    """Return the containers without their environment, which may hold secrets. Raises RefusedError."""
    pod = _part(_part(job_spec, "template"), "spec")
    containers = pod.get("containers")
    if not isinstance(containers, list) or not all(isinstance(each, dict) for each in containers):
        raise RefusedError("jobTemplate has no containers")
    if not all(isinstance(each.get("args") or [], list) for each in containers):
        raise RefusedError("the args of a container must be a list")
    if any(each.get("env") or each.get("envFrom") for each in containers):
        draft.note("the containers' environment stays in Kubernetes")
    if pod.get("initContainers"):
        draft.note("the init containers stay in Kubernetes")
    wanted = ("name", "image", "command", "args")
    given = [{name: each[name] for name in wanted if name in each} for each in containers]
    if any(passwords.is_in(" ".join(map(str, each.get("args") or []))) or passwords.is_in(each) for each in given):
        draft.note("it seems to contain a password, which anyone who sees payloads can read: keep it in the cluster")
    return given
