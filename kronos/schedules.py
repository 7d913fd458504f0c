"""The future runs of a schedule. The interpreter is kronos.next_tick in the database; this module only calls it."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Literal

import orjson
from psycopg.types.json import Jsonb

from kronos import database_errors, errors
from kronos.database import InstanceView, WorkspaceView
from kronos.errors import Fault
from kronos.gathering import Request
from kronos.kept import Cache
from kronos.model import Json, JsonObject, OnBlackout
from kronos.records import dataclass
from kronos.sql import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Upcoming:
    """PostgreSQL's result: a Preview whose runs and skipped ticks are still JSON."""

    description: str
    next_runs: Json
    skipped: Json
    lints: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class NextRun:
    """A future run.

    `local` is `at` in the schedule's zone, with its UTC offset. `dst`: "shifted" if a local time that does not exist
    was moved to this one, "repeated" if the zone has this local time twice. `rolled_from`: the tick, if calendars move
    it to another time; `reason` says why. `run_at`: when its delivery starts, if the job's offset or jitter changes
    that.
    """

    at: datetime
    local: str
    dst: Literal["shifted", "repeated"] | None
    rolled_from: datetime | None = None
    reason: str | None = None
    run_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedTick:
    """A tick that does not run. dst "skipped": `local` does not exist in the schedule's zone, and dst_gap is SKIP; with
    SHIFT it would run at `at`. Otherwise `reason` names the calendar that closes it."""

    at: datetime
    local: str
    dst: Literal["skipped"] | None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The future of a schedule: runs, in order; ticks up to the last run that do not run; notes on surprises."""

    description: str
    next_runs: list[NextRun]
    skipped: list[SkippedTick]
    lints: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleText:
    """A schedule as its user wrote it: `cron` or `every`, the zone, and the rules for clock changes.

    An interval has one anchor, an instant or a local time of the zone; without one it is counted from the current
    minute.
    """

    cron: str | None
    every: str | None = None
    anchor: datetime | None = None
    anchor_local: datetime | None = None
    timezone: str = "UTC"
    dst_gap: Literal["SHIFT", "SHIFT_BY_GAP", "SKIP"] = "SHIFT"
    dst_overlap: Literal["FIRST", "BOTH"] = "FIRST"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRead:
    """What a job stores of its schedule: PostgreSQL's text of a kronos.schedule, pg_cron's text, and a description.

    `next_tick_at` is its first tick after `read_at` on PostgreSQL's clock, so it is the next one until then; None: none
    follows.
    """

    schedule: str
    alarm: str
    description: str
    read_at: datetime
    next_tick_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalTime:
    """When a zone's clocks show a local time."""

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedSchedule:
    """A schedule, and the window in which its first tick must be."""

    text: ScheduleText
    starts_at: datetime | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedLocalTime:
    """A local time of a zone."""

    local: datetime
    timezone: str
    dst_gap: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """A ScheduleRead, or why there is none, for the nth text of a statement."""

    nth: int
    schedule: str | None
    alarm: str | None
    description: str | None
    read_at: datetime | None
    next_tick_at: datetime | None
    fault: JsonObject | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _JudgedLocalTime:
    """A LocalTime, or why there is none."""

    nth: int
    at: datetime | None
    fault: JsonObject | None


_READ_LOCAL_TIME = statement("schedules.read_local_time", LocalTime)
_READ_ALL = statement("schedules.read_schedules", _Judged)
_READ_LOCAL_TIMES = statement("schedules.read_local_times", _JudgedLocalTime)
_PREVIEW = statement("schedules.preview_schedule", Upcoming)
_PREVIEW_CLOSED = statement("schedules.preview_closed_schedule", Upcoming)
LIST_NEXT_RUNS = statement("schedules.list_next_runs", Upcoming)

# Reading a text is a pure function that takes 0.4 ms in PostgreSQL, a third of creating a job, and few texts are new.
# The alarm also depends on cron.timezone, which can change when the server restarts, so results are cached for at most
# a minute.
_REMEMBERED_SECONDS = 60.0
_TEXT_BYTES = 1024  # about the size of one in a statement
_REMEMBERED_BYTES, _REMEMBERED_TEXT_BYTES = 4 * 1024 * 1024, 4096
_remembered: Cache[ScheduleText, tuple[float, ScheduleRead]] = Cache(
    budget=_REMEMBERED_BYTES, each=_REMEMBERED_TEXT_BYTES
)


