"""iCalendar files from third parties: one file's contents do not affect another's, and the closed days that are read
can be stored.
"""

import uuid
from calendar import Calendar
from collections import Counter
from datetime import UTC, datetime
from itertools import product

import httpx
import pytest
from dateutil.rrule import rrulestr
from hypothesis import given
from hypothesis import strategies as st
from icalendar import vRecur

from api_answers import problem_of
from kronos import calendar_days, errors, icalendars

_NOW = datetime(2026, 11, 29, tzinfo=UTC)


def file_of(*events: str, zones: str = "") -> str:
    """A file; | separates the lines of an event."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN", *zones.split("|")]
    for number, event in enumerate(events):
        lines += ["BEGIN:VEVENT", f"UID:{number}", *event.split("|"), "END:VEVENT"]
    return "\r\n".join([line for line in lines if line] + ["END:VCALENDAR", ""])


def days_of(text: str, timezone: str = "Europe/Berlin") -> list[tuple[str, str | None, str]]:
    """The file's days, after checking that PostgreSQL's row can be built from them."""
    days = icalendars.imported(text, timezone=timezone, now=_NOW)
    calendar_days.compiled(days, None, None)
    return [(day.starts, day.ends, day.name) for day in days]


@pytest.mark.parametrize(("offset", "starts"), [("+0900", "2026-05-01T00:00"), ("-0500", "2026-05-01T14:00")])
def test_the_zone_that_one_file_describes_is_not_the_next_ones(offset: str, starts: str) -> None:
    """Both files call it Office. The first file's definition must not apply to the second."""
    for said in ("+0100", offset):
        zone = (
            "BEGIN:VTIMEZONE|TZID:Office|BEGIN:STANDARD|DTSTART:19700101T000000|"
            f"TZOFFSETFROM:{said}|TZOFFSETTO:{said}|END:STANDARD|END:VTIMEZONE"
        )
        found = days_of(file_of("DTSTART;TZID=Office:20260501T090000|DURATION:PT1H", zones=zone), "UTC")
    assert [each[0] for each in found] == [starts]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ("DTSTART:20260501T090000|SUMMARY:A moment", []),
        ("DTSTART:20260501T090000|DURATION:PT50S", []),
        ("DTSTART;VALUE=DATE:20260501|SUMMARY:a\x00b\ud800c", [("2026-05-01", "2026-05-01", "a b c")]),
        ("DTSTART;VALUE=DATE:20260501|SUMMARY:a|SUMMARY:b", [("2026-05-01", "2026-05-01", "a")]),
        ("DTSTART;VALUE=DATE:19600101|DTEND;VALUE=DATE:29991231", [("2025-01-01", "2036-12-31", "closed")]),
        ("DTSTART:20241101T000000Z|DTEND:20270301T000000Z", [("2025-01-01T00:00", "2027-03-01T01:00", "closed")]),
        # clocks go back from 03:00 to 02:00 at 01:00 UTC
        ("DTSTART:20261025T003000Z|DURATION:PT30M", [("2026-10-25T02:30", "2026-10-25T03:00", "closed")]),
    ],
)
def test_what_an_event_closes_can_be_kept(event: str, expected: list[tuple[str, str, str]]) -> None:
    assert days_of(file_of(event)) == expected


def test_a_file_with_a_byte_order_mark_is_read() -> None:
    assert days_of("\ufeff" + file_of("DTSTART;VALUE=DATE:20260501|SUMMARY:x")) == [("2026-05-01", "2026-05-01", "x")]


def test_events_that_are_there_twice_close_one_day() -> None:
    event = "DTSTART;VALUE=DATE:20260501|DTEND;VALUE=DATE:20280501|SUMMARY:x"
    assert days_of(file_of(event, event)) == [("2026-05-01", "2028-04-30", "x")]


ZONE = "BEGIN:VTIMEZONE|TZID:Africa/Abidjan|BEGIN:STANDARD|DTSTART:19700101T000000|TZOFFSETFROM:+0000|TZOFFSETTO:+0000"


