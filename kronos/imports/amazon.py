"""Schedules of Amazon EventBridge Scheduler (`aws scheduler get-schedule`), and EventBridge rules."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kronos.imports import amazon_cron, clocks, passwords
from kronos.imports.amazon_cron import YearSpan
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
    endpoint_of,
    own_retries,
    required_endpoint,
    shown,
)
from kronos.model import Json, JsonObject

TAG: Final = "from-eventbridge"
_RATE = re.compile(r"rate\(\s*([0-9]{1,6})\s+(minute|hour|day)s?\s*\)", re.ASCII)
_AT = re.compile(r"at\(\s*([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})\s*\)", re.ASCII)
_CRON = re.compile(r"cron\((.*)\)", re.DOTALL)
_MOST_JITTER_MINUTES = 60
_MOST_ATTEMPTS: Final = 100
_KNOWN: Final = frozenset(
    {"Name", "GroupName", "ScheduleExpression", "ScheduleExpressionTimezone", "StartDate", "EndDate", "State",
     "FlexibleTimeWindow", "Target", "Description", "Arn", "CreationDate", "LastModificationDate",
     "ActionAfterCompletion", "EventBusName", "ResponseMetadata"}
)  # fmt: skip


def translate(text: str, terms: Terms, *, now: datetime) -> Iterator[Found]:
    """Yield each schedule or rule as a job or a refusal. Raises UnreadableError.

    `now` determines which times are past.
    """
    names = Names(terms.prefix)
    items = json_items(text, ("Schedules", "Rules"))
    yield from bounded(_found(f"line {line}", item, terms, names, now) for line, item in items)


def _found(where: str, item: Json, terms: Terms, names: Names, now: datetime) -> Found:
    if not isinstance(item, dict):
        return Untranslated(where=where, text="", reason="not a schedule: get-schedule writes an object")
    try:
        return _translated(where, item, terms, names, now)
    except RefusedError as error:
        return Untranslated(where=where, text=shown(str(item.get("Name", ""))), reason=str(error))


def _translated(where: str, item: JsonObject, terms: Terms, names: Names, now: datetime) -> Translated:
    """Translate one schedule. Raises RefusedError."""
    expression = item.get("ScheduleExpression")
    if not isinstance(expression, str):
        if "EventPattern" in item:
            raise RefusedError("this is a rule for events, not for times")
        raise RefusedError("ScheduleExpression is missing: list-schedules leaves it out, so use get-schedule")
    zone = item.get("ScheduleExpressionTimezone") or terms.timezone
    if not isinstance(zone, str | None):
        raise RefusedError("ScheduleExpressionTimezone must be a text")
    draft = JobDraft({"name": "", "endpoint": ""})
    state = str(item.get("State") or "ENABLED")
    if state not in ("ENABLED", "DISABLED"):
        raise RefusedError(f"the state {shown(state)} is not supported")
    is_paused = state == "DISABLED"
    _schedule(draft, expression.strip(), clocks.zone_of(zone), item, now)
    if is_paused and draft.job["trigger"] == "DELAYED":
        raise RefusedError("the schedule is disabled, and a one-time job cannot be paused")
    _window(draft, item)
    group = str(item.get("GroupName") or "default")
    full = str(item.get("Name") or "schedule") if group == "default" else f"{group}.{item.get('Name')}"
    name = names.take(full, f"{group}/{expression}")
    target = item.get("Target") or {}
    if not isinstance(target, dict):
        raise RefusedError("Target must be an object")
    made = _endpoint(draft, name, target, terms)
    draft.job |= {
        "name": name,
        "endpoint": required_endpoint(terms, "a target") if made is None else made["name"],
        "input": _input(draft, target),
        "tags": [TAG],
    }
    title = item.get("Description")
    if isinstance(title, str) and title.strip():
        draft.job["title"] = shown(title)
    if item.get("ActionAfterCompletion") == "DELETE":
        draft.note("ActionAfterCompletion DELETE: in Kronos a finished job stays in the history")
    if not target:
        draft.note("there is no Target, as in all rules: to see it, run `aws events list-targets-by-rule`")
    if is_paused:
        draft.note("the schedule is disabled: the job is created paused")
    for field in sorted(item.keys() - _KNOWN):
        draft.note(f"{shown(field)} has no equivalent: left out")
    return Translated(
        where=where,
        text=shown(f"{full} {expression}"),
        job=draft.job,
        endpoint=made,
        is_paused=is_paused,
        notes=tuple(draft.notes),
    )


def _schedule(draft: JobDraft, expression: str, zone: str, item: JsonObject, now: datetime) -> None:
    """Set when the job runs. Raises RefusedError."""
    starts_at, ends_at = _instant(item, "StartDate"), _instant(item, "EndDate")
    if found := _AT.fullmatch(expression):
        _once(draft, found[1], zone, now)
        return
    draft.job["trigger"] = "CRON"
    if found := _RATE.fullmatch(expression):
        count, unit = int(found[1]), found[2]
        if count < 1:
            raise RefusedError("the rate is 0")
        draft.job["every"] = f"{count}{unit[0]}"
        _anchor(draft, starts_at or _instant(item, "CreationDate"))
    elif found := _CRON.fullmatch(expression):
        read, years = amazon_cron.read(found[1])
        draft.job |= {"cron": read.text, "timezone": zone, **clocks.once_or_not(read, zone)}
        if years is not None:
            starts_at, ends_at = _within(years, zone, starts_at, ends_at)
    else:
        raise RefusedError(f"{shown(expression)} is neither cron(…), rate(…) nor at(…)")
    if ends_at is not None and ends_at <= now:
        raise RefusedError(f"the schedule ended at {written(ends_at)}")
    if starts_at is not None and starts_at > now:
        draft.job["starts_at"] = written(starts_at)
    if ends_at is not None:
        draft.job["ends_at"] = written(ends_at)


def _once(draft: JobDraft, local: str, zone: str, now: datetime) -> None:
    """Translate a one-time schedule. Raises RefusedError."""
    try:
        at = datetime.fromisoformat(local).replace(tzinfo=_zone(zone))
    except ValueError:
        raise RefusedError(f"{local} does not exist") from None
    if at.year >= 3000:
        raise RefusedError(f"the year {at.year} is out of range")
    if at <= now:
        raise RefusedError(f"the time has passed: {local} in {zone}")
    draft.job |= {"trigger": "DELAYED", "run_at": local, "timezone": zone}
    if at.astimezone(UTC).astimezone(at.tzinfo).replace(tzinfo=None) != at.replace(tzinfo=None):
        draft.note(f"{local} does not exist in {zone}, as clocks go forward: it runs as soon as they have")
    elif at.utcoffset() != at.replace(fold=1).utcoffset():
        draft.note(f"{local} occurs twice in {zone}, as clocks go back: it runs the first time only")


def _anchor(draft: JobDraft, anchor: datetime | None) -> None:
    """Set the instant that a rate counts from."""
    if anchor is None:
        draft.note("the start of the rate is not given: it counts from the job's creation")
        return
    minute = anchor.replace(second=0, microsecond=0)
    draft.job["anchor"] = written(minute)
    draft.note("the rate counts from StartDate or CreationDate, rounded to the minute")


def _within(
    years: YearSpan, zone: str, starts_at: datetime | None, ends_at: datetime | None
) -> tuple[datetime | None, datetime | None]:
    """Return the window that a year field leaves. Raises RefusedError."""
    clock = _zone(zone)
    first, after = (datetime(year, 1, 1, tzinfo=clock).astimezone(UTC) for year in (years.first, years.last + 1))
    return max(first, starts_at or first), min(after, ends_at or after)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise RefusedError(f"{shown(name)} is not a time zone") from None


def _instant(item: JsonObject, name: str) -> datetime | None:
    """Return a time as the AWS CLI writes it: text with an offset, or seconds. Raises RefusedError."""
    found = item.get(name)
    if found is None:
        return None
    try:
        if isinstance(found, int | float) and not isinstance(found, bool):
            at: datetime | None = datetime.fromtimestamp(found, UTC)
        else:
            at = datetime.fromisoformat(found) if isinstance(found, str) else None
    except (ValueError, OverflowError, OSError):
        at = None
    if at is None or not 1970 <= at.year < 3000:
        raise RefusedError(f"{name} is not a time")
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)


def written(at: datetime) -> str:
    """Return an instant as the API takes it."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _window(draft: JobDraft, item: JsonObject) -> None:
    """Translate the flexible window. Raises RefusedError."""
    window = item.get("FlexibleTimeWindow") or {}
    if not isinstance(window, dict):
        raise RefusedError("FlexibleTimeWindow must be an object")
    minutes = window.get("MaximumWindowInMinutes")
    if window.get("Mode") != "FLEXIBLE" or not isinstance(minutes, int) or minutes < 1:
        return
    if draft.job["trigger"] == "DELAYED":
        draft.note(f"the window of {minutes} min is left out: a one-time job runs at its exact time")
        return
    draft.job["jitter_seconds"] = min(minutes, _MOST_JITTER_MINUTES) * 60
    draft.note("the window becomes jitter_seconds: an offset that is fixed per job")
    if minutes > _MOST_JITTER_MINUTES:
        draft.note(f"the window of {minutes} min becomes {_MOST_JITTER_MINUTES} min")


