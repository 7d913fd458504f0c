"""A month of a calendar: which days are open, closed, or open for some hours, and what they are called."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from kronos.calendar_terms import BusinessHours, Calendar, CalendarDay, Weekday
from kronos.dashboard.calendar_months import CalendarDate, coming, month
from kronos.server_time import CLOCK

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
WEEK: list[Weekday] = ["mon", "tue", "wed", "thu", "fri"]
NINE_TO_FIVE = BusinessHours(opens="09:00", closes="17:30")


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CLOCK, "now", lambda: NOW)


def a_calendar(
    *days: CalendarDay,
    week: Sequence[Weekday] | None = None,
    hours: BusinessHours | None = None,
    timezone: str = "UTC",
) -> Calendar:
    return Calendar(
        calendar_id=UUID(int=1), workspace="acme", name="bank", version=1, timezone=timezone,
        business_days=list(week) if week is not None else None, business_hours=hours, days=list(days), created_at=NOW,
        updated_at=NOW, jobs_left=0,
    )  # fmt: skip


def closed(starts: str, ends: str | None = None, name: str = "Closed") -> CalendarDay:
    return CalendarDay(starts=starts, ends=ends, name=name)


def opened(starts: str, ends: str | None = None, name: str = "Open") -> CalendarDay:
    return CalendarDay(starts=starts, ends=ends, name=name, open=True)


def on(calendar: Calendar, day: str) -> CalendarDate:
    """A day of the calendar's month."""
    weeks = month(calendar, day[:7]).weeks
    return next(each for week in weeks for each in week if each is not None and each.day == date.fromisoformat(day))


def look(day: CalendarDate) -> tuple[str, list[str], list[str]]:
    is_one = [day.is_open, day.is_closed, bool(day.hours)]
    assert sum(is_one) == 1, "a day is open, closed, or open for some hours"
    return ("open" if day.is_open else "closed" if day.is_closed else "partly", day.hours, day.names)


def test_a_month_has_its_days_in_weeks_from_monday_and_links_to_its_neighbors() -> None:
    shown = month(a_calendar(), "2026-12")
    assert (shown.name, shown.before, shown.after) == ("December 2026", "2026-11", "2027-01")
    assert [each.day.day if each else None for each in shown.weeks[0]] == [None, 1, 2, 3, 4, 5, 6]
    days = [each.day for week in shown.weeks for each in week if each is not None]
    assert days == [date(2026, 12, number) for number in range(1, 32)]
    assert {len(week) for week in shown.weeks} == {7}


@pytest.mark.parametrize(
    ("named", "name", "before", "after"),
    [
        ("2026-01", "January 2026", "2025-12", "2026-02"),
        ("1970-01", "January 1970", None, "1970-02"),
        ("1970-02", "February 1970", "1970-01", "1970-03"),
        ("2999-12", "December 2999", "2999-11", None),
        ("2999-11", "November 2999", "2999-10", "2999-12"),
        ("0001-05", "May 1970", "1970-04", "1970-06"),
        ("9999-05", "May 2999", "2999-04", "2999-06"),
    ],
)
def test_months_link_to_their_neighbors_as_far_as_calendars_go(
    named: str, name: str, before: str | None, after: str | None
) -> None:
    shown = month(a_calendar(), named)
    assert (shown.name, shown.before, shown.after) == (name, before, after)


@pytest.mark.parametrize(
    ("now", "timezone", "today"),
    [
        (NOW, "UTC", date(2026, 11, 20)),
        (datetime(2026, 11, 30, 23, 30, tzinfo=UTC), "Asia/Tokyo", date(2026, 12, 1)),
        (datetime(2026, 12, 1, 0, 30, tzinfo=UTC), "America/New_York", date(2026, 11, 30)),
    ],
)
def test_the_present_month_and_day_are_those_of_the_calendars_zone(
    monkeypatch: pytest.MonkeyPatch, now: datetime, timezone: str, today: date
) -> None:
    monkeypatch.setattr(CLOCK, "now", lambda: now)
    shown = month(a_calendar(timezone=timezone), None)
    assert shown == month(a_calendar(timezone=timezone), f"{today:%Y-%m}")
    assert [each.day for week in shown.weeks for each in week if each is not None and each.is_today] == [today]


def test_without_exceptions_the_week_decides() -> None:
    weekly = a_calendar(week=WEEK)
    assert look(on(weekly, "2026-11-20")) == ("open", [], [])
    assert look(on(weekly, "2026-11-21")) == ("closed", [], ["Saturday"])
    assert look(on(a_calendar(), "2026-11-22")) == ("open", [], [])
    hourly = a_calendar(week=WEEK, hours=NINE_TO_FIVE)
    assert look(on(hourly, "2026-11-20")) == ("open", [], [])  # as on every business day
    assert look(on(hourly, "2026-11-22")) == ("closed", [], ["Sunday"])


