"""Calendars: closed times, given as named days and times and as a weekly pattern. Jobs name them. PostgreSQL decides
what happens to a tick in a closed time (kronos.tick_fate)."""

import asyncio
import dataclasses
import time
from collections.abc import Collection, Sequence
from uuid import UUID

import orjson
from psycopg.types.json import Jsonb

from kronos import calendar_days, documents, errors
from kronos.calendar_terms import BusinessHours, CalendarDay, Weekday
from kronos.database import WorkspaceView
from kronos.documents import CALENDAR
from kronos.lines import Log
from kronos.model import Document, JsonObject
from kronos.records import dataclass
from kronos.sql import statement

_MOST_LOOKS = 5
_MOST_NAMED = 10
_FOLLOW_SECONDS = 10.0
_AGAIN_SECONDS, _TRIES = 0.02, 50
_log = Log("kronos.api")
_BY_DEFAULT = ("timezone", "UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCalendar:
    """A calendar as a caller describes it."""

    timezone: str
    business_days: Sequence[Weekday] | None
    business_hours: BusinessHours | None
    days: Sequence[CalendarDay]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacedCalendar:
    """The calendar and version that a statement wrote, and how many jobs that name it still have to follow."""

    document_id: UUID
    version: int
    jobs_left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowingCalendar:
    """How many jobs followed in this step (0 if none can right now), and how many still have to follow their
    calendar."""

    done: int
    jobs_left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarUser:
    """A live job that names a calendar."""

    job_id: UUID
    name: str | None


_REPLACE = statement("calendars.replace_calendar", ReplacedCalendar)
_MOVE_FURTHER = statement("calendars.move_further", FollowingCalendar)
_USERS = statement("calendars.list_calendar_users", CalendarUser)


def content(new: NewCalendar) -> JsonObject:
    """Return the calendar as it is stored and shown."""
    hours = new.business_hours
    return {
        "timezone": new.timezone,
        "business_days": None if new.business_days is None else list(new.business_days),
        "business_hours": None if hours is None else {"opens": hours.opens, "closes": hours.closes},
        "days": [_day(each) for each in new.days],
    }


def written(stored: JsonObject) -> JsonObject:
    """Return a stored calendar as a file holds it: without default values."""
    days = [
        {
            name: value
            for name, value in day.items()
            if not (name == "open" and not value) and not (name == "ends" and value == day["starts"])
        }
        for day in stored["days"]
    ]
    found = {**stored, "days": days}
    return {name: value for name, value in found.items() if value not in (None, []) and (name, value) != _BY_DEFAULT}


def _day(day: CalendarDay) -> JsonObject:
    return {"starts": day.starts, "ends": day.ends or day.starts, "name": day.name, "open": day.open}


def _params(new: NewCalendar) -> dict[str, object]:
    row = calendar_days.compiled(new.days, new.business_days, new.business_hours)
    return {"compiled": Jsonb(row | {"timezone": new.timezone}, dumps=orjson.dumps)}


async def create(
    view: WorkspaceView, name: str, new: NewCalendar, *, idempotency_key: str | None = None
) -> tuple[Document, bool]:
    """Create a calendar. Return it, and whether it is new. Raises Conflict if the name is taken, Unprocessable."""
    return await documents.create(
        view, CALENDAR, name, content(new), idempotency_key=idempotency_key, more=_params(new)
    )


async def replace(
    view: WorkspaceView,
    name: str,
    new: NewCalendar,
    *,
    if_match: Collection[int] | None,
    if_none_match: Collection[int],
    must_exist: bool,
) -> tuple[Document, bool]:
    """Write the calendar's next version, or its first. Return it, and whether it is new. Unchanged content makes no
    version.

    The new version applies to all ticks that are not accounted for. The next runs of the jobs that name it follow:
    those of up to 200 jobs in the same transaction, those of more until this call's time is up (`jobs_left`), then by
    the workers.
    Raises PreconditionFailed, Unprocessable, Conflict.
    """
    wanted, compiled = content(new), _params(new)
    for _ in range(_MOST_LOOKS):
        present = await view.one_or_none(documents.GET, {"kind": CALENDAR.kind, "name": name})
        if present is None:
            if must_exist:
                raise errors.PreconditionFailed(f"the calendar {name!r} does not exist, so If-Match cannot match")
            return await documents.create(view, CALENDAR, name, wanted, more=compiled)
        documents.refuse_condition(CALENDAR, present, if_match=if_match, known=if_none_match)
        if present.content == wanted:
            return present, False
        params = documents.replacing(CALENDAR, name, wanted, if_match=if_match, if_none_match=if_none_match) | compiled
        written, document = await view.judged_write(
            (documents.LOCK, params), None, (_REPLACE, params), (documents.GET, params)
        )
        if written:
            return dataclasses.replace(document[0], jobs_left=await _follow(view, name, document[0].jobs_left)), False
    raise errors.Conflict(f"the calendar {name!r} was changed at the same time: try again")


async def _follow(view: WorkspaceView, name: str, jobs_left: int) -> int:
    """Let the jobs that name the calendar follow it, step by step. Return how many are left to the workers and the
    reaper.

    An error here does not fail the request: the calendar has already changed.
    """
    until, tries = time.monotonic() + _FOLLOW_SECONDS, 0
    while jobs_left > 0 and tries < _TRIES and time.monotonic() < until:
        try:
            (step,) = await view.rows(_MOVE_FURTHER, {"name": name})
        except errors.KronosError as error:
            _log.warning(
                "calendar.follows_later",
                "jobs that name calendar %s of workspace %s will follow it later: %s",
                name,
                view.workspace,
                error,
                workspace=view.workspace,
            )
            break
        jobs_left = step.jobs_left
        tries = 0 if step.done else tries + 1
        if tries and jobs_left:
            await asyncio.sleep(_AGAIN_SECONDS)
    return jobs_left


async def users(view: WorkspaceView, name: str, *, limit: int) -> list[CalendarUser]:
    """Return the live jobs that name the calendar, by id."""
    return await view.rows(_USERS, {"name": name, "limit": limit})


async def delete(view: WorkspaceView, name: str, *, if_match: Collection[int] | None = None) -> None:
    """Delete a calendar that no live job names. Raises CalendarNotFound, Conflict, PreconditionFailed."""
    if not await documents.is_deleted(view, CALENDAR, name, if_match=if_match):
        found = await users(view, name, limit=_MOST_NAMED + 1)
        named = ", ".join(each.name or str(each.job_id) for each in found[:_MOST_NAMED])
        more = " and others" if len(found) > _MOST_NAMED else ""
        raise errors.Conflict(
            f"the calendar {name!r} is named by the jobs {named}{more}: change or cancel them first",
            code="calendar_in_use",
        )