@pytest.mark.parametrize(
    ("event", "zones", "said"),
    [
        ("SUMMARY:Nothing more", "", "the event 'Nothing more' has no DTSTART"),
        (  # written by Mozilla in 2006
            "SUMMARY:x|DTSTART;TZID=Europe/Berlin:20260902T090000|DTEND:20260902T100000",
            "",
            "the event 'x' has a time zone in one of DTSTART and DTEND, but not in the other",
        ),
        ("SUMMARY:x|DTSTART;VALUE=DATE:20260902|DTEND;VALUE=DATE:20260901", "", "before it begins"),
        ("SUMMARY:x|DTSTART;VALUE=DATE:20260902|DURATION:-P1D", "", "the event 'x' has a negative DURATION"),
        (
            "SUMMARY:x|DTSTART;VALUE=DATE:20260902|DTEND:20260903T120000Z",
            "",
            "the event 'x' has a date in one of DTSTART and DTEND, and a time in the other",
        ),
        (
            "SUMMARY:x|DTSTART:20260902T120000|DTEND;VALUE=DATE:20260903",
            "",
            "the event 'x' has a date in one of DTSTART and DTEND, and a time in the other",
        ),
        ("DTSTART;VALUE=DATE:20260902|DTSTART;VALUE=DATE:20260903", "", "cannot be read"),
        (  # icalendar raises an AttributeError for it
            "DTSTART;VALUE=DATE:20260902",
            ZONE + "|TZID:America/Los_Angeles|END:STANDARD|TZID:America/Denver|END:VTIMEZONE",
            "not an iCalendar file",
        ),
    ],
)
def test_what_programs_write_wrong_is_refused_in_words(event: str, zones: str, said: str) -> None:
    with pytest.raises(errors.Unprocessable) as refused:
        days_of(file_of(event, zones=zones))
    (fault,) = refused.value.faults
    assert (fault.pointer, said in fault.detail) == ("/icalendar", True), fault.detail


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ("RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "DAILY by a rule that may never occur, or too often"),
        ("RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "YEARLY by a rule that may never occur, or too often"),
        ("RRULE:FREQ=SECONDLY;COUNT=99999999", "SECONDLY by a rule that may never occur, or too often"),
        ("RRULE:FREQ=YEARLY;INTERVAL=0", "YEARLY by a rule"),
        ("RDATE:" + ",".join(["19700101T000000"] * 2_000), "change their clocks 2001 times; at most 2000 are allowed"),
        ("RDATE:19700101T000000|" * 2_000 + "RRULE:FREQ=YEARLY", "change their clocks 2001 times"),
        ("RRULE:FREQ=YEARLY|" * 15, "changes its clocks up to 1006 times until 2036; at most 1000 are allowed"),
        ("RRULE:FREQ=YEARLY;BYDAY=MO", "changes its clocks up to 4021 times"),
        ("RRULE:FREQ=YEARLY;COUNT=60|" * 20, "changes its clocks up to 1201 times"),
    ],
)
def test_a_zone_whose_clocks_take_long_to_read_is_refused(changes: str, said: str) -> None:
    """dateutil walks through the changes from the beginning for each time that it reads. A file of 1,700 bytes used to
    occupy a processor forever, and block every other import of the process.
    """
    zone = f"BEGIN:VTIMEZONE|TZID:Mine|BEGIN:STANDARD|DTSTART:19700101T000000|{changes}|TZOFFSETFROM:+0200"
    zone += "|TZOFFSETTO:+0100|END:STANDARD|END:VTIMEZONE"
    event = "SUMMARY:x|DTSTART;TZID=Mine:20260902T090000|DTEND;TZID=Mine:20260902T100000|RRULE:FREQ=WEEKLY"
    with pytest.raises(errors.Unprocessable) as refused:
        days_of(file_of(event, zones=zone))
    assert said in refused.value.faults[0].detail


def test_rules_of_a_zone_that_have_ended_count_until_then() -> None:
    """A zone's complete history consists of dozens of these."""
    ended = "RRULE:FREQ=YEARLY;UNTIL=19720101T000000Z|RRULE:FREQ=YEARLY;COUNT=3|" * 50
    zone = f"BEGIN:VTIMEZONE|TZID:Mine|BEGIN:STANDARD|DTSTART:19700101T000000|{ended}TZOFFSETFROM:+0200"
    zone += "|TZOFFSETTO:+0100|END:STANDARD|END:VTIMEZONE"
    event = "SUMMARY:x|DTSTART;TZID=Mine:20260902T090000|DTEND;TZID=Mine:20260902T100000"
    assert days_of(file_of(event, zones=zone), "UTC") == [("2026-09-02T08:00", "2026-09-02T09:00", "x")]


