"""The chart of the last and the next hour: a bar for each minute, in words for who does not see it."""

from datetime import UTC, datetime, timedelta

import pytest

from kronos.dashboard.hours import HEIGHT, HoursChart, chart
from kronos.overview import Minute

NOW = datetime(2026, 11, 20, 12, 0, 30, tzinfo=UTC)
FIRST = datetime(2026, 11, 20, 11, 50, tzinfo=UTC)


def drawn(count: int, **of: dict[str, int]) -> HoursChart:
    """The chart of so many minutes from 11:50 on; `at5={"failed": 1}` is what happened in the minute 5."""
    minutes = [Minute(at=FIRST + timedelta(minutes=nth), **of.get(f"at{nth}", {})) for nth in range(count)]  # type: ignore[arg-type]
    return chart(minutes, NOW)


def test_ten_minutes_are_a_zone_that_says_what_happened_worst_first() -> None:
    found = drawn(25, at0={"delivered": 1200, "failed": 2}, at9={"delivered": 1, "late": 3}, at10={"missed": 1})
    assert [each.words for each in found.zones] == ["2 failed, 3 late, 1,201 delivered", "1 missed", "nothing"]
    assert [(each.begins_at.minute, each.ends_at.minute, each.x) for each in found.zones] == [
        (50, 0, 0), (0, 10, 80), (10, 15, 160),
    ]  # fmt: skip
    assert [each.is_past for each in found.zones] == [True, True, False]


def test_the_present_minute_is_marked_where_it_begins() -> None:
    assert drawn(25).now_x == 80  # 12:00 is the eleventh minute
    assert drawn(3).now_x == 16


def test_a_count_that_stopped_early_says_or_more() -> None:
    found = drawn(20, at3={"delivered": 5, "is_cut": True}, at12={"delivered": 5})
    assert [each.words for each in found.zones] == ["5 or more delivered", "5 delivered"]
    assert (found.is_cut, drawn(20, at3={"delivered": 5}).is_cut) == (True, False)


def test_the_highest_bar_is_as_high_as_the_chart_and_the_others_are_in_proportion() -> None:
    found = drawn(10, at2={"delivered": 100}, at4={"delivered": 25}, at6={"delivered": 50, "failed": 25})
    bars = {each.x: [] for zone in found.zones for each in zone.bars}  # type: ignore[var-annotated]
    for each in found.zones[0].bars:
        bars[each.x].append((each.kind, each.height, each.y))
    assert found.most == 100
    assert bars == {
        16.5: [("good", 100.0, 20.0)],
        32.5: [("good", 25.0, 95.0)],
        48.5: [("good", 50.0, 70.0), ("bad", 25.0, 45.0)],
    }


def test_one_failure_among_thousands_is_seen_and_stands_on_top() -> None:
    (good, bad) = drawn(1, at0={"delivered": 50_000, "failed": 1}).zones[0].bars
    assert (good.kind, bad.kind, bad.height) == ("good", "bad", 3.0)
    assert bad.y + bad.height == pytest.approx(good.y, abs=0.1)
    assert bad.y >= 0


def test_outcomes_of_one_kind_are_one_segment_and_no_bar_leaves_the_chart() -> None:
    everything = dict.fromkeys(
        ("delivered", "upcoming", "running", "waiting", "retrying", "skipped", "cancelled", "late", "missed",
         "expired", "failed"), 1,
    )  # fmt: skip
    found = drawn(1, at0=everything)
    assert [each.kind for each in found.zones[0].bars] == ["good", "calm", "busy", "wait", "warn", "bad"]
    assert found.most == 11
    assert all(0 <= each.y <= each.y + each.height <= HEIGHT - 12 for each in found.zones[0].bars)
    assert [(each.name, each.kind, each.number) for each in found.totals][3:5] == [
        ("waiting", "wait", 1), ("retrying", "wait", 1),
    ]  # fmt: skip
    assert len({each.glyph for each in found.totals}) == 11


def test_totals_are_of_both_hours_and_leave_out_what_did_not_happen() -> None:
    found = drawn(120, at0={"delivered": 3}, at119={"delivered": 4, "upcoming": 1})
    assert [(each.name, each.number) for each in found.totals] == [("delivered", 7), ("upcoming", 1)]
    assert (drawn(120).totals, drawn(120).most) == ([], 0)
