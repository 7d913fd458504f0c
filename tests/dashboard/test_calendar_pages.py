"""The pages of calendars: forms in which days are lines, files that become lines, months, and permissions."""

from datetime import UTC, date, datetime
from uuid import UUID

import httpx
import psycopg
import pytest
from lxml import html

from conftest import holding
from factory import add_key
from kronos.calendar_terms import BusinessHours, Calendar, CalendarDay, Weekday
from kronos.dashboard import calendar_form, calendar_months
from kronos.errors import Unprocessable

_WEEK: list[Weekday] = ["mon", "tue", "wed", "thu", "fri"]
_LINES = "2026-12-24..2026-12-26 Christmas\n2026-12-31T14:00..2026-12-31T18:00 Inventory\n\nopen 2027-01-02 We  work"
_FILE = (
    "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//example//EN\nBEGIN:VEVENT\nUID:1\nDTSTART;VALUE=DATE:20280501\n"
    "SUMMARY:Labour day\nEND:VEVENT\nEND:VCALENDAR\n"
)


def a_calendar(*days: CalendarDay, week: list[Weekday] | None = None, hours: BusinessHours | None = None) -> Calendar:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Calendar(
        calendar_id=UUID(int=1), workspace="acme", name="bank", version=1, timezone="UTC", business_days=week,
        business_hours=hours, days=list(days), created_at=at, updated_at=at, jobs_left=0,
    )  # fmt: skip


def shown_of(calendar: Calendar, month: str) -> dict[date, str]:
    """The days of a month that differ from a business day, in words."""
    weeks = calendar_months.month(calendar, month).weeks
    days = [each for week in weeks for each in week if each is not None]
    return {
        each.day: " ".join(["closed" if each.is_closed else ",".join(each.hours), *each.names])
        for each in days
        if not each.is_open
    }


def test_lines_of_days_are_read_and_written_alike() -> None:
    found = calendar_form.days_of(_LINES)
    assert found == [
        {"starts": "2026-12-24", "ends": "2026-12-26", "name": "Christmas", "open": False},
        {"starts": "2026-12-31T14:00", "ends": "2026-12-31T18:00", "name": "Inventory", "open": False},
        {"starts": "2027-01-02", "name": "We  work", "open": True},
    ]
    days = [
        CalendarDay(starts=each["starts"], ends=each.get("ends"), name=each["name"], open=each["open"])
        for each in found
    ]
    assert calendar_form.lines_of(days) == _LINES.replace("\n\n", "\n").replace("  ", " ")


@pytest.mark.parametrize(
    "line",
    [
        "2026-12-24",
        "open",
        "..",
        "2026-12-24.. ",
        "2026-12-24 - 2026-12-26 Christmas",
        "2026-12-24 .. 2026-12-26 Christmas",
        "2026-12-24 to 2026-12-26 Christmas",
    ],
)
def test_a_line_that_is_no_day_with_a_name_is_named(line: str) -> None:
    with pytest.raises(Unprocessable) as refused:
        calendar_form.days_of(f"2026-12-25 Christmas\n{line}")
    (fault,) = refused.value.faults
    assert fault.pointer == "/days"
    assert fault.detail.startswith("line 2, ")


def test_a_month_says_what_is_closed_and_when_the_others_are_open() -> None:
    calendar = a_calendar(
        CalendarDay(starts="2026-12-24", ends="2026-12-25", name="Christmas"),
        CalendarDay(starts="2026-12-30T12:00", ends="2026-12-31T10:00", name="Inventory"),
        CalendarDay(starts="2026-12-26", ends=None, name="Sale", open=True),
        CalendarDay(starts="2026-12-27T10:00", ends="2026-12-27T22:00", name="Sale", open=True),
        week=_WEEK,
        hours=BusinessHours(opens="09:00", closes="17:30"),
    )
    shown = shown_of(calendar, "2026-12")
    assert {day.day: text for day, text in shown.items() if day.day > 19} == {
        20: "closed Sunday",
        24: "closed Christmas",
        25: "closed Christmas",
        27: "10:00-22:00 Sale",
        30: "09:00-12:00 Inventory",
        31: "10:00-17:30 Inventory",
    }
    assert shown_of(a_calendar(), "2027-02") == {}


def test_the_next_days_are_those_that_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calendar_months, "_today", lambda calendar: date(2026, 12, 25))
    calendar = a_calendar(
        CalendarDay(starts="2026-12-01", ends=None, name="Past"),
        CalendarDay(starts="2026-12-24", ends="2026-12-26", name="Christmas"),
        CalendarDay(starts="2027-05-01", ends=None, name="Labour day"),
    )
    coming = [(f"{each.day}", each.names) for each in calendar_months.coming(calendar, 3)]
    assert coming == [
        ("2026-12-25", ["Christmas"]), ("2026-12-26", ["Christmas"]), ("2027-05-01", ["Labour day"]),
    ]  # fmt: skip


def form(**more: str | list[str]) -> dict[str, str | list[str]]:
    return {"/timezone": "Europe/Berlin", "/business_days:list": list(_WEEK), "/days": _LINES, **more}


def words(answer: httpx.Response) -> str:
    return " ".join(html.document_fromstring(answer.text).xpath("string(//main)").split())


