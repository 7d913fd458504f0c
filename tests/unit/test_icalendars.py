"""Which events of an iCalendar file close which days and times, and which rules are refused unevaluated."""

import pytest

from api.test_calendar_files import days_of, file_of
from kronos import errors


def of(*events: str, timezone: str = "UTC") -> list[tuple[str, str | None]]:
    return [(starts, ends) for starts, ends, _ in days_of(file_of(*events), timezone)]


def said(*events: str, zones: str = "") -> str:
    with pytest.raises(errors.Unprocessable) as caught:
        days_of(file_of(*events, zones=zones))
    (fault,) = caught.value.faults
    assert fault.hint
    return fault.detail


def on(day: str) -> str:
    return f"DTSTART;VALUE=DATE:{day}"


@pytest.mark.parametrize(
    ("event", "closed"),
    [
        (on("20260501"), [("2026-05-01", "2026-05-01")]),
        (on("20260501") + "|DTEND;VALUE=DATE:20260502", [("2026-05-01", "2026-05-01")]),
        (on("20260501") + "|DTEND;VALUE=DATE:20260504", [("2026-05-01", "2026-05-03")]),
        (on("20260501") + "|DTEND;VALUE=DATE:20260501", [("2026-05-01", "2026-05-01")]),
        (on("20260501") + "|DURATION:P2D", [("2026-05-01", "2026-05-02")]),
        (on("20260501") + "|STATUS:CANCELLED", []),
        (on("20260501") + "|STATUS:cancelled", []),
        (on("20260501") + "|STATUS:CONFIRMED", [("2026-05-01", "2026-05-01")]),
        (on("20260501") + "|TRANSP:TRANSPARENT", [("2026-05-01", "2026-05-01")]),  # as holiday files have their days
        ("DTSTART:20260501T090000Z|DURATION:PT1H|TRANSP:TRANSPARENT", []),
        ("DTSTART:20260501T090000Z|DURATION:PT1H|TRANSP:OPAQUE", [("2026-05-01T09:00", "2026-05-01T10:00")]),
        ("DTSTART:20260501T090000|DTEND:20260501T103059", [("2026-05-01T09:00", "2026-05-01T10:30")]),
        (on("20241231"), []),
        (on("20250101"), [("2025-01-01", "2025-01-01")]),
        (on("20361231"), [("2036-12-31", "2036-12-31")]),
        (on("20370101"), []),
        ("DTSTART:20361231T230000Z|DURATION:PT2H", [("2036-12-31T23:00", "2037-01-01T00:00")]),
        ("DTSTART:20241231T120000Z|DURATION:P1D", [("2025-01-01T00:00", "2025-01-01T12:00")]),
    ],
)
def test_an_event_closes_its_days_within_the_years_that_are_read(event: str, closed: list[tuple[str, str]]) -> None:
    assert of(event) == closed


