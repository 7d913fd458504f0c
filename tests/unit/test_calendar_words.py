"""How `kronos calendar` reads its options, and how days become spans."""

from datetime import datetime
from typing import Any

import click
import pytest

from kronos import calendar_days
from kronos.calendar_terms import BusinessHours, CalendarDay
from kronos.cli import calendar


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("mon-fri", ["mon", "tue", "wed", "thu", "fri"]),
        ("sun,mon-wed", ["sun", "mon", "tue", "wed"]),
        ("Sat-Mon", ["sat", "sun", "mon"]),
        ("fri", ["fri"]),
    ],
)
def test_days_of_a_week_are_said_by_names_and_ranges(text: str, days: list[str]) -> None:
    assert calendar._days_of_week(text) == days


@pytest.mark.parametrize("text", ["monday", "mon-", "1-5", "", "mon--fri"])
def test_what_is_no_week_is_refused(text: str) -> None:
    with pytest.raises(click.UsageError, match="--week"):
        calendar._days_of_week(text)


def test_a_day_is_a_span_and_a_name() -> None:
    day = calendar._day("2026-12-24..2026-12-26=Christmas = holy", "--closed", is_open=False)
    assert day == {"starts": "2026-12-24", "ends": "2026-12-26", "name": "Christmas = holy", "open": False}
    for text in ("2026-12-24", "=Christmas", "2026-12-24="):
        with pytest.raises(click.UsageError, match="--closed"):
            calendar._day(text, "--closed", is_open=False)


def test_hours_are_from_and_to() -> None:
    assert calendar._hours("09:00-17:30") == {"opens": "09:00", "closes": "17:30"}
    with pytest.raises(click.UsageError, match="--hours"):
        calendar._hours("nine")


def test_spans_do_not_overlap_and_the_first_name_counts() -> None:
    days = [
        CalendarDay(starts="2026-12-24", ends="2026-12-27", name="A"),
        CalendarDay(starts="2026-12-26", ends="2026-12-28", name="B"),
        CalendarDay(starts="2026-12-25T10:00", ends="2026-12-25T12:00", name="open", open=True),
    ]
    row: dict[str, Any] = calendar_days.compiled(days, ["mon"], BusinessHours(opens="09:00", closes="24:00"))
    assert list(zip(row["froms"], row["tos"], row["names"], row["are_open"], strict=True)) == [
        ("2026-12-24T00:00:00", "2026-12-25T10:00:00", "A", False),
        ("2026-12-25T10:00:00", "2026-12-25T12:00:00", "open", True),
        ("2026-12-25T12:00:00", "2026-12-28T00:00:00", "A", False),
        ("2026-12-28T00:00:00", "2026-12-29T00:00:00", "B", False),
    ]
    assert row["closed_week"].startswith("{[0,540),[1440,2880)")
    assert [datetime.fromisoformat(each) for each in row["froms"]] == sorted(map(datetime.fromisoformat, row["froms"]))
