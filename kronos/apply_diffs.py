"""Compare a resource's fields in the files with the server's, and with the files that were applied last."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import UTC, datetime

import orjson

from kronos.apply_terms import FieldDifference
from kronos.delivery.refused import pointer_to
from kronos.equality import is_same
from kronos.model import CronTerms, Job, Json, JsonObject
from kronos.new_jobs import NewJob

_CATCH_UP = ("catch_up_policy", "catch_up_window_seconds")
_CALLBACKS = ("on_success", "on_failure")
JOB_FIELDS = (
    "endpoint",
    "input",
    *(each.name for each in fields(CronTerms) if each.name not in ("name", "offset_seconds", *_CATCH_UP)),
    "catch_up",
)
"""Every field of a job in files except its name."""
_STATUSES = ["EXPIRED", "FAILED"]
_DIGEST_BYTES = 8
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|-?inf|nan")


def of_new_job(new: NewJob) -> JsonObject:
    """Return a job's fields from the files, to be compared. An interval without an anchor leaves the anchor out: it
    stays as it is."""
    found = {name: said(getattr(new, name)) for name in JOB_FIELDS if name != "catch_up"}
    if new.anchor is None:
        del found["anchor"]
    found |= {name: _callback(found[name]) for name in _CALLBACKS}
    return found | {"catch_up": {"policy": new.catch_up_policy, "window_seconds": new.catch_up_window_seconds}}


def of_job(job: Job) -> JsonObject:
    """Return the same fields of an existing job. A cron expression has no anchor."""
    found = {name: said(getattr(job, name)) for name in JOB_FIELDS}
    if job.anchor_local is not None:
        found["anchor"] = said(datetime.fromisoformat(job.anchor_local))
    if job.every is None:
        del found["anchor"]
    return found | {name: _callback(found[name]) for name in _CALLBACKS}


def job_changes(new: NewJob, names: set[str]) -> JsonObject:
    """Return the named fields as changes.replace takes them. Expression, interval and anchor replace each other."""
    made: JsonObject = {name: getattr(new, name) for name in names if name in JOB_FIELDS and name != "catch_up"}
    if names & {"cron", "every", "anchor"}:
        for name in ("cron", "every", "anchor"):
            made.pop(name, None)
        if new.every is None:
            made["cron"] = new.cron
        else:
            made["every"] = new.every
            if new.anchor is not None:
                made["anchor"] = new.anchor
    if "catch_up" in names:
        made |= {name: getattr(new, name) for name in _CATCH_UP}
    return made


def between(before: JsonObject, after: JsonObject, last: Mapping[str, str] | None) -> list[FieldDifference]:
    """Return the fields of `before` that must change to match `after`. `last`: the digests of the files applied last;
    None: none were applied."""
    drifted = {name for name, digest in (last or {}).items() if digest_of(before.get(name)) != digest}
    return [
        FieldDifference(field=pointer_to(*path), before=old, after=new, is_drift=path[0] in drifted)
        for path, old, new in _differing((), {name: before.get(name) for name in after}, after)
    ]


def digests(of: JsonObject) -> dict[str, str]:
    """Return a digest of each field."""
    return {name: digest_of(value) for name, value in of.items()}


def digest_of(value: Json) -> str:
    """Return a digest that is equal for equal values: 1.0 is 1, and the order of an object's members does not
    matter."""
    text = orjson.dumps(_plain(value), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text).hexdigest()[: 2 * _DIGEST_BYTES]


def _differing(path: tuple[str, ...], before: Json, after: Json) -> Iterator[tuple[tuple[str, ...], Json, Json]]:
    if is_same(before, after):
        return
    if not (isinstance(before, dict) and isinstance(after, dict) and before and after):
        yield path, before, after
        return
    for name in [*after, *(name for name in before if name not in after)]:
        if name in before and name in after:
            yield from _differing((*path, name), before[name], after[name])
        else:  # null differs from absent
            yield (*path, name), before.get(name), after.get(name)


def _plain(value: Json) -> Json:
    """Return the value with one form for each number, and for no text: PostgreSQL may return another form of a number
    than it was given."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool)):
        return repr(float(value)) if abs(value) >= 2**53 or not float(value).is_integer() else repr(int(value))
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return f"\0{value}"  # which no stored text can hold
    return value


def said(value: Json) -> Json:
    """Return the value as JSON shows it: an instant in UTC, a local time without an offset."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            return value.isoformat()
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value


def _callback(callback: Json) -> Json:
    """Return the callback with defaults filled in and in one form."""
    if not isinstance(callback, dict):
        return callback
    found = dict(callback)
    if "job" in found:
        found.setdefault("input", "own")
    if "statuses" in found:
        found["statuses"] = sorted(found["statuses"])
        if found["statuses"] == _STATUSES:
            del found["statuses"]
    return found
