"""The ticks that a job's page shows: a timeline of up to a hundred, and a month by day."""

import calendar as calendars
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from kronos.dashboard.rendering import zone_of
from kronos.database import WorkspaceView
from kronos.explain import ticks
from kronos.explain.facts import Facts
from kronos.explain.ticks import DISPOSITIONS, Disposition, Tick, TickDay, TickDays, Ticks
from kronos.model import Job
from kronos.records import dataclass
from kronos.schedules import Preview
from kronos.server_time import CLOCK

_MOST = 60
_WORST: tuple[Disposition, ...] = ("UNACCOUNTED", "ERROR", "FAILED", "MISSED", "EXPIRED", "OVERDUE", "LATE")
"""Dispositions that need attention, worst first."""
_PAST, _TO_COME = 44, 6
COMING_RUNS = 32
"""Number of future runs to compute: for a daily job they cover a month."""
_MANY = 3000
"""A month with more ticks is counted only on request: 43,000 take a tenth of a second."""
_SHORTEST, _LONGEST, _FARTHEST = timedelta(minutes=10), timedelta(days=366), timedelta(days=183)


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A day of a month, with the outcomes of its ticks."""

    day: date
    ticks: dict[Disposition, int]
    total: int
    worst: Disposition | None
    is_today: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """A month of a job: weeks of seven days, from Monday; None for days of another month."""

    name: str
    this: str
    before: str
    after: str | None
    timezone: str
    weeks: list[list[Day | None]]
    dispositions: list[Disposition]
    retained_from: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Ticks of one hour, or of a day or a month if they are farther apart."""

    label: str
    ticks: list[Tick]


async def time_line(
    view: WorkspaceView,
    job: Job,
    preview: Preview,
    frame: Facts,
    *,
    since: datetime | None,
    until: datetime | None,
    day: str | None = None,
) -> Ticks:
    """Return the ticks of the window or of a day; by default about the last forty, and the next ones."""
    now = frame.now
    if day is not None and since is None and until is None:
        first, zone = _day(day), zone_of(job.timezone)
        since, until = _at(first, zone), _at(first + timedelta(days=1), zone)
    apart = step(preview)
    is_open = since is None
    ahead = min(apart * _TO_COME, _FARTHEST) if apart else timedelta()  # so that a yearly job's window includes now
    until = until or (min(now, job.retired_at) if job.retired_at else now) + ahead
    since = since or until - min(max((apart or timedelta(days=1)) * (_PAST + _TO_COME), _SHORTEST), _LONGEST)
    if until <= since:
        until = since + _SHORTEST
    found = await ticks.list_ticks(view, str(job.job_id), since=since, until=until, limit=_MOST, frame=frame)
    if is_open and found.next_from is not None:  # more ticks than the current schedule suggests
        length = max((found.next_from - since) * 3 / 4, _SHORTEST)
        found = await ticks.list_ticks(
            view, str(job.job_id), since=min(now, until) - length, until=until, limit=_MOST, frame=frame
        )
    return found


async def month(view: WorkspaceView, job: Job, named: str | None, frame: Facts, line: Ticks) -> TickDays:
    """Return the days of a month, by default the current one.

    Ticks already in the timeline are not queried again; for a daily job those are all."""
    first, zone = _first_day(job, named), zone_of(job.timezone)
    begins, ends = _at(first, zone), _at(_next_month(first), zone)
    if line.next_from is None and line.since <= begins and min(ends, line.at) <= line.until:
        return _days_of(line, begins, ends, job.timezone)
    return await ticks.count_days(view, str(job.job_id), since=begins, until=ends, timezone=job.timezone, frame=frame)


def _days_of(line: Ticks, begins: datetime, ends: datetime, timezone: str | None) -> TickDays:
    """Count the ticks of a timeline by day, up to now, like count_days."""
    zone = zone_of(timezone)
    found: dict[date, Counter[Disposition]] = {}
    for each in line.data:
        if begins <= each.tick < ends and each.tick <= line.at:
            found.setdefault(each.tick.astimezone(zone).date(), Counter())[each.disposition] += 1
    return TickDays(
        since=begins,
        until=ends,
        at=line.at,
        timezone=timezone or "UTC",
        retained_from=line.retained_from,
        data=[TickDay(day=day, ticks=dict(ticks)) for day, ticks in found.items()],
    )


def is_dense(preview: Preview) -> bool:
    """Whether a month has so many ticks that they are counted only on request."""
    apart = step(preview)
    return apart is not None and apart * _MANY < timedelta(days=31)