def test_a_calendar_is_made_changed_and_deleted(api: httpx.Client, workspace: str) -> None:
    there, stored = f"/w/{workspace}/calendars", f"/v1/workspaces/{workspace}/calendars/bank"
    hours = {"/business_hours/opens": "09:00", "/business_hours/closes": "17:30"}
    made = api.post(there, data=form(**{"/name": "bank"}, **hours))
    assert (made.status_code, made.headers["location"]) == (303, f"{there}/bank")
    assert [each["name"] for each in api.get(stored).json()["days"]] == ["Christmas", "Inventory", "We  work"]
    page = api.get(f"{there}/bank?month=2026-12")
    assert "09:00-14:00" in words(page)
    assert "Christmas" in words(page)
    changed = api.post(f"{there}/bank", data=form(version="1", **{"/days": "2027-05-01 Labour day"}))
    assert changed.status_code == 303
    now = api.get(stored).json()
    assert (now["version"], now["business_hours"], len(now["days"])) == (2, None, 1)
    stale = api.post(f"{there}/bank", data=form(version="1"))
    assert stale.status_code == 412
    assert api.post(f"{there}/bank/delete", data={"version": "2"}).status_code == 303
    assert api.get(stored).status_code == 404


def test_a_file_becomes_lines_before_anything_is_saved(api: httpx.Client, workspace: str) -> None:
    there = f"/w/{workspace}/calendars"
    read = api.post(there, data=form(**{"/name": "bank", "/icalendar": _FILE, "read": "yes"}))
    assert read.status_code == 200
    assert "Nothing is saved yet" in words(read)
    lines = html.document_fromstring(read.text).xpath("string(//textarea[@name='/days:text'])").strip().splitlines()
    assert lines[-1] == "2028-05-01 Labour day"
    assert api.get(f"/v1/workspaces/{workspace}/calendars").json()["data"] == []
    api.post(there, data=form(**{"/name": "bank", "/days": "\n".join(lines)}))
    assert len(api.get(f"/v1/workspaces/{workspace}/calendars/bank").json()["days"]) == 4
    again = api.post(f"{there}/bank", data=form(version="1", **{"/icalendar": _FILE, "read": "yes"}))
    assert "Nothing is saved yet" in words(again)
    assert api.get(f"/v1/workspaces/{workspace}/calendars/bank").json()["version"] == 1
    broken = api.post(there, data=form(**{"/name": "other", "/icalendar": "BEGIN:VEVENT", "read": "yes"}))
    assert broken.status_code == 422
    assert "not an iCalendar file" in words(broken)


def test_what_is_refused_stays_in_the_form(api: httpx.Client, workspace: str) -> None:
    there = f"/w/{workspace}/calendars"
    refused = api.post(there, data=form(**{"/name": "bank", "/days": "2026-13-01 Never"}))
    assert refused.status_code == 422
    page = html.document_fromstring(refused.text)
    assert page.xpath("string(//textarea[@name='/days:text'])").strip() == "2026-13-01 Never"
    assert page.xpath("//input[@name='/business_days:list'][@checked]/@value") == list(_WEEK)
    assert "is neither a day" in words(refused)


def test_jobs_that_name_it_are_shown_and_keep_it(api: httpx.Client, workspace: str) -> None:
    base, there = f"/v1/workspaces/{workspace}", f"/w/{workspace}/calendars"
    api.put(f"{base}/calendars/bank", json={"business_days": _WEEK}).raise_for_status()
    endpoint = {"name": "hook", "type": "HTTP", "spec": {"url": "http://127.0.0.1:9/"}}
    api.post(f"{base}/endpoints", json=endpoint).raise_for_status()
    job = {"endpoint": "hook", "trigger": "CRON", "cron": "0 9 1 * *", "name": "late", "calendars": ["bank"]}
    api.post(f"{base}/jobs", json=job).raise_for_status()
    page = html.document_fromstring(api.get(f"{there}/bank").text)
    assert page.xpath(f"//dd/a[@href='/w/{workspace}/jobs/late']/text()") == ["late"]
    assert page.xpath("//form[contains(@action, '/delete')]") == []
    assert api.post(f"{there}/bank/delete", data={"version": "1"}).status_code == 409
    job_page = html.document_fromstring(api.get(f"/w/{workspace}/jobs/late").text)
    assert job_page.xpath(f"//a[@href='/w/{workspace}/calendars/bank']/text()") == ["bank"]


def test_jobs_that_have_still_to_follow_are_told(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    base = f"/v1/workspaces/{workspace}/calendars/bank"
    known = api.put(base, json={"business_days": _WEEK}).headers["etag"]
    assert api.get(base).json()["jobs_left"] == 0
    shared_superuser.execute(
        "insert into kronos.calendar_moves (document_id, workspace_id, name, version, jobs_left) "
        "select document_id, workspace_id, name, version, 1200 from kronos.calendars where document_id = %s",
        [api.get(base).json()["calendar_id"]],
    )
    seen = api.get(base, headers={"If-None-Match": known})
    assert (seen.status_code, seen.json()["jobs_left"]) == (200, 1200)
    assert seen.headers["etag"] != known
    assert "1,200 jobs using this calendar do not follow version 1 yet" in words(
        api.get(f"/w/{workspace}/calendars/bank")
    )


def test_who_may_not_change_calendars_sees_them(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    there = f"/w/{workspace}/calendars"
    api.put(f"/v1/workspaces/{workspace}/calendars/bank", json={"business_days": _WEEK}).raise_for_status()
    with holding(api, add_key(shared_superuser, workspace, "viewer", sees_payloads=False)) as viewer:
        for path in (there, f"{there}/bank"):
            assert viewer.get(path).status_code == 200
            assert html.document_fromstring(viewer.get(path).text).xpath("//main//form") == []
        assert viewer.post(there, data=form(**{"/name": "mine"})).status_code == 403
        assert viewer.post(f"{there}/bank/delete", data={"version": "1"}).status_code == 403