@pytest.mark.parametrize(
    ("days", "day", "told"),
    [
        ([closed("2026-12-25", name="Christmas")], "2026-12-25", ("closed", [], ["Christmas"])),
        ([closed("2026-12-24", "2026-12-26", "Holidays")], "2026-12-26", ("closed", [], ["Holidays"])),
        ([closed("2026-12-24", "2026-12-26", "Holidays")], "2026-12-28", ("open", [], [])),
        ([closed("2026-12-24T14:00", "2026-12-24T18:00", "Eve")], "2026-12-24", ("partly", ["09:00-14:00"], ["Eve"])),
        ([closed("2026-12-24T12:00", "2026-12-24T13:00", "Lunch")], "2026-12-24",
         ("partly", ["09:00-12:00", "13:00-17:30"], ["Lunch"])),
        ([closed("2026-12-23T17:30", "2026-12-24T09:00", "Night")], "2026-12-24", ("open", [], ["Night"])),
        ([closed("2026-12-23T17:30", "2026-12-24T00:00", "Night")], "2026-12-24", ("open", [], [])),
        ([closed("2026-12-25", name="Christmas")], "2026-12-24", ("open", [], [])),
        ([opened("2026-12-26", name="Sale")], "2026-12-26", ("open", [], ["Sale"])),
        ([opened("2026-12-26T10:00", "2026-12-26T12:00", "Sale")], "2026-12-26", ("partly", ["10:00-12:00"], ["Sale"])),
        ([opened("2026-12-24T17:30", "2026-12-24T20:00", "Late")], "2026-12-24", ("partly", ["09:00-20:00"], ["Late"])),
        ([opened("2026-12-24T18:00", "2026-12-25T00:00", "Night")], "2026-12-24",
         ("partly", ["09:00-17:30", "18:00-24:00"], ["Night"])),
        ([opened("2026-12-24T10:00", "2026-12-24T11:00", "Within")], "2026-12-24", ("open", [], ["Within"])),
        ([opened("2026-12-26T22:00", "2026-12-27T02:00", "Party")], "2026-12-27",
         ("partly", ["00:00-02:00"], ["Party"])),
        ([opened("2026-12-26T22:00", "2026-12-27T02:00", "Party")], "2026-12-26",
         ("partly", ["22:00-24:00"], ["Party"])),
        ([closed("2026-12-24", name="Eve"), opened("2026-12-24T10:00", "2026-12-24T12:00", "Sale")], "2026-12-24",
         ("partly", ["10:00-12:00"], ["Eve", "Sale"])),
        ([closed("2026-12-24T10:00", "2026-12-24T11:00", "A"), closed("2026-12-24T12:00", "2026-12-24T13:00", "A")],
         "2026-12-24", ("partly", ["09:00-10:00", "11:00-12:00", "13:00-17:30"], ["A"])),
    ],
)  # fmt: skip
def test_what_the_calendar_names_changes_the_hours_of_a_day(
    days: list[CalendarDay], day: str, told: tuple[str, list[str], list[str]]
) -> None:
    assert look(on(a_calendar(*days, week=WEEK, hours=NINE_TO_FIVE), day)) == told


def test_hours_may_last_until_midnight() -> None:
    late = a_calendar(closed("2026-12-24", name="Eve"), opened("2026-12-24T20:00", "2026-12-25T00:00", "Late"),
                      hours=BusinessHours(opens="20:00", closes="24:00"))  # fmt: skip
    assert look(on(late, "2026-12-24")) == ("open", [], ["Eve", "Late"])
    assert look(on(a_calendar(closed("2026-12-24", name="Eve"), opened("2026-12-24", name="All")), "2026-12-24")) == (
        "open", [], ["All"],
    )  # fmt: skip


def test_what_is_coming_begins_today_and_goes_day_by_day() -> None:
    calendar = a_calendar(
        closed("2026-11-18", "2026-11-21", "Move"), closed("2026-11-10", name="Past"),
        closed("2026-12-25", name="Xmas"), closed("2026-11-19T10:00", "2026-11-20T00:00", "Yesterday"),
    )  # fmt: skip
    found = coming(calendar, 9)
    assert [(each.day, each.names) for each in found] == [
        (date(2026, 11, 20), ["Move"]), (date(2026, 11, 21), ["Move"]), (date(2026, 12, 25), ["Xmas"]),
    ]  # fmt: skip
    assert [each.is_today for each in found] == [True, False, False]
    assert coming(calendar, 2) == found[:2]
    assert coming(a_calendar(week=WEEK), 9) == []


def test_a_day_with_two_names_is_coming_once() -> None:
    calendar = a_calendar(
        closed("2026-12-24T10:00", "2026-12-24T11:00", "A"), closed("2026-12-24T12:00", "2026-12-24T13:00", "B")
    )
    assert [(each.day, each.names) for each in coming(calendar, 9)] == [(date(2026, 12, 24), ["A", "B"])]