def month_name(job: Job) -> tuple[str, str]:
    """Return the current month, for the query of an address and in words."""
    first = _first_day(job, None)
    return f"{first:%Y-%m}", f"{first:%B %Y}"


def calendar(job: Job, counted: TickDays, named: str | None, preview: Preview) -> Month:
    """Return a month to show: the outcomes of its ticks, and future runs as far as `preview` reaches."""
    first, zone = _first_day(job, named), zone_of(job.timezone)
    today = counted.at.astimezone(zone).date()
    coming = coming_days(preview, zone) if job.status == "ACTIVE" or job.resume_at else {}
    of_days = {each.day: each.ticks for each in counted.data}
    for day in coming.keys() & {first + timedelta(days=each) for each in range(31)}:
        of_days[day] = {**of_days.get(day, {}), "UPCOMING": coming[day]}
    after = _next_month(first)
    return Month(
        name=f"{first:%B %Y}",
        this=f"{first:%Y-%m}",
        before=f"{first - timedelta(days=1):%Y-%m}",
        after=f"{after:%Y-%m}" if after <= max([today, *coming]) else None,
        timezone=counted.timezone,
        retained_from=counted.retained_from,
        dispositions=[each for each in DISPOSITIONS if any(each in ticks for ticks in of_days.values())],
        weeks=[
            [
                Day(
                    day=day,
                    ticks=of_days.get(day, {}),
                    total=sum(of_days.get(day, {}).values()),
                    worst=next((each for each in _WORST if each in of_days.get(day, {})), None),
                    is_today=day == today,
                )
                if day.month == first.month
                else None
                for day in week
            ]
            for week in calendars.Calendar().monthdatescalendar(first.year, first.month)
        ],
    )


def nearest(preview: Preview, count: int) -> Preview:
    """Return the first runs of a preview, and the skipped ticks up to the last of them."""
    if len(preview.next_runs) <= count:
        return preview
    runs = preview.next_runs[:count]
    return replace(preview, next_runs=runs, skipped=[each for each in preview.skipped if each.at <= runs[-1].at])


def coming_days(preview: Preview, zone: ZoneInfo) -> dict[date, int]:
    """Return the number of future runs per nominal day of the zone, like the timeline.

    The last day is left out if the preview may continue, because that day may have more runs."""
    days = [(each.rolled_from or each.at).astimezone(zone).date() for each in preview.next_runs]
    is_whole = len(days) < COMING_RUNS
    return {day: number for day, number in Counter(days).items() if is_whole or day < max(days)}


def groups(line: Ticks, timezone: str | None) -> list[Group]:
    """Group the ticks of a timeline by the hour, or by the day or month if an hour has hardly any."""
    zone = zone_of(timezone)
    length = (line.until - line.since) / max(len(line.data), 1)
    form = "%Y-%m-%d %H:00" if length < timedelta(minutes=30) else "%Y-%m-%d" if length < timedelta(days=1) else "%Y-%m"
    found: dict[str, list[Tick]] = {}
    for tick in line.data:
        found.setdefault(tick.tick.astimezone(zone).strftime(form), []).append(tick)
    return [Group(label=label, ticks=of) for label, of in found.items()]


def dispositions(line: Ticks) -> list[Disposition]:
    """Return the dispositions of a timeline's ticks, each once."""
    return [each for each in DISPOSITIONS if any(tick.disposition == each for tick in line.data)]


def step(preview: Preview) -> timedelta | None:
    """Return the approximate distance between future ticks, including those closed by a calendar.

    None if fewer than two are known."""
    runs = preview.next_runs
    closed = sum(1 for each in preview.skipped if runs and each.at > runs[0].at)
    return (runs[-1].at - runs[0].at) / (len(runs) + closed - 1) if len(runs) > 1 else None


def _first_day(job: Job, named: str | None) -> date:
    if named is not None:
        return date(max(1970, min(int(named[:4]), 2999)), int(named[5:]), 1)
    return CLOCK.now().astimezone(zone_of(job.timezone)).date().replace(day=1)


def _day(named: str) -> date:
    """Return the named day, or the last day of its month if there is no such day."""
    year, month, day = max(1970, min(int(named[:4]), 2999)), int(named[5:7]), int(named[8:])
    return date(year, month, min(day, calendars.monthrange(year, month)[1]))


def _next_month(first: date) -> date:
    return (first + timedelta(days=32)).replace(day=1)


def _at(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