@given(
    months=st.sets(st.integers(1, 12), max_size=4),
    days=st.sets(st.integers(-31, 31).filter(bool), max_size=9),
    weekdays=st.sets(st.sampled_from(["MO", "SU", "1MO", "-1SU", "2TU", "-2FR"]), max_size=3),
    places=st.sets(st.integers(-4, 4).filter(bool), max_size=2),
)
def test_no_rule_comes_more_often_in_a_year_than_is_reckoned(
    months: set[int], days: set[int], weekdays: set[str], places: set[int]
) -> None:
    parts: dict[str, set[int] | set[str]] = {"BYMONTH": months, "BYMONTHDAY": days, "BYDAY": weekdays}
    parts["BYSETPOS"] = places
    text = ";".join(
        ["FREQ=YEARLY", *(f"{name}={','.join(str(one) for one in each)}" for name, each in parts.items() if each)]
    )
    rule = vRecur.from_ical(text)
    if not icalendars._is_sure_to_come(rule):
        return
    came = rrulestr(f"RRULE:{text};UNTIL=20281231T000000Z", dtstart=datetime(2024, 1, 1, tzinfo=UTC))
    most = max(Counter(each.year for each in came).values(), default=0)
    assert most <= icalendars._times_a_year(rule)


def test_a_zone_that_changes_its_clocks_yearly_since_1601_is_read() -> None:
    """As Windows writes it."""
    zone = "BEGIN:VTIMEZONE|TZID:W. Europe|"
    for name, month, offsets in (("STANDARD", 10, "+0200+0100"), ("DAYLIGHT", 3, "+0100+0200")):
        zone += f"BEGIN:{name}|DTSTART:16010101T030000|RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH={month}"
        zone += f"|TZOFFSETFROM:{offsets[:5]}|TZOFFSETTO:{offsets[5:]}|END:{name}|"
    event = "SUMMARY:x|DTSTART;TZID=W. Europe:20260902T090000|DTEND;TZID=W. Europe:20260902T100000"
    assert days_of(file_of(event, zones=zone + "END:VTIMEZONE"), "UTC") == [
        ("2026-09-02T07:00", "2026-09-02T08:00", "x")
    ]


def test_a_countrys_holidays_as_rules_since_2002_are_read() -> None:
    """Apple's file for the United States has thirty such rules, each for a day of a month or a weekday of one."""
    fixed = [f"DTSTART;VALUE=DATE:2002{month:02}{day:02}|RRULE:FREQ=YEARLY;INTERVAL=1;BYMONTH={month}"
             for month in range(1, 13) for day in (4, 25)]  # fmt: skip
    third = [f"DTSTART;VALUE=DATE:2002{month:02}15|RRULE:FREQ=YEARLY;BYMONTH={month};BYDAY=3MO|SUMMARY:{month}"
             for month in (1, 2, 5, 9, 10, 11)]  # fmt: skip
    expected = {
        f"{year}-{month:02}-{day:02}" for year in range(2025, 2037) for month in range(1, 13) for day in (4, 25)
    }
    for year, month in product(range(2025, 2037), (1, 2, 5, 9, 10, 11)):
        mondays = [day for day in Calendar().itermonthdates(year, month) if (day.month, day.weekday()) == (month, 0)]
        expected.add(mondays[2].isoformat())
    assert {starts for starts, _, _ in days_of(file_of(*fixed, *third))} == expected


def test_days_and_a_files_days_are_bounded_together(api: httpx.Client, workspace: str) -> None:
    """The result of GET can be sent back."""
    path = f"/v1/workspaces/{workspace}/calendars/both-{uuid.uuid4().hex[:6]}"
    body = {
        "days": [
            {"starts": f"{1970 + n // 300}-{1 + n // 25 % 12:02}-{1 + n % 25:02}", "name": "x"} for n in range(4999)
        ],
        "icalendar": file_of("DTSTART;VALUE=DATE:20260501", "DTSTART;VALUE=DATE:20260502"),
    }
    assert problem_of(api.put(path, json=body))["errors"][0]["pointer"] == "/icalendar"
    kept = api.put(path, json=body | {"days": body["days"][1:]}).raise_for_status().json()
    assert len(kept["days"]) == 5000
    assert api.put(path, json={"timezone": kept["timezone"], "days": kept["days"]}).status_code == 200