@pytest.mark.parametrize(
    ("event", "timezone", "closed"),
    [
        ("DTSTART:20260501T090000Z|DURATION:PT1H", "Asia/Tokyo", [("2026-05-01T18:00", "2026-05-01T19:00")]),
        ("DTSTART:20260501T090000|DURATION:PT1H", "Asia/Tokyo", [("2026-05-01T09:00", "2026-05-01T10:00")]),
        ("DTSTART;TZID=America/New_York:20260501T200000|DURATION:PT1H", "Europe/Berlin",
         [("2026-05-02T02:00", "2026-05-02T03:00")]),
        (on("20260501"), "Asia/Tokyo", [("2026-05-01", "2026-05-01")]),  # a day is a day in each zone
    ],
)  # fmt: skip
def test_a_time_is_read_on_the_clocks_of_the_calendars_zone(
    event: str, timezone: str, closed: list[tuple[str, str]]
) -> None:
    assert of(event, timezone=timezone) == closed


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        ("FREQ=DAILY;COUNT=3", ["05-01", "05-02", "05-03"]),
        ("FREQ=DAILY;INTERVAL=7;COUNT=2", ["05-01", "05-08"]),
        ("FREQ=DAILY;UNTIL=20260502", ["05-01", "05-02"]),
        ("FREQ=WEEKLY;BYDAY=FR,MO;COUNT=3", ["05-01", "05-04", "05-08"]),
        ("FREQ=MONTHLY;BYMONTHDAY=1,-1;COUNT=3", ["05-01", "05-31", "06-01"]),
        ("FREQ=MONTHLY;BYDAY=1FR;COUNT=2", ["05-01", "06-05"]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1;COUNT=2", ["05-01", "06-01"]),
        ("FREQ=MONTHLY;BYMONTH=5;BYMONTHDAY=1,2;COUNT=2", ["05-01", "05-02"]),
    ],
)
def test_a_rule_closes_each_of_its_days(rule: str, days: list[str]) -> None:
    assert [starts for starts, _ in of(f"{on('20260501')}|RRULE:{rule}")] == [f"2026-{each}" for each in days]


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "FREQ=YEARLY;BYMONTH=4;BYMONTHDAY=-30", "FREQ=YEARLY;BYDAY=52MO",
        "FREQ=YEARLY;BYMONTH=5;BYDAY=5MO", "FREQ=YEARLY;BYMONTH=5;BYDAY=SU;BYSETPOS=-1", "FREQ=YEARLY;INTERVAL=10",
        "FREQ=MONTHLY;INTERVAL=120", "FREQ=WEEKLY;INTERVAL=520", "FREQ=DAILY;INTERVAL=3660", "FREQ=YEARLY;BYDAY=-1MO",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=4", "FREQ=YEARLY;BYMONTH=2,3;BYMONTHDAY=30",
    ],
)  # fmt: skip
def test_a_rule_that_is_sure_to_come_every_few_years_is_read(rule: str) -> None:
    days_of(file_of(f"{on('20200101')}|RRULE:{rule};COUNT=3"))


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=HOURLY", "FREQ=SECONDLY", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=YEARLY;BYMONTH=4;BYMONTHDAY=-31",
        "FREQ=YEARLY;BYDAY=53MO", "FREQ=YEARLY;BYMONTH=5;BYDAY=6MO", "FREQ=MONTHLY;BYDAY=-6MO",
        "FREQ=YEARLY;INTERVAL=0",
        "FREQ=YEARLY;INTERVAL=11", "FREQ=MONTHLY;INTERVAL=121", "FREQ=WEEKLY;INTERVAL=521", "FREQ=DAILY;INTERVAL=3661",
        "FREQ=DAILY;BYMONTH=5", "FREQ=WEEKLY;BYDAY=1MO", "FREQ=WEEKLY;BYMONTH=5", "FREQ=MONTHLY;BYWEEKNO=5",
        "FREQ=YEARLY;BYWEEKNO=5", "FREQ=YEARLY;BYYEARDAY=366", "FREQ=YEARLY;BYEASTER=0",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=5", "FREQ=MONTHLY;BYSETPOS=1", "FREQ=MONTHLY;BYDAY=1MO;BYSETPOS=1",
        "FREQ=MONTHLY;BYMONTHDAY=1;BYSETPOS=1", "FREQ=MONTHLY;BYMONTHDAY=13;BYDAY=1FR",
        "FREQ=MONTHLY;INTERVAL=2;BYMONTH=5", "FREQ=MONTHLY;BYMONTHDAY=" + ",".join(["1"] * 101),
    ],
)  # fmt: skip
def test_a_rule_that_may_never_come_or_comes_too_often_is_refused(rule: str) -> None:
    """dateutil would look for its next day until the year 9999."""
    detail = said(f"{on('20260101')}|RRULE:{rule}")
    assert "may never occur, or too often" in detail or "cannot be read" in detail, detail


def test_a_rule_must_begin_in_a_year_that_dateutil_reaches_soon() -> None:
    assert said(f"{on('18991231')}|RRULE:FREQ=YEARLY") == "an event recurs from before 1900, or has no DTSTART"
    days_of(file_of(f"{on('19000101')}|RRULE:FREQ=YEARLY"))