async def read(view: WorkspaceView, text: ScheduleText) -> ScheduleRead:
    """Return what PostgreSQL reads in `text`. Concurrent calls are answered by one statement.

    Raises Unprocessable (invalid_cron, invalid_timezone, invalid_interval).
    """
    if (known := _known(text)) is not None:
        return known
    asked = AskedSchedule(text=text)

    async def read_together(all_asked: Sequence[AskedSchedule]) -> list[ScheduleRead | errors.Unprocessable]:
        read = await read_all(view, all_asked)
        return [read[each] for each in all_asked]

    found: ScheduleRead | errors.Unprocessable = await view.gatherer.ask(
        ("schedule", view.workspace), read_together, Request(asked=asked, size=_TEXT_BYTES)
    )
    if isinstance(found, errors.KronosError):
        raise type(found)(found.detail, code=found.code, faults=found.faults)  # a new one: other callers raise it too
    return found


async def read_all(
    view: WorkspaceView, asked: Sequence[AskedSchedule], *, anew: bool = False
) -> dict[AskedSchedule, ScheduleRead | errors.Unprocessable]:
    """Return for each what PostgreSQL reads in it and its first tick within the window, or why it is rejected, all in
    one statement. `anew`: ignore the cache."""
    found: dict[AskedSchedule, ScheduleRead | errors.Unprocessable] = {}
    for each in asked:
        has_window = each.starts_at is not None or each.ends_at is not None
        if not anew and not has_window and (known := _known(each.text)) is not None and known.next_tick_at is not None:
            found[each] = known
    unread = [each for each in dict.fromkeys(asked) if each not in found]
    if not unread:
        return found
    now = time.monotonic()
    texts = [asdict(each.text) | {"starts_at": each.starts_at, "ends_at": each.ends_at} for each in unread]
    for row in await view.rows(_READ_ALL, {"texts": Jsonb(texts, dumps=orjson.dumps)}):
        each = unread[row.nth - 1]
        if row.schedule is None or row.alarm is None or row.description is None or row.read_at is None or row.fault:
            found[each] = _refused(row.fault)
            continue
        found[each] = read = ScheduleRead(
            schedule=row.schedule,
            alarm=row.alarm,
            description=row.description,
            read_at=row.read_at,
            next_tick_at=row.next_tick_at,
        )
        if each.starts_at is None and each.ends_at is None:
            _remember(each.text, read, now)
    return found


def _refused(fault: JsonObject | None) -> errors.Unprocessable:
    """Return why PostgreSQL rejects it. Raises KronosError if the fault is not one of a schedule."""
    reported = fault or {}
    refused = database_errors.schedule_refused(
        reported.get("sqlstate", ""), reported.get("message", ""), reported.get("hint"), reported.get("column")
    )
    if refused is None:
        raise errors.KronosError(f"unexpected answer about a schedule: {reported}")
    return refused


def _is_lasting(text: ScheduleText) -> bool:
    """Return whether the text means the same each minute: an interval without an anchor does not."""
    return text.every is None or text.anchor is not None or text.anchor_local is not None


def _known(text: ScheduleText) -> ScheduleRead | None:
    """Return what was read in the text within the last minute."""
    if not _is_lasting(text) or (known := _remembered.get(text)) is None:
        return None
    return known[1] if time.monotonic() - known[0] < _REMEMBERED_SECONDS else None


def _remember(text: ScheduleText, found: ScheduleRead, at: float) -> None:
    if _is_lasting(text):
        _remembered.put(text, (at, found), _size(text, found))


def _size(text: ScheduleText, found: ScheduleRead) -> int:
    """Return about how many bytes the two take: their texts, and 600 for their objects."""
    texts = (text.cron, text.every, text.timezone, found.schedule, found.alarm, found.description)
    return 600 + sum(len(each) for each in texts if each is not None)


async def shown_at(view: WorkspaceView, local: datetime, *, timezone: str, dst_gap: str) -> datetime:
    """Return when the zone's clocks first show `local`; if they never do, the instant that `dst_gap` selects.

    Raises Unprocessable (invalid_timezone).
    """
    (found,) = await view.rows(_READ_LOCAL_TIME, {"local": local, "timezone": timezone, "dst_gap": dst_gap})
    return found.at


