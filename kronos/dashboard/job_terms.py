"""Convert between a job's terms and its form. The schedule is given in one of four ways; each produces the API's
`cron` or `every`."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from kronos import errors, sentences
from kronos.api.copies import shown
from kronos.dashboard.forms import FilledForm, SentForm, left_out
from kronos.equality import is_same
from kronos.errors import Fault
from kronos.model import Job, Json, JsonObject
from kronos.sentences import Picks

WAYS: Final = (
    ("sentence", "In words"),
    ("cron", "Cron"),
    ("calendar", "Days and times"),
    ("every", "Interval"),
)
WEEKDAYS: Final = ((1, "Mon"), (2, "Tue"), (3, "Wed"), (4, "Thu"), (5, "Fri"), (6, "Sat"), (0, "Sun"))
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_FIELDS_OF: Final[Mapping[str, Mapping[str, str]]] = {
    "sentence": {"sentence": "In words"},
    "cron": {"/cron": "Cron expression"},
    "calendar": {"times": "Times", "weekdays": "Weekdays", "days": "Days of the month", "months": "Months"},
    "every": {"/every": "Every", "/anchor": "Counted from"},
}
"""For each way, its fields and their labels."""
_FIELDS_OF_CRON: Final = {
    "/calendars": "Calendars",
    "/starts_at": "Starts at",
    "/ends_at": "Ends at",
    "/max_runs": "Maximum number of runs",
    "/jitter_seconds": "Jitter (seconds)",
    "/spread": "May be moved by",
}
NEW: Final = FilledForm(values={"way": ["sentence"], "/trigger": ["CRON"], "/timezone": ["UTC"], "/input": ["{}"]})
"""The initial form for a new job."""
_CALLBACKS = ("on_success", "on_failure")
_OF_CRON = (
    "timezone", "starts_at", "ends_at", "max_runs", "dst_gap", "dst_overlap", "jitter_seconds", "overlap", "catch_up",
    "calendars", "on_blackout", "spread",
)  # fmt: skip
_FRACTION = re.compile(r"(\.[0-9]{3})[0-9]+$", re.ASCII)
_SECONDS = re.compile(r":00(\.0+)?(Z|\+00:00)?$")
ZONES: Final = (
    "UTC", "Africa/Cairo", "Africa/Johannesburg", "Africa/Lagos", "Africa/Nairobi", "America/Bogota", "America/Chicago",
    "America/Denver", "America/Los_Angeles", "America/Mexico_City", "America/New_York", "America/Sao_Paulo",
    "America/Toronto", "Asia/Dubai", "Asia/Hong_Kong", "Asia/Jakarta", "Asia/Jerusalem", "Asia/Karachi", "Asia/Kolkata",
    "Asia/Manila", "Asia/Seoul", "Asia/Shanghai", "Asia/Singapore", "Asia/Tokyo", "Australia/Perth", "Australia/Sydney",
    "Europe/Amsterdam", "Europe/Berlin", "Europe/Istanbul", "Europe/Kyiv", "Europe/London", "Europe/Madrid",
    "Europe/Paris", "Europe/Rome", "Europe/Stockholm", "Europe/Warsaw", "Europe/Zurich", "Pacific/Auckland",
)  # fmt: skip
"""Suggested zones. Any other can be typed."""


def of_job(job: Job) -> FilledForm:
    """Return the form filled from a job."""
    document = shown(job)
    for name in ("starts_at", "ends_at"):
        document[name] = _typed(document[name])
    form = FilledForm.of(document)
    values: dict[str, list[str]] = {name: list(texts) for name, texts in form.values.items()}
    values |= {
        "way": ["cron" if job.cron is not None else "every"],
        "version": [str(job.version)],
        "/tags": [", ".join(job.tags)],
        "/calendars": [", ".join(job.calendars)],
        "/anchor": [job.anchor_local or document["anchor"] or ""],
    }
    return FilledForm(values=values)


def _typed(instant: Json) -> Json:
    """Return an instant in the format of <input type="datetime-local">, which has milliseconds: browsers take a longer
    fraction for no value at all."""
    return None if instant is None else _FRACTION.sub(r"\1", _SECONDS.sub("", str(instant).removesuffix("Z")))


def document_of(form: SentForm) -> JsonObject:
    """Return the API body for a form. Raises Unprocessable, each fault at its field."""
    document = form.document()
    if document.get("trigger", "CRON") == "CRON":
        document.pop("run_at", None)
        document |= _schedule(form, document)
    else:
        for name in ("cron", "every", "anchor", *_OF_CRON):
            if name != "timezone" or document.get("trigger") == "IMMEDIATE" or not _is_local(document.get("run_at")):
                document.pop(name, None)
        if document.get("trigger") == "IMMEDIATE":
            document.pop("run_at", None)
    for name in (*_CALLBACKS, *(("calendars",) if not form.text("version") else ())):
        if not document.get(name):
            document.pop(name, None)
    return {"tags": [], "input": {}} | document


def not_used(form: SentForm, before: FilledForm) -> str:
    """Return a sentence that lists the filled fields of other ways to give the schedule, or of other kinds of jobs."""
    trigger = form.text("/trigger") or "CRON"
    is_cron = trigger == "CRON"
    labels = {} if is_cron else {**_FIELDS_OF_CRON}
    for way, fields in _FIELDS_OF.items():
        if not is_cron or way != (form.text("way") or "cron"):
            labels |= fields
    if trigger != "DELAYED":
        labels["/run_at"] = "At"
    return left_out(form, before, labels)


def _is_local(run_at: Json) -> bool:
    return isinstance(run_at, str) and not re.search(r"(Z|[+-]\d\d:?\d\d)$", run_at)


def _schedule(form: SentForm, document: Mapping[str, Json]) -> JsonObject:
    """Return `cron` or `every` from the chosen way. Fields of the other ways are ignored."""
    way = form.text("way") or "cron"
    if way == "sentence":
        read = sentences.read(form.text("sentence"))
        return _only(cron=read.cron, every=read.every)
    if way == "calendar":
        return _only(cron=sentences.from_picks(_picks(form)))
    if way == "every":
        return _only(every=document.get("every") or "", anchor=document.get("anchor"))
    return _only(cron=document.get("cron") or "")


def _only(*, cron: Json = None, every: Json = None, anchor: Json = None) -> JsonObject:
    return {"cron": cron, "every": every, "anchor": anchor}


def given(document: JsonObject) -> JsonObject:
    """Return a new job's body without its null values."""
    return {name: value for name, value in document.items() if value is not None}


