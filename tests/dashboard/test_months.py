"""The month view of a job and of a calendar: past and coming runs, readable on a phone."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest
from lxml import html

from dashboard.browser import Watched
from dashboard.conftest import Reader
from dashboard.furniture import Furniture
from explain_scene import HOUR, Scene, end_tick
from kronos.dashboard import tick_windows
from kronos.schedules import NextRun, Preview, SkippedTick

_FAR = datetime(2027, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)


def a_preview(*at: datetime) -> Preview:
    return Preview(
        description="", next_runs=[NextRun(at=each, local="", dst=None) for each in at], skipped=[], lints=[]
    )


def told(page: html.HtmlElement) -> dict[str, str]:
    """The days of the month that have a link, and each day's text."""
    return dict(each.get("title").split(": ") for each in page.xpath("//div[@class='month']/a"))


def test_a_month_is_counted_alike_from_the_time_line_and_by_the_statement(scene: Scene, reader: Reader) -> None:
    job_id = scene.make_old(scene.minute + 24 * HOUR, cron="30 23 * * *", timezone="Asia/Kolkata", name="daily")
    ends = (("SUCCESS", "SCHEDULE"), ("SUCCESS", "CATCH_UP"), ("FAILED", "SCHEDULE"), ("EXPIRED", "SCHEDULE"))
    more = (("MISSED", "SCHEDULE"), ("CANCELLED", "SCHEDULE"), ("SKIPPED", "SCHEDULE"))
    for nth, (status, cause) in enumerate(ends + more):
        reason = None if status in ("SUCCESS", "FAILED") else {"code": "paused", "detail": "it was paused"}
        at = datetime.fromisoformat("2026-03-01T18:00:00+00:00") + nth * _DAY
        end_tick(scene, job_id, at, status, cause, reason)
    there = f"/w/{scene.workspace}/jobs/daily?month=2026-03"
    counted = told(reader(there))
    listed = told(reader(f"{there}&since=2026-02-28T18:30:00Z&until=2026-03-31T18:30:00Z"))
    assert listed == counted
    assert len(counted) == 31
    assert len(set(counted.values())) > len(ends), "each kind differs from the others"


def test_the_runs_to_come_stand_in_the_month_and_in_the_next_one(scene: Scene, reader: Reader) -> None:
    scene.make(name="daily", cron="30 3 * * *")
    today = scene.minute.date()
    page = reader(f"/w/{scene.workspace}/jobs/daily")
    here = {day for day in told(page) if day > f"{today}"}
    ends = (today.replace(day=1) + 32 * _DAY).replace(day=1)
    assert here == {f"{today + nth * _DAY}" for nth in range(1, (ends - today).days)}
    assert all(each == "1 upcoming" for day, each in told(page).items() if day in here)
    # On the first of a month, the runs that a daily job's page knows may end with that month.
    scene.make(name="monthly", cron="30 3 1 * *")
    page = reader(f"/w/{scene.workspace}/jobs/monthly")
    (link,) = page.xpath("//section[@aria-labelledby='calendar']//a[contains(., 'Next month')]/@href")
    after = reader(link.partition("#")[0])
    assert told(after)[f"{ends}"] == "1 upcoming"
    day = reader(after.xpath("//div[@class='month']/a/@href")[0].partition("#")[0])
    assert len(day.xpath("//ol[@class='strip']//a[contains(@class, 'calm')]")) == 1
    scene.client.post(f"{scene.base}/daily/pause", json={"note": "for now"}).raise_for_status()
    assert {day for day in told(reader(f"/w/{scene.workspace}/jobs/daily")) if day > f"{today}"} == set()


def test_the_last_day_of_a_preview_that_goes_on_is_not_told() -> None:
    utc = ZoneInfo("UTC")
    hourly = a_preview(*(_FAR + nth * HOUR for nth in range(tick_windows.COMING_RUNS)))
    assert tick_windows.coming_days(hourly, utc) == {date(2027, 1, 1): 24}
    assert tick_windows.coming_days(a_preview(_FAR, _FAR + HOUR), utc) == {date(2027, 1, 1): 2}
    moved = Preview(
        description="",
        next_runs=[NextRun(at=_FAR, local="", dst=None, rolled_from=_FAR + 2 * _DAY)],
        skipped=[],
        lints=[],
    )
    assert tick_windows.coming_days(moved, utc) == {date(2027, 1, 3): 1}, "its nominal day"


def test_what_a_calendar_closes_counts_in_how_far_ticks_are_apart() -> None:
    """For a weekday job, seven ticks are five runs. Without the closed ticks, an expensive timeline was requested
    again."""
    runs = a_preview(*(_FAR + nth * _DAY for nth in (0, 3, 4, 5, 6, 7)))
    closed = [SkippedTick(at=_FAR + nth * _DAY, local="", dst=None, reason="closed") for nth in (-1, 1, 2)]
    preview = Preview(description="", next_runs=runs.next_runs, skipped=closed, lints=[])
    assert tick_windows.step(preview) == _DAY
    assert tick_windows.step(a_preview(_FAR)) is None
    nearest = tick_windows.nearest(preview, 2)
    assert ([each.at for each in nearest.next_runs], len(nearest.skipped)) == ([_FAR, _FAR + 3 * _DAY], 3)
    assert tick_windows.nearest(preview, 6) is preview


@pytest.mark.parametrize("path", ["/w/{workspace}/calendars/{calendar}?month=2026-12", "/w/{workspace}/jobs/{job}"])
def test_a_phone_can_read_a_month(page: Watched, furnished: Furniture, path: str) -> None:
    page.show(360, "dark")
    page.go(furnished.path(path))
    sizes = page.page.locator(".month :is(span, a)").evaluate_all(
        "found => found.filter(each => each.offsetWidth && each.textContent.trim())"
        ".map(each => parseFloat(getComputedStyle(each).fontSize))"
    )
    assert len(sizes) > 30
    assert min(sizes) >= 12
    assert page.page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_fault_of_a_day_names_its_line_and_has_the_focus(page: Watched, api: httpx.Client, workspace: str) -> None:
    page.go(f"/w/{workspace}/calendars")
    browser = page.page
    browser.get_by_text("New calendar").click()
    browser.get_by_label("Name", exact=True).fill("bank")
    browser.get_by_label("Days", exact=True).fill("2026-12-24 Christmas\n\n2026-13-01 Never")
    browser.get_by_role("button", name="Create the calendar").click()
    fault = browser.locator("#f-days-faults")
    assert "line 3, '2026-13-01 Never': " in fault.inner_text()
    assert "/days" not in browser.locator("main").inner_text(), "pointers are for scripts"
    assert browser.evaluate("document.activeElement.id") == "f-days"
    assert api.get(f"/v1/workspaces/{workspace}/calendars").json()["data"] == []
