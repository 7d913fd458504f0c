"""The ticks of a job's page: how a month and a timeline are laid out, from ticks and future runs."""

import calendar
import uuid
from collections import Counter
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from kronos.dashboard import tick_windows
from kronos.dashboard.tick_windows import COMING_RUNS, Month
from kronos.explain.ticks import DISPOSITIONS, Disposition, Tick, TickDay, TickDays, Ticks
from kronos.model import Job
from kronos.schedules import NextRun, Preview, SkippedTick
from kronos.server_time import CLOCK
from plain_job import PLAIN

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def a_job(**known: Any) -> Job:
    return replace(PLAIN, **known)


def a_preview(*runs: datetime, skipped: tuple[datetime, ...] = ()) -> Preview:
    return Preview(
        description="",
        next_runs=[NextRun(at=each, local="", dst=None) for each in runs],
        skipped=[SkippedTick(at=each, local="", dst=None) for each in skipped],
        lints=[],
    )


def a_tick(at: datetime, disposition: Disposition = "DELIVERED") -> Tick:
    usual: dict[str, Any] = dict.fromkeys(each.name for each in fields(Tick))
    return Tick(**usual | {"tick": at, "disposition": disposition, "version_id": uuid.UUID(int=1)})


def a_line(*ticks: Tick, since: datetime = NOW - DAY, until: datetime = NOW, **known: Any) -> Ticks:
    usual: dict[str, Any] = {"at": NOW, "retained_from": None, "next_from": None}
    return Ticks(since=since, until=until, data=list(ticks), **usual | known)


def counted(ticks: dict[date, dict[Disposition, int]] | None = None, **known: Any) -> TickDays:
    usual: dict[str, Any] = {"since": NOW, "until": NOW, "at": NOW, "timezone": "UTC", "retained_from": None}
    days = [TickDay(day=day, ticks=each) for day, each in (ticks or {}).items()]
    return TickDays(data=days, **usual | known)


def shown(month: Month) -> dict[int, tuple[dict[Disposition, int], int, Disposition | None]]:
    """Return the days of the month that have ticks: their outcomes, their number and the worst one."""
    days = [day for week in month.weeks for day in week if day is not None]
    return {each.day.day: (each.ticks, each.total, each.worst) for each in days if each.ticks}


def test_a_month_is_weeks_from_monday_without_the_days_of_others() -> None:
    month = tick_windows.calendar(a_job(), counted(), "2026-11", a_preview())
    assert (month.name, month.this, month.before, month.after) == ("November 2026", "2026-11", "2026-10", None)
    assert [[day and day.day.day for day in week] for week in month.weeks] == [
        [day or None for day in week] for week in calendar.Calendar().monthdayscalendar(2026, 11)
    ]
    assert [day.day for week in month.weeks for day in week if day and day.is_today] == [NOW.date()]


@pytest.mark.parametrize(
    ("named", "before", "this", "after"),
    [
        ("2026-10", "2026-09", "2026-10", "2026-11"),
        ("2026-01", "2025-12", "2026-01", "2026-02"),
        ("2026-12", "2026-11", "2026-12", None),
        ("3500-06", "2999-05", "2999-06", None),
        ("0001-06", "1970-05", "1970-06", "1970-07"),
    ],
)
def test_a_month_leads_to_the_one_before_and_after_as_far_as_there_is_something(
    named: str, before: str, this: str, after: str | None
) -> None:
    month = tick_windows.calendar(a_job(), counted(), named, a_preview())
    assert (month.before, month.this, month.after) == (before, this, after)


def test_the_month_of_a_job_is_that_of_its_own_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CLOCK, "now", lambda: datetime(2026, 11, 30, 20, tzinfo=UTC))
    assert tick_windows.month_name(a_job(timezone="Asia/Tokyo")) == ("2026-12", "December 2026")
    assert tick_windows.month_name(a_job(timezone="America/Chicago")) == ("2026-11", "November 2026")
    assert tick_windows.calendar(a_job(timezone="Asia/Tokyo"), counted(), None, a_preview()).this == "2026-12"


