"""What a schedule will do. The interpreter is kronos.next_tick in the database; this only asks it."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
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
from kronos.sql import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Upcoming:
    """What PostgreSQL answers: a Preview whose runs and skipped ticks are still JSON."""

    description: str
    next_runs: Json
    skipped: Json
    lints: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class NextRun:
    """One run to come.

    `local` is `at` as the schedule's zone shows it, with its distance from UTC. `dst`: "shifted" where a local time
    that does not exist was moved to this one, "repeated" where the zone shows this local time twice. `rolled_from`: the
    tick, where calendars have it run at another time, and `reason` says why. `run_at`: when its delivery begins, where
    the job's offset or jitter moves that.
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
    SHIFT it would run at `at`. Else `reason` says which calendar closes it."""

    at: datetime
    local: str
    dst: Literal["skipped"] | None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a schedule will do: runs, in order; ticks up to the last of them that do not run; sentences on what may
    surprise."""

    description: str
    next_runs: list[NextRun]
    skipped: list[SkippedTick]
    lints: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleText:
    """A schedule as its user wrote it: `cron` or `every`, the zone, and what happens where clocks are changed.

    An interval has one anchor, an instant or a local time of the zone; without one it is counted from the present
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
    """What a job stores of its schedule: as PostgreSQL writes a kronos.schedule, pg_cron's text, and words.

    `next_tick_at` is its first tick after `read_at`, on PostgreSQL's clock, so until then it is the next; None: there
    is none.
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
    """A schedule, and the window that its first tick must be in."""

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
    """A ScheduleRead, or why there is none; the nth of those that were asked about."""

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

# Reading a text is a pure function that costs 0.4 ms in PostgreSQL, a third of creating a job, and few texts are new.
# The alarm depends on cron.timezone too, which can change when the server restarts, so nothing is remembered for longer
# than a minute.
_REMEMBERED_SECONDS = 60.0
_TEXT_BYTES = 1024  # about what one is in a statement
_REMEMBERED_BYTES, _REMEMBERED_TEXT_BYTES = 4 * 1024 * 1024, 4096
_remembered: Cache[ScheduleText, tuple[float, ScheduleRead]] = Cache(
    budget=_REMEMBERED_BYTES, each=_REMEMBERED_TEXT_BYTES
)


async def read(view: WorkspaceView, text: ScheduleText) -> ScheduleRead:
    """What PostgreSQL reads in `text`; those that are asked for at the same time are read by one statement.

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
        raise type(found)(found.detail, code=found.code, faults=found.faults)  # of one's own: others raise it too
    return found


async def read_all(
    view: WorkspaceView, asked: Sequence[AskedSchedule], *, anew: bool = False
) -> dict[AskedSchedule, ScheduleRead | errors.Unprocessable]:
    """What PostgreSQL reads in each, and the first tick within its window, or why it refuses it: all in one
    statement. `anew`: whatever is remembered."""
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
    """Why PostgreSQL refuses it. Raises KronosError where that is no refusal of a schedule."""
    reported = fault or {}
    refused = database_errors.schedule_refused(
        reported.get("sqlstate", ""), reported.get("message", ""), reported.get("hint"), reported.get("column")
    )
    if refused is None:
        raise errors.KronosError(f"unforeseen answer about a schedule: {reported}")
    return refused


def _is_lasting(text: ScheduleText) -> bool:
    """An interval without an anchor is another schedule each minute."""
    return text.every is None or text.anchor is not None or text.anchor_local is not None


def _known(text: ScheduleText) -> ScheduleRead | None:
    """What was read of the text within the last minute."""
    if not _is_lasting(text) or (known := _remembered.get(text)) is None:
        return None
    return known[1] if time.monotonic() - known[0] < _REMEMBERED_SECONDS else None


def _remember(text: ScheduleText, found: ScheduleRead, at: float) -> None:
    if _is_lasting(text):
        _remembered.put(text, (at, found), _size(text, found))


def _size(text: ScheduleText, found: ScheduleRead) -> int:
    """About how many bytes the two take: their texts, and 600 for what holds them."""
    texts = (text.cron, text.every, text.timezone, found.schedule, found.alarm, found.description)
    return 600 + sum(len(each) for each in texts if each is not None)


async def shown_at(view: WorkspaceView, local: datetime, *, timezone: str, dst_gap: str) -> datetime:
    """When the zone's clocks first show `local`; where they never do, what `dst_gap` makes of it.

    Raises Unprocessable (invalid_timezone).
    """
    (found,) = await view.rows(_READ_LOCAL_TIME, {"local": local, "timezone": timezone, "dst_gap": dst_gap})
    return found.at


async def shown_at_all(
    view: WorkspaceView, asked: Sequence[AskedLocalTime]
) -> dict[AskedLocalTime, datetime | errors.Unprocessable]:
    """When each is first shown, as `shown_at`, or why nobody can say: all in one statement."""
    times = list(dict.fromkeys(asked))
    if not times:
        return {}
    params = {"times": Jsonb([asdict(each) for each in times], dumps=orjson.dumps)}
    return {
        times[row.nth - 1]: row.at if row.at is not None else _refused(row.fault)
        for row in await view.rows(_READ_LOCAL_TIMES, params)
    }


async def preview(view: InstanceView, text: ScheduleText, *, after: datetime | None, count: int) -> Preview:
    """The next `count` runs strictly later than `after` (None: now). Raises Unprocessable: invalid_cron, _timezone or
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
    """The same with calendars of a workspace. Raises CalendarNotFound too."""
    given = {"calendars": list(calendars), "on_blackout": on_blackout, "after": after, "count": count}
    (upcoming,) = await view.rows(_PREVIEW_CLOSED, {**asdict(text), **given})
    return shown(upcoming)


def faults(cron: str | None, every: str | None, anchor: datetime | None, timezone: str | None) -> Iterator[Fault]:
    """What is wrong with a schedule as a whole: it has an expression or an interval, and a local anchor has a zone
    (None: not given)."""
    if cron is None and every is None:
        hint = "Add it, five fields such as 0 9 * * 1, or an interval in every, such as 90m."
        yield Fault(pointer="/cron", detail="a schedule needs a cron expression or an interval", hint=hint)
    if cron is not None and every is not None:
        yield Fault(pointer="/every", detail="every and cron are given", hint="Give one of them.")
    if anchor is not None and every is None:
        yield Fault(
            pointer="/anchor", detail="anchor goes with every", hint="Leave it out, or give an interval in every."
        )
    elif anchor is not None and timezone is None and (local := local_time(anchor)) is not None:
        yield zoneless("anchor", local)


def zoneless(name: str, local: datetime) -> Fault:
    """A local time is one only with a zone."""
    hint = f"Add timezone, such as Europe/Berlin, or write an offset: {local.isoformat()}Z for UTC."
    return Fault(
        pointer=f"/{name}",
        detail=f"{name} has no offset, so it is the local time of a timezone, and none is given",
        hint=hint,
    )


def instant(at: datetime | None) -> datetime | None:
    """What was given with its offset; None where it is a local time."""
    return at if at is not None and at.tzinfo is not None else None


def local_time(at: datetime | None) -> datetime | None:
    """What was given without an offset: the reading of a zone's clocks. None where it is an instant."""
    return at if at is not None and at.tzinfo is None else None


def shown(upcoming: Upcoming) -> Preview:
    """The answer for people."""
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
    """An instant as PostgreSQL writes it in JSON."""
    return datetime.fromisoformat(text).astimezone(UTC)
