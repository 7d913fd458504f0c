"""The load page and its plan stay open: they follow people's changes but not each tick, and a form with unsent changes
shows which of its rows are outdated."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from playwright.sync_api import Page, expect

from conftest import await_condition
from dashboard.browser import Watched
from dashboard.test_followed import opened

# Half a day from now: at the ends of the plan's 24 hours there is no minute to move to.
_AT = (datetime.now(UTC) + timedelta(hours=12)).replace(minute=0, second=0, microsecond=0)
_NINE = f"0 {_AT.hour} * * *"
_NEXT_NINE = _AT.isoformat().replace("+00:00", "Z")
_STILL = "!live.isAsking && !live.waiting && !live.isDue"


@pytest.fixture
def base(api: httpx.Client, workspace: str) -> str:
    """Four jobs at one hour, three of which may be moved; the workspace's path in the API."""
    base = f"/v1/workspaces/{workspace}"
    for nth in range(4):
        body = {"endpoint": "sink", "trigger": "CRON", "name": f"nine-{nth}", "cron": _NINE}
        api.post(f"{base}/jobs", json=body | {"spread": "3m" if nth else None}).raise_for_status()
    return base


@pytest.fixture
def asked(page: Watched, asked: list[str]) -> list[str]:
    """The same, of a page that does not poll: it only sees what it hears of."""
    page.begin_with("window.setInterval = () => 0;")
    return asked


def _make(api: httpx.Client, base: str, name: str) -> None:
    body = {"endpoint": "sink", "trigger": "CRON", "name": name, "cron": _NINE}
    api.post(f"{base}/jobs", json=body).raise_for_status()


def _page(base: str, path: str) -> str:
    return base.replace("/v1/workspaces", "/w") + path


def _of_jobs(page: Page, number: int) -> None:
    expect(page.locator("main")).to_contain_text(re.compile(rf"of {number} jobs? from"))


def _closed(days: int) -> dict[str, object]:
    today = datetime.now(UTC).date()
    ends = (today + timedelta(days=days)).isoformat()
    return {"timezone": "UTC", "days": [{"starts": today.isoformat(), "ends": ends, "name": "Closed"}]}


def test_the_load_follows_what_people_change_and_stays_where_its_reader_is(
    page: Watched, api: httpx.Client, base: str, asked: list[str]
) -> None:
    browser = opened(page, _page(base, "/load"))
    browser.set_viewport_size({"width": 360, "height": 400})
    browser.locator("svg.heat a").first.focus()
    browser.evaluate("scrollTo(0, 300)")
    scrolled = browser.evaluate("scrollY")
    main = browser.locator("main")

    def soon() -> None:
        """End the page's pause before its next request."""
        await_condition(lambda: browser.evaluate(_STILL), "the page to stop asking")
        browser.evaluate("live.next = 0")

    _make(api, base, "fifth")
    _of_jobs(browser, 5)
    soon()
    api.patch(f"{base}/jobs/fifth", json={"cron": "* * * * *"}).raise_for_status()
    expect(main).to_contain_text(re.compile(r"1,44\d runs of 5 jobs"))
    soon()
    api.post(f"{base}/jobs/fifth/pause", json={"note": "x"}).raise_for_status()
    _of_jobs(browser, 4)
    soon()
    api.put(f"{base}/calendars/never", json=_closed(7)).raise_for_status()
    api.patch(f"{base}/jobs/nine-0", json={"calendars": ["never"]}).raise_for_status()
    expect(main).to_contain_text("3 runs of")
    soon()
    api.put(f"{base}/calendars/never", json={"timezone": "UTC"}).raise_for_status()
    expect(main).to_contain_text("4 runs of")
    assert browser.evaluate("document.activeElement.closest('svg.heat') !== null"), "it is where it had the focus"
    assert browser.evaluate("scrollY") == scrolled > 0
    soon()
    browser.keyboard.press("p")
    before = len(asked)
    api.delete(f"{base}/jobs/nine-3").raise_for_status()
    expect(browser.locator("#live")).to_have_text(re.compile("Paused"))
    assert browser.evaluate("live.source === null && live.waiting === null"), "the page receives no events"
    assert len(asked) == before
    browser.keyboard.press("p")
    _of_jobs(browser, 3)


def test_the_load_rests_after_it_was_asked_for_and_misses_no_change(
    page: Watched, api: httpx.Client, base: str, asked: list[str]
) -> None:
    browser = opened(page, _page(base, "/load"))
    assert browser.locator("main").get_attribute("data-live") == "audit", "not `job`, which every ring sends"
    _make(api, base, "fifth")
    _of_jobs(browser, 5)
    began = "performance.getEntriesByType('resource').findLast(each => each.name.endsWith('/load')).startTime"
    await_condition(lambda: browser.evaluate(_STILL), "the page to stop asking")
    assert browser.evaluate(f"live.next - {began}") > 2900, "three seconds, from the start of the request"
    browser.evaluate("live.next = performance.now() + 1e6")
    before = len(asked)
    _make(api, base, "sixth")
    await_condition(lambda: browser.evaluate("live.waiting !== null"), "the page to receive the event")
    _make(api, base, "seventh")
    assert len(asked) == before
    browser.evaluate("clearTimeout(live.waiting); live.waiting = null; live.next = 0; refresh()")
    _of_jobs(browser, 7)