def _endpoint(draft: JobDraft, name: str, target: JsonObject, terms: Terms) -> JsonObject | None:
    """Return an endpoint for this job with its retries. Without --url, add a note of what the endpoint should have.
    Raises RefusedError."""
    given = target.get("RetryPolicy")
    policy = given if isinstance(given, dict) else {}
    attempts = min(_whole(policy, "MaximumRetryAttempts", 0, 185) + 1, _MOST_ATTEMPTS)
    age = _whole(policy, "MaximumEventAgeInSeconds", 1, 86_400)
    if attempts == _MOST_ATTEMPTS:
        draft.note(f"EventBridge's up to 185 retries become {_MOST_ATTEMPTS - 1}")
    if "DeadLetterConfig" in target:
        draft.note("permanent failures become dead letters in Kronos, not in the queue")
    if terms.url is None:
        age_limit = f"'{{\"max_age_seconds\": {age}}}'"
        draft.note(own_retries("RetryPolicy", terms, f"--max-attempts {attempts} --retry {age_limit}"))
        return None
    retry: JsonObject = {"max_attempts": attempts, "max_age_seconds": age}
    return endpoint_of(terms.url, endpoint_name(name), spec={}, retry_policy=retry)


def _whole(given: JsonObject, name: str, least: int, most: int) -> int:
    """Return a whole number, by default the largest, as in EventBridge. Raises RefusedError."""
    found = given.get(name)
    if found is None:
        return most
    if not isinstance(found, int) or isinstance(found, bool) or not least <= found <= most:
        raise RefusedError(f"{name} {shown(str(found))} is not a whole number from {least} to {most}")
    return found


def _input(draft: JobDraft, target: JsonObject) -> JsonObject:
    """Return the input that the receiver needs instead of the target."""
    text = target.get("Input")
    given: Json = text
    if isinstance(text, str):
        if "<aws.scheduler." in text:
            draft.note(
                "<aws.scheduler.…> is not filled in: use {{scheduled_at}} and similar in the endpoint's template"
            )
        try:
            given = json_within(text)
        except (ValueError, RecursionError):
            given = text
    if passwords.is_in(given):
        draft.note(
            "Input seems to contain a password, which anyone who sees payloads can read: keep it where the target runs"
        )
    more = {name: target[name] for name in sorted(target) if name.endswith("Parameters")}
    return {"target": target.get("Arn"), **more, **({} if text is None else {"input": given})}
