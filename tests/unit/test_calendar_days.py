"""A calendar is compiled into spans that do not overlap and closed minutes of the week, or refused at its field."""

import itertools
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kronos import errors
from kronos.calendar_days import closed_week, compiled, named_spans
from kronos.calendar_terms import BusinessHours, CalendarDay


def day(starts: str, ends: str | None = None, name: str = "A", *, open: bool = False) -> CalendarDay:
    return CalendarDay(starts=starts, ends=ends, name=name, open=open)


def spans(*days: CalendarDay) -> list[tuple[str, str, str, bool]]:
    return [(f"{each.begins:%m-%d %H:%M}", f"{each.ends:%m-%d %H:%M}", each.name, each.is_open)
            for each in named_spans(days)]  # fmt: skip


@pytest.mark.parametrize(
    ("hours", "week", "closed"),
    [
        (None, None, "{}"),
        (None, ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "{}"),
        (None, ["mon", "tue", "wed", "thu", "fri"], "{[7200,8640),[8640,10080)}"),
        (("00:00", "24:00"), None, "{}"),
        (("00:01", "24:00"), ["mon"], "{[0,1),[1440,2880),[2880,4320),[4320,5760),[5760,7200),[7200,8640),"
                                      "[8640,10080)}"),
        (("09:00", "17:30"), ["sun"], "{[0,1440),[1440,2880),[2880,4320),[4320,5760),[5760,7200),[7200,8640),"
                                      "[8640,9180),[9690,10080)}"),
    ],
)  # fmt: skip
def test_the_closed_minutes_of_a_week_count_from_mondays_midnight(
    hours: tuple[str, str] | None, week: list[str] | None, closed: str
) -> None:
    told = BusinessHours(opens=hours[0], closes=hours[1]) if hours is not None else None
    assert closed_week(week, told) == closed  # type: ignore[arg-type]  # texts, as a request has them


def test_hours_of_each_day_close_the_time_before_and_after_them() -> None:
    parts = closed_week(None, BusinessHours(opens="09:00", closes="17:00"))[1:-1].replace(",[", " [").split()
    assert parts[:3] == ["[0,540)", "[1020,1440)", "[1440,1980)"]
    assert parts[-1] == "[9660,10080)"
    assert len(parts) == 14


@pytest.mark.parametrize(
    ("opens", "closes", "pointer", "detail"),
    [
        ("17:00", "09:00", "/business_hours/closes", "not after opens"),
        ("09:00", "09:00", "/business_hours/closes", "not after opens"),
        ("24:00", "24:00", "/business_hours/closes", "not after opens"),
        ("9:00", "17:00", "/business_hours/opens", "'9:00' is not a time of day"),
        ("09:00:00", "17:00", "/business_hours/opens", "'09:00:00' is not a time of day"),
        ("0900", "17:00", "/business_hours/opens", "'0900' is not a time of day"),
        ("09:00", "25:00", "/business_hours/closes", "'25:00' is not a time of day"),
        ("09:00", "24:01", "/business_hours/closes", "'24:01' is not a time of day"),
        ("09+02", "17:00", "/business_hours/opens", "'09+02' is not a time of day"),
        (
            "nine o'clock in the morning",
            "17:00",
            "/business_hours/opens",
            '"nine o\'clock in the " is not a time of day',
        ),
    ],
)
def test_hours_that_no_day_has_are_refused_at_their_field(opens: str, closes: str, pointer: str, detail: str) -> None:
    with pytest.raises(errors.Unprocessable) as caught:
        closed_week(None, BusinessHours(opens=opens, closes=closes))
    (fault,) = caught.value.faults
    assert fault.pointer == pointer
    assert fault.detail == detail


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ([], []),
        ([day("2026-12-25")], [("12-25 00:00", "12-26 00:00", "A", False)]),
        ([day("2026-12-25", "2026-12-25")], [("12-25 00:00", "12-26 00:00", "A", False)]),
        ([day("2026-12-24", "2026-12-26")], [("12-24 00:00", "12-27 00:00", "A", False)]),
        ([day("2026-12-24T14:00", "2026-12-24T18:00")], [("12-24 14:00", "12-24 18:00", "A", False)]),
        ([day("2026-12-24T14:00", "2026-12-25")], [("12-24 14:00", "12-26 00:00", "A", False)]),
        ([day("2026-12-24", "2026-12-24T12:00")], [("12-24 00:00", "12-24 12:00", "A", False)]),
        ([day("2026-12-26", name="B"), day("2026-12-25")],
         [("12-25 00:00", "12-26 00:00", "A", False), ("12-26 00:00", "12-27 00:00", "B", False)]),
        ([day("2026-12-25"), day("2026-12-26")], [("12-25 00:00", "12-27 00:00", "A", False)]),
        ([day("2026-12-25"), day("2026-12-25", open=True)], [("12-25 00:00", "12-26 00:00", "A", True)]),
        ([day("2026-12-24", "2026-12-26"), day("2026-12-25", name="B")], [("12-24 00:00", "12-27 00:00", "A", False)]),
        ([day("2026-12-25", name="B"), day("2026-12-24", "2026-12-26")],
         [("12-24 00:00", "12-25 00:00", "A", False), ("12-25 00:00", "12-26 00:00", "B", False),
          ("12-26 00:00", "12-27 00:00", "A", False)]),
        ([day("2026-12-20"), day("2026-12-27")],
         [("12-20 00:00", "12-21 00:00", "A", False), ("12-27 00:00", "12-28 00:00", "A", False)]),
    ],
)  # fmt: skip
def test_days_become_spans_in_which_open_wins_and_then_the_first_named(
    days: list[CalendarDay], expected: list[tuple[str, str, str, bool]]
) -> None:
    assert spans(*days) == expected