def test_a_day_has_its_outcomes_and_the_worst_of_them() -> None:
    ticks: dict[date, dict[Disposition, int]] = {
        date(2026, 11, 3): {"DELIVERED": 5},
        date(2026, 11, 4): {"DELIVERED": 1, "LATE": 2, "FAILED": 3, "MISSED": 1},
        date(2026, 11, 5): {"UNACCOUNTED": 1, "ERROR": 1},
    }
    month = tick_windows.calendar(a_job(), counted(ticks), "2026-11", a_preview())
    assert shown(month) == {
        3: ({"DELIVERED": 5}, 5, None),
        4: ({"DELIVERED": 1, "LATE": 2, "FAILED": 3, "MISSED": 1}, 7, "FAILED"),
        5: ({"UNACCOUNTED": 1, "ERROR": 1}, 2, "UNACCOUNTED"),
    }
    names = ["DELIVERED", "LATE", "FAILED", "MISSED", "ERROR", "UNACCOUNTED"]
    assert month.dispositions == [each for each in DISPOSITIONS if each in names]


def test_runs_to_come_are_counted_beside_what_a_day_has_had() -> None:
    coming = a_preview(NOW + HOUR, NOW + 2 * HOUR, NOW + DAY, NOW + 11 * DAY)
    today: dict[date, dict[Disposition, int]] = {NOW.date(): {"DELIVERED": 3}}
    month = tick_windows.calendar(a_job(), counted(today), "2026-11", coming)
    assert shown(month) == {20: ({"DELIVERED": 3, "UPCOMING": 2}, 5, None), 21: ({"UPCOMING": 1}, 1, None)}
    assert month.after == "2026-12"  # where the last one is
    assert today == {NOW.date(): {"DELIVERED": 3}}


@pytest.mark.parametrize(
    ("status", "resume_at", "is_coming"),
    [("ACTIVE", None, True), ("PAUSED", None, False), ("PAUSED", NOW, True), ("RETIRED", None, False)],
)
def test_a_job_that_is_paused_for_good_has_no_runs_to_come(
    status: str, resume_at: datetime | None, is_coming: bool
) -> None:
    job = a_job(status=status, resume_at=resume_at)
    assert bool(shown(tick_windows.calendar(job, counted(), "2026-11", a_preview(NOW + HOUR)))) is is_coming


def test_a_run_stands_on_the_day_of_its_tick_in_the_jobs_zone() -> None:
    at = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    rolled = NextRun(at=NOW + 3 * DAY, local="", dst=None, rolled_from=at)
    preview = Preview(description="", next_runs=[rolled], skipped=[], lints=[])
    assert tick_windows.coming_days(preview, ZoneInfo("UTC")) == {date(2026, 11, 20): 1}
    assert tick_windows.coming_days(preview, ZoneInfo("Europe/Berlin")) == {date(2026, 11, 21): 1}


def test_the_last_day_of_a_preview_that_may_go_on_is_left_out() -> None:
    daily = [NOW + DAY * nth for nth in range(COMING_RUNS)]
    assert len(tick_windows.coming_days(a_preview(*daily), ZoneInfo("UTC"))) == COMING_RUNS - 1
    assert len(tick_windows.coming_days(a_preview(*daily[:-1]), ZoneInfo("UTC"))) == COMING_RUNS - 1
    assert tick_windows.coming_days(a_preview(), ZoneInfo("UTC")) == {}


def test_the_nearest_runs_are_shown_with_what_is_skipped_among_them() -> None:
    runs = [NOW + HOUR * nth for nth in range(1, 5)]
    preview = a_preview(*runs, skipped=(NOW, runs[1], runs[1] + HOUR / 2))
    near = tick_windows.nearest(preview, 2)
    assert [each.at for each in near.next_runs] == runs[:2]
    assert [each.at for each in near.skipped] == [NOW, runs[1]]
    assert tick_windows.nearest(preview, 4) == preview