async def shown_at_all(
    view: WorkspaceView, asked: Sequence[AskedLocalTime]
) -> dict[AskedLocalTime, datetime | errors.Unprocessable]:
    """Return for each the result of `shown_at`, or why there is none, all in one statement."""
    times = list(dict.fromkeys(asked))
    if not times:
        return {}
    params = {"times": Jsonb([asdict(each) for each in times], dumps=orjson.dumps)}
    return {
        times[row.nth - 1]: row.at if row.at is not None else _refused(row.fault)
        for row in await view.rows(_READ_LOCAL_TIMES, params)
    }


async def preview(view: InstanceView, text: ScheduleText, *, after: datetime | None, count: int) -> Preview:
    """Return the next `count` runs strictly after `after` (None: now). Raises Unprocessable: invalid_cron, _timezone or
    _interval."""
    (upcoming,) = await view.rows(_PREVIEW, {**asdict(text), "after": after, "count": count})
    return shown(upcoming)


async def preview_closed(
    view: WorkspaceView,
    text: ScheduleText,
    *,
    calendars: Sequence[str],
    on_blackout: OnBlackout,
    after: datetime | None,
    count: int,
) -> Preview:
    """Like `preview`, with calendars of a workspace. Also raises CalendarNotFound."""
    given = {"calendars": list(calendars), "on_blackout": on_blackout, "after": after, "count": count}
    (upcoming,) = await view.rows(_PREVIEW_CLOSED, {**asdict(text), **given})
    return shown(upcoming)


def faults(cron: str | None, every: str | None, anchor: datetime | None, timezone: str | None) -> Iterator[Fault]:
    """Yield the faults of a schedule as a whole: it needs an expression or an interval, and a local anchor needs a zone
    (None: not given)."""
    if cron is None and every is None:
        hint = "Add it, five fields such as 0 9 * * 1, or an interval in every, such as 90m."
        yield Fault(pointer="/cron", detail="a schedule needs a cron expression or an interval", hint=hint)
    if cron is not None and every is not None:
        yield Fault(pointer="/every", detail="both every and cron are given", hint="Give only one of them.")
    if anchor is not None and every is None:
        yield Fault(pointer="/anchor", detail="anchor requires every", hint="Omit it, or give an interval in every.")
    elif anchor is not None and timezone is None and (local := local_time(anchor)) is not None:
        yield zoneless("anchor", local)


def zoneless(name: str, local: datetime) -> Fault:
    """Return the fault of a local time without a zone."""
    hint = f"Add timezone, such as Europe/Berlin, or write an offset: {local.isoformat()}Z for UTC."
    return Fault(
        pointer=f"/{name}",
        detail=f"{name} has no offset, so it is a local time, but no timezone is given",
        hint=hint,
    )


def instant(at: datetime | None) -> datetime | None:
    """Return a time that was given with an offset; None for a local time."""
    return at if at is not None and at.tzinfo is not None else None


def local_time(at: datetime | None) -> datetime | None:
    """Return a time that was given without an offset, a reading of a zone's clocks. None for an instant."""
    return at if at is not None and at.tzinfo is None else None


def shown(upcoming: Upcoming) -> Preview:
    """Return the preview for people."""
    return Preview(
        description=upcoming.description,
        next_runs=[_next_run(run) for run in upcoming.next_runs],
        skipped=[
            SkippedTick(at=instant_of(tick["at"]), local=tick["local"], dst=tick["dst"], reason=tick.get("reason"))
            for tick in upcoming.skipped
        ],
        lints=upcoming.lints,
    )


def _next_run(run: JsonObject) -> NextRun:
    rolled_from = run.get("rolled_from")
    moved_to = run.get("run_at")
    return NextRun(
        at=instant_of(run["at"]),
        local=run["local"],
        dst=run["dst"],
        rolled_from=instant_of(rolled_from) if rolled_from else None,
        reason=run.get("reason"),
        run_at=instant_of(moved_to) if moved_to else None,
    )


def instant_of(text: str) -> datetime:
    """Return an instant that PostgreSQL wrote in JSON."""
    return datetime.fromisoformat(text).astimezone(UTC)