def test_the_days_that_all_rules_look_through_are_bounded_together() -> None:
    """For each year: 366 days of a daily rule, 36 of a holiday, one of a yearly rule without parts."""
    daily, yearly = (f"{on('20270101')}|RRULE:FREQ={each};COUNT=1" for each in ("DAILY", "YEARLY"))
    assert "would scan 62220 days; at most 60000 are allowed" in said(*[daily] * 17)  # ten years each
    holiday = f"{yearly};BYMONTH=1;BYMONTHDAY=1"
    assert "would scan 60120 days" in said(*[holiday] * 167)
    assert of(*[daily] * 16, holiday, *[yearly] * 108) == [("2027-01-01", "2027-01-01")]  # 60,000 days
    assert "would scan 60010 days" in said(*[daily] * 16, holiday, *[yearly] * 109)


def test_a_rule_of_exceptions_counts_and_is_bounded_too() -> None:
    event = f"{on('20260501')}|RRULE:FREQ=DAILY;COUNT=3|EXRULE:FREQ=HOURLY"
    assert "HOURLY" in said(event)
    assert said(f"{on('20260501')}|RRULE:FREQ=DAILY;COUNT=3|RRULE:FREQ=MINUTELY").startswith("an event recurs MINUTELY")


def test_a_rule_ends_with_the_years_that_are_read() -> None:
    assert len(of(f"{on('20250501')}|RRULE:FREQ=YEARLY")) == 12
    assert len(of(f"{on('20250501')}|RRULE:FREQ=YEARLY;UNTIL=20990501")) == 12
    assert of("DTSTART:20361231T230000Z|DURATION:PT1H|RRULE:FREQ=DAILY") == [("2036-12-31T23:00", "2037-01-01T00:00")]
    assert of("DTSTART:20361231T220000|DURATION:PT1H|RRULE:FREQ=DAILY") == [("2036-12-31T22:00", "2036-12-31T23:00")]


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("", "not an iCalendar file"),
        ("hello", "not an iCalendar file"),
        ("BEGIN:VEVENT\r\nUID:1\r\nEND:VEVENT\r\n", "its first line is not BEGIN:VCALENDAR"),
        ("BEGIN:VCALENDAR\r\n", "not an iCalendar file"),
    ],
)
def test_an_invalid_calendar_is_refused_with_the_reason(text: str, detail: str) -> None:
    with pytest.raises(errors.Unprocessable) as caught:
        days_of(text)
    assert detail in caught.value.faults[0].detail


@pytest.mark.parametrize(
    ("event", "detail"),
    [
        ("SUMMARY:x|DTSTART;TZID=Nowhere/At_All:20260901T090000|DURATION:PT1H",
         "an event has the unknown time zone 'Nowhere/At_All'"),
        ("SUMMARY:x|DTSTART:20260901T090000Z|DTEND:20260901T080000Z", "ends at 2026-09-01 08:00:00+00:00, before it"),
        ("SUMMARY:x|DTSTART:20260901T090000Z|DTEND:20260901T100000", "has a time zone in one of DTSTART and DTEND"),
        ("SUMMARY:x|DTSTART:20260901T090000|DTEND;VALUE=DATE:20260901", "has a date in one of DTSTART and DTEND"),
        ("SUMMARY:x|DTSTART;VALUE=DATE:20260902|DTEND:20260901T090000", "has a date in one of DTSTART and DTEND"),
        ("SUMMARY:x|DTSTART:tomorrow", "an event cannot be read"),
    ],
)  # fmt: skip
def test_an_event_whose_times_contradict_each_other_is_refused(event: str, detail: str) -> None:
    assert detail in said(event)


@pytest.mark.parametrize(
    ("summary", "name"),
    [
        ("New Year's Day", "New Year's Day"), ("  a   b  ", "a b"), ("x" * 150, "x" * 100), ("", "closed"),
        ("\u202e", "closed"), ("a\u202eb", "a b"), ("\u0645\u06cc\u200c\u062e", "\u0645\u06cc\u200c\u062e"),
        ("a\u200d", "a"), (f"{'x' * 99} y", "x" * 99),
    ],
)  # fmt: skip
def test_a_name_is_what_a_reader_can_see_of_the_summary(summary: str, name: str) -> None:
    assert [each[2] for each in days_of(file_of(f"{on('20260501')}|SUMMARY:{summary}"))] == [name]