@pytest.mark.parametrize(
    ("preview", "apart"),
    [
        (a_preview(), None),
        (a_preview(NOW), None),
        (a_preview(NOW, NOW + HOUR), HOUR),
        (a_preview(NOW, NOW + HOUR, NOW + 4 * HOUR), 2 * HOUR),
        (a_preview(NOW, NOW + 4 * HOUR, skipped=(NOW - HOUR, NOW, NOW + HOUR)), 2 * HOUR),
    ],
)
def test_ticks_are_apart_as_they_are_on_average(preview: Preview, apart: timedelta | None) -> None:
    assert tick_windows.step(preview) == apart


@pytest.mark.parametrize(
    ("apart", "is_dense"), [(timedelta(minutes=14), True), (timedelta(minutes=15), False), (DAY, False)]
)
def test_a_month_of_thousands_of_ticks_is_counted_on_request(apart: timedelta, is_dense: bool) -> None:
    assert tick_windows.is_dense(a_preview(NOW, NOW + apart)) is is_dense
    assert not tick_windows.is_dense(a_preview(NOW))


@pytest.mark.parametrize(
    ("ticks", "window", "labels"),
    [
        (100, 49 * HOUR, ["2026-11-20 12:00", "2026-11-20 13:00"]),
        (100, 50 * HOUR, ["2026-11-20"]),
        (2, 47 * HOUR, ["2026-11-20"]),
        (2, 48 * HOUR, ["2026-11"]),
        (0, HOUR, []),
    ],
)
def test_ticks_are_grouped_by_hour_day_or_month(ticks: int, window: timedelta, labels: list[str]) -> None:
    found = [a_tick(NOW + nth * (2 * HOUR / max(ticks, 1))) for nth in range(ticks)]
    groups = tick_windows.groups(a_line(*found, since=NOW, until=NOW + window), "UTC")
    assert [each.label for each in groups] == labels
    assert [tick for each in groups for tick in each.ticks] == found


def test_groups_are_named_on_the_clocks_of_the_zone() -> None:
    line = a_line(a_tick(datetime(2026, 11, 20, 23, 30, tzinfo=UTC)), since=NOW, until=NOW + DAY / 2)
    assert [each.label for each in tick_windows.groups(line, "Europe/Berlin")] == ["2026-11-21"]
    assert [each.label for each in tick_windows.groups(line, None)] == ["2026-11-20"]


def test_each_outcome_of_a_timeline_is_named_once_in_one_order() -> None:
    line = a_line(a_tick(NOW, "FAILED"), a_tick(NOW, "DELIVERED"), a_tick(NOW, "FAILED"))
    other = a_line(a_tick(NOW, "DELIVERED"), a_tick(NOW, "FAILED"))
    assert tick_windows.dispositions(line) == tick_windows.dispositions(other) == ["DELIVERED", "FAILED"]


@pytest.mark.parametrize(
    ("timezone", "begins", "ends", "days"),
    [
        ("UTC", datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC), (1, 1, 20)),
        (None, datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC), (1, 1, 20)),
        ("Asia/Tokyo", datetime(2026, 10, 31, 15, tzinfo=UTC), datetime(2026, 11, 30, 15, tzinfo=UTC), (1, 2, 20)),
    ],
)
async def test_a_month_that_a_timeline_covers_is_counted_from_it(
    timezone: str | None, begins: datetime, ends: datetime, days: tuple[int, int, int]
) -> None:
    """Without a query: there is no view of a database here."""
    nowhere: Any = None
    second = timedelta(seconds=1)
    line = a_line(
        a_tick(begins - second),
        a_tick(begins),
        a_tick(datetime(2026, 11, 1, 20, tzinfo=UTC), "FAILED"),
        a_tick(NOW),
        a_tick(NOW + second),
        since=begins,
        until=NOW,
    )
    found = await tick_windows.month(nowhere, a_job(timezone=timezone), "2026-11", nowhere, line)
    wanted: dict[date, Counter[Disposition]] = {}
    for day, outcome in zip(days, ("DELIVERED", "FAILED", "DELIVERED"), strict=True):
        wanted.setdefault(date(2026, 11, day), Counter())[cast(Disposition, outcome)] += 1
    assert {each.day: each.ticks for each in found.data} == wanted
    assert (found.since, found.until, found.at, found.timezone) == (begins, ends, NOW, timezone or "UTC")