def test_the_instances_load_follows_each_workspace(
    page: Watched, api: httpx.Client, base: str, new_workspace: Callable[[], str], asked: list[str]
) -> None:
    browser = opened(page, "/system/load")
    text = str(browser.locator("main > p").first.text_content())
    found = re.search(r"of ([0-9,]+) jobs", text)
    assert found, text
    _make(api, f"/v1/workspaces/{new_workspace()}", "another")
    _of_jobs(browser, int(found[1].replace(",", "")) + 1)
    assert asked


@pytest.mark.parametrize("path", ["/load/plan", "/load?at={at}"])
def test_a_form_that_waits_says_which_of_its_rows_are_out_of_date(
    page: Watched, api: httpx.Client, base: str, asked: list[str], path: str
) -> None:
    browser = opened(page, _page(base, path.format(at=_NEXT_NINE)))
    rows = browser.locator("form[data-planned] tbody tr")
    assert browser.locator(".outdated:visible").count() == 0
    number = rows.count()
    browser.get_by_label("Move nine-2").uncheck()
    api.put(f"{base}/configs/other", json={"values": {}}).raise_for_status()
    await_condition(lambda: browser.evaluate(_STILL) and asked, "the page to ask")
    assert browser.locator(".outdated:visible").count() == 0, "nothing of it was changed"
    browser.evaluate("live.next = 0")
    api.patch(f"{base}/jobs/nine-1", json={"title": "theirs"}).raise_for_status()
    expect(browser.get_by_role("row", name="nine-1")).to_contain_text("out of date")
    expect(browser.locator("#outdated")).to_contain_text(
        "1 of these rows is out of date: jobs have changed since this was shown, or time has passed"
    )
    expect(browser.get_by_label("Move nine-2")).not_to_be_checked()
    expect(browser.locator(".outdated:visible")).to_have_count(2)
    assert rows.count() == number
    if browser.get_by_label("Move the selected jobs, one change each").count():
        browser.get_by_label("Move the selected jobs, one change each").check()
    browser.get_by_role("button", name=re.compile("selected jobs")).click()
    said = browser.locator("#notices")
    expect(said).to_contain_text(f"{number - 2} of {number - 1} jobs moved. nine-1 was changed in the meantime")


def test_what_was_wrong_is_said_once_and_no_longer_than_it_is(
    page: Watched, api: httpx.Client, base: str, asked: list[str]
) -> None:
    browser = opened(page, _page(base, "/load/plan"))
    browser.get_by_label("Move nine-2").uncheck()  # no answer is shown from now on
    said = "() => { notice('You are signed out.', {isBad: true}); return byId('notices').firstChild; }"
    first, second = browser.evaluate_handle(said), browser.evaluate_handle(said)
    assert browser.evaluate("([first, second]) => first === second && first.isConnected", [first, second])
    browser.evaluate("live.failures = 3")
    api.put(f"{base}/configs/other", json={"values": {}}).raise_for_status()
    expect(browser.locator("#notices")).to_be_empty()
    assert asked
    assert browser.evaluate("live.failures") == 0
    expect(browser.get_by_label("Move nine-2")).not_to_be_checked()


@pytest.mark.parametrize(("status", "least", "most"), [(503, -70_000, 0), (200, 10_000, 30_000)])
def test_who_was_not_answered_for_a_minute_does_not_rest_for_four(
    page: Watched, api: httpx.Client, base: str, asked: list[str], status: int, least: int, most: int
) -> None:
    page.begin_with(
        "window.skew = 0; const real = performance.now.bind(performance); performance.now = () => real() + window.skew;"
    )
    browser = opened(page, _page(base, "/load"))
    browser.evaluate("document.addEventListener('htmx:beforeSend', () => { window.skew += 60000; })")
    browser.evaluate("window.setTimeout = () => 0")  # it does not ask again
    if status != 200:
        browser.route("**/load", lambda route: route.fulfill(status=status, body="away"))
    browser.evaluate("live.waiting = null; htmx.trigger(mainOf(), 'kronos:changed')")
    await_condition(lambda: browser.evaluate("live.next > 0 && !live.isAsking") and asked, "the page to get its answer")
    assert least <= browser.evaluate("live.next - performance.now()") <= most
    page.wrong[:] = [each for each in page.wrong if "503" not in each]