@pytest.mark.parametrize(
    ("wrong", "pointer", "detail"),
    [
        (day("2026-02-30"), "/days/1/starts", "'2026-02-30' is neither a day nor a local time"),
        (day("2026-12-25 10:00", "2026-12-26"), "/days/1/starts", "'2026-12-25 10:00' is neither"),
        (day("20261225", "2026-12-26"), "/days/1/starts", "'20261225' is neither"),
        (day("2026-12-25T10:00Z", "2026-12-26"), "/days/1/starts", "'2026-12-25T10:00Z' is neither"),
        (
            day("1969-12-31"),
            "/days/1/starts",
            "'1969-12-31' is neither a day nor a local time in the years 1970 to 2999",
        ),
        (day("3000-01-01"), "/days/1/starts", "'3000-01-01' is neither"),
        (day("x" * 50), "/days/1/starts", f"'{'x' * 40}' is neither"),
        (day("2026-12-25", "soon"), "/days/1/ends", "'soon' is neither"),
        (day("2026-12-25", "2026-12-24"), "/days/1/ends", "2026-12-24 is not after 2026-12-25"),
        (day("2026-12-25T10:00"), "/days/1/ends", "2026-12-25T10:00 is not after 2026-12-25T10:00"),
        (day("2026-12-25T10:00", "2026-12-25T09:00"), "/days/1/ends", "2026-12-25T09:00 is not after"),
    ],
)
def test_an_invalid_day_is_refused_at_its_place_in_the_list(wrong: CalendarDay, pointer: str, detail: str) -> None:
    with pytest.raises(errors.Unprocessable) as caught:
        named_spans([day("2026-01-01"), wrong])
    (fault,) = caught.value.faults
    assert (fault.pointer, fault.detail.startswith(detail)) == (pointer, True), fault


@pytest.mark.parametrize("text", ["1970-01-01", "2999-12-31"])
def test_the_first_and_the_last_day_that_a_calendar_can_have_are_accepted(text: str) -> None:
    assert len(named_spans([day(text)])) == 1


_HOUR = timedelta(hours=1)
_BEGIN = datetime.fromisoformat("2026-01-01T00:00")
_ENTRIES = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 12), st.sampled_from("AB"), st.booleans()), max_size=8)


@given(_ENTRIES)
def test_each_hour_has_the_name_of_the_first_open_entry_or_of_the_first(
    entries: list[tuple[int, int, str, bool]],
) -> None:
    """Compared with a search through all entries, hour by hour."""
    days = [day((_BEGIN + at * _HOUR).isoformat(), (_BEGIN + (at + length) * _HOUR).isoformat(), name, open=is_open)
            for at, length, name, is_open in entries]  # fmt: skip
    row = compiled(days, None, None)
    found = list(zip(row["froms"], row["tos"], row["names"], row["are_open"], strict=True))
    assert all(since < until for since, until, *_ in found)
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(found))
    for hour in range(54):
        at = (_BEGIN + hour * _HOUR).isoformat()
        there = [(name, is_open) for first, length, name, is_open in entries if first <= hour < first + length]
        expected = next((each for each in there if each[1]), there[0] if there else None)
        assert next(((name, is_open) for since, until, name, is_open in found if since <= at < until), None) == expected