def _picks(form: SentForm) -> Picks:
    days = [each for each in re.split(r"[,\s]+", form.text("days")) if each]
    faults = [
        Fault(
            pointer="/days", detail=f"{each[:20]!r} is not a day of the month", hint="Write days from 1 to 31: 1, 15."
        )
        for each in days
        if not re.fullmatch(r"[1-9]|[12][0-9]|3[01]", each)
    ]
    if faults:
        raise errors.Unprocessable.of(*faults)
    return Picks(
        times=[each for each in re.split(r"[,\s]+", form.text("times")) if each],
        weekdays=[int(each) for each in form.all("weekdays") if re.fullmatch("[0-6]", each)],
        days=[int(each) for each in days],
        months=[int(each) for each in form.all("months") if re.fullmatch(r"[1-9]|1[0-2]", each)],
    )


def changes(document: JsonObject, present: Job) -> JsonObject:
    """Return the form's values that differ from the job's, as the body of a change."""
    before = shown(present)
    changed: JsonObject = {}
    for name, value in document.items():
        if name in ("trigger", "cron", "every", "anchor"):
            continue
        if not _is_same(name, value, before.get(name)):
            changed[name] = value
    for name in _CALLBACKS:
        if name not in document and before.get(name) is not None:
            changed[name] = None
    cron, every, anchor = document.get("cron"), document.get("every"), document.get("anchor")
    if cron is not None and cron != present.cron:
        changed["cron"] = cron
    if every is not None and every != present.every:
        changed["every"] = every
    if every is not None and anchor is not None and not _is_anchor(anchor, present):
        changed["anchor"] = anchor
    return changed


def _is_anchor(anchor: Json, present: Job) -> bool:
    return anchor == present.anchor_local or _is_same("anchor", anchor, shown(present)["anchor"])


def _is_same(name: str, value: Json, before: Json) -> bool:
    if name == "catch_up" and isinstance(value, dict) and isinstance(before, dict):
        return is_same({**before, **value}, before)
    if isinstance(value, str) and isinstance(before, str):
        if name in ("starts_at", "ends_at"):  # their form shows milliseconds
            return _instant(str(_typed(value))) == _instant(str(_typed(before))) is not None
        if name == "anchor":
            return _instant(value) == _instant(before) is not None
    return is_same(value, before)


def _instant(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
