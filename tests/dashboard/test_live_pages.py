"""Pages that stay open: they follow events while visible, not while hidden, across an upgrade, and without events."""

import re
from typing import Any

import httpx
import psycopg
import pytest
from lxml import html
from playwright.sync_api import Page, Route, expect

from conftest import await_condition
from dashboard.browser import Watched
from dashboard.runs import ended

_HIDE = """isHidden => {
    Object.defineProperty(document, "hidden", { configurable: true, value: isHidden });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


def make(api: httpx.Client, workspace: str, **body: Any) -> str:
    given = {"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *"} | body
    made = api.post(f"/v1/workspaces/{workspace}/jobs", json=given)
    assert made.status_code == 201, made.text
    job_id: str = made.json()["job_id"]
    return job_id


def opened(page: Watched, path: str) -> Page:
    page.go(path)
    expect(page.page.locator("#live")).to_have_attribute("data-state", "open")
    return page.page


def test_a_list_with_boxes_to_tick_follows_until_one_is_ticked(
    page: Watched, api: httpx.Client, workspace: str
) -> None:
    make(api, workspace, name="first")
    browser = opened(page, f"/w/{workspace}/jobs")
    make(api, workspace, name="second")
    expect(browser.get_by_role("link", name="second")).to_be_visible()
    browser.get_by_label("first").check()
    make(api, workspace, name="third")
    expect(browser.locator("#live")).to_have_text(re.compile("Waiting for your form"))
    expect(browser.get_by_role("link", name="third")).to_have_count(0)
    expect(browser.get_by_label("first")).to_be_checked()


def test_the_page_does_not_move_while_it_connects(page: Watched, workspace: str) -> None:
    """At some widths, the word Connecting wrapped the navigation, until the stream of events was open."""
    held: list[Route] = []
    page.page.route("**/events?*", lambda route: held.append(route))
    page.go(f"/w/{workspace}/jobs")
    expect(page.page.locator("#live")).to_have_attribute("data-state", "away")
    expect(page.page.locator("#live")).to_have_accessible_name("Connecting")
    expect(page.page.locator("#live .text")).to_be_hidden()  # it keeps the place of the word
    top = page.page.locator("#main").bounding_box()
    await_condition(lambda: page.page.evaluate("1") and held, "the page asks for events")
    held[0].continue_()
    expect(page.page.locator("#live")).to_have_attribute("data-state", "open")
    expect(page.page.locator("#live")).to_have_accessible_name("Live")
    expect(page.page.locator("#live .text")).to_be_visible()
    assert page.page.locator("#main").bounding_box() == top


@pytest.mark.parametrize("is_answered", [True, False])
def test_a_page_without_a_connection_never_says_that_it_is_live(
    page: Watched, workspace: str, is_answered: bool
) -> None:
    """A browser whose stream is cut connects again by itself, without an end, and reports no failure."""
    asked: list[Route] = []

    def refuse(route: Route) -> None:
        asked.append(route)
        route.fulfill(status=503) if is_answered else route.abort()

    page.page.route("**/events?*", refuse)
    page.go(f"/w/{workspace}/jobs")
    live = page.page.locator("#live")
    await_condition(lambda: page.page.evaluate("1") and len(asked) > 1, "the page asks for events again")
    expect(live).to_have_text(re.compile("Connecting"))
    expect(live).to_have_attribute("data-state", "away")
    page.page.unroute("**/events?*")
    expect(live).to_have_attribute("data-state", "open")
    expect(live).to_have_text(re.compile("Live"))


def test_a_page_follows_all_that_it_counts(api: httpx.Client, workspace: str) -> None:
    """Otherwise another user's changes only show when the page polls, up to half a minute later."""
    api.put(f"/v1/workspaces/{workspace}/calendars/closed", json={"timezone": "UTC"}).raise_for_status()
    for path, types in (
        ("calendars/closed", {"resource", "job"}),  # the jobs that name it, and those that have not followed yet
        ("endpoints/sink", {"resource", "job", "execution"}),  # the jobs that use it, and the executions in progress
        ("settings", {"resource", "job"}),  # the jobs that have not yet followed a suspension's end
        ("usage", {"resource", "job", "execution", "heartbeat"}),  # jobs, runs of the day, deliveries in progress
    ):
        shown = html.document_fromstring(api.get(f"/w/{workspace}/{path}").text)
        assert set(shown.xpath("string(//main/@data-live)").split(",")) == types, path


def test_dead_letters_come_by_themselves(
    page: Watched, api: httpx.Client, shared_superuser: psycopg.Connection, workspace: str
) -> None:
    make(api, workspace, name="books")
    ended(shared_superuser, workspace, "books", nth=0)
    browser = opened(page, f"/w/{workspace}/dead-letters")
    letter = ended(shared_superuser, workspace, "books", nth=1)
    expect(browser.locator(f"tbody a[href$='{letter}']").last).to_be_visible()


def test_a_tab_behind_asks_nothing_and_holds_no_stream(
    page: Watched, api: httpx.Client, workspace: str, asked: list[str]
) -> None:
    make(api, workspace, name="first")
    browser = opened(page, f"/w/{workspace}/jobs")
    browser.evaluate(_HIDE, True)
    assert browser.evaluate("live.source === null && live.waiting === null")
    await_condition(lambda: not browser.evaluate("live.isAsking"), "its earlier requests")
    before = len(asked)
    make(api, workspace, name="second")
    browser.evaluate("listen(); refresh()")  # as a page does that is loaded in the background, or too late
    assert browser.evaluate("live.source === null && live.waiting === null")
    assert len(asked) == before
    browser.evaluate(_HIDE, False)
    expect(browser.get_by_role("link", name="second")).to_be_visible()
    make(api, workspace, name="third")
    expect(browser.get_by_role("link", name="third")).to_be_visible()


def test_a_page_that_is_paused_asks_nothing_when_one_comes_back_to_it_either(
    page: Watched, api: httpx.Client, workspace: str, asked: list[str]
) -> None:
    make(api, workspace, name="first")
    browser = opened(page, f"/w/{workspace}/jobs")
    live = browser.locator("#live")
    live.click()
    expect(live).to_have_text(re.compile("Paused"))
    expect(live).to_have_attribute("aria-pressed", "false")
    await_condition(lambda: not browser.evaluate("live.isAsking"), "its earlier requests")
    before = len(asked)
    make(api, workspace, name="second")
    browser.evaluate(_HIDE, True)
    browser.evaluate(_HIDE, False)  # another tab, and back
    browser.evaluate("window.dispatchEvent(new Event('focus')); document.dispatchEvent(new Event('focusout'))")
    browser.evaluate("dispatchEvent(new PageTransitionEvent('pageshow')); live.next = -1e9; refresh()")  # and the clock
    assert browser.evaluate("live.source === null && live.waiting === null")
    for path in ("/jobs", "/audit"):  # a page opened at that time, and one that also polls by the clock
        page.go(f"/w/{workspace}{path}")
        expect(live).to_have_text(re.compile("Paused"))
        browser.evaluate("refresh()")
        assert browser.evaluate("live.source === null && live.waiting === null")
    assert len(asked) == before
    page.go(f"/w/{workspace}/jobs")
    browser.keyboard.press("p")
    expect(live).to_have_attribute("data-state", "open")
    make(api, workspace, name="third")
    expect(browser.get_by_role("link", name="third")).to_be_visible()


@pytest.mark.parametrize("script", ["kronos", "forms"])
def test_a_page_of_the_release_before_loads_itself_again_unless_something_is_typed(
    page: Watched, api: httpx.Client, workspace: str, script: str
) -> None:
    make(api, workspace, name="first")
    browser = opened(page, f"/w/{workspace}/jobs/first")

    def upgraded(route: Route) -> None:
        if "hx-request" not in route.request.headers:
            return route.continue_()
        answer = route.fetch()
        return route.fulfill(response=answer, body=re.sub(rf"/static/[^/]+/{script}\.js", "/x.js", answer.text()))

    browser.route(f"**/w/{workspace}/jobs/first", upgraded)
    browser.evaluate("window.isOld = true")
    browser.get_by_role("link", name="Pause…").click()
    browser.get_by_label("Note").fill("half a no")
    browser.locator("h1").click()
    browser.evaluate("live.isAsking = false; refresh()")
    expect(browser.locator("#live")).to_have_text(re.compile("Waiting for your form"))
    assert browser.evaluate("window.isOld")
    browser.get_by_label("Note").fill("")
    browser.locator("h1").click()
    with browser.expect_event("load"):
        browser.evaluate("refresh()")
    assert browser.evaluate("window.isOld === undefined")
    assert page.wrong == []


def test_an_idle_page_looks_twice_a_minute_as_silence_changes_it_too(
    page: Watched, workspace: str, asked: list[str]
) -> None:
    page.stop_clock()
    browser = opened(page, f"/w/{workspace}")
    for _ in range(3):
        before = len(asked)
        with browser.expect_response(lambda answer: "hx-request" in answer.request.headers):
            browser.clock.fast_forward(60_000)
            browser.clock.run_for(1000)
        await_condition(lambda: not browser.evaluate("live.isAsking || live.waiting !== null"), "its answer")
        assert 1 <= len(asked) - before <= 2
    browser.keyboard.press("p")
    before = len(asked)
    browser.clock.fast_forward(300_000)
    assert browser.evaluate("live.waiting === null")
    assert len(asked) == before


def test_keys_list_themselves_lead_to_pages_and_change_the_zone(
    page: Watched, api: httpx.Client, workspace: str
) -> None:
    make(api, workspace, name="first", timezone="America/New_York")
    browser = opened(page, f"/w/{workspace}/jobs/first")
    browser.keyboard.press("?")
    listed = [each.split("\n")[0] for each in browser.locator("#shortcuts dl > div").all_inner_texts()]
    browser.keyboard.press("Escape")
    expect(browser.locator("#shortcuts")).to_be_hidden()
    run = browser.locator("ol.runs time .absolute").first
    for zone in ("UTC", "GMT+9", "GMT-5"):  # UTC, the viewer's, the job's
        expect(run).to_have_text(re.compile(rf" {re.escape(zone)}$"))
        browser.keyboard.press("t")
    leads = browser.locator("nav a[data-key]").evaluate_all("links => links.map(each => [each.dataset.key, each.href])")
    assert {key for key, _ in leads} <= {each.split()[-1] for each in listed}
    assert len(leads) > 5
    for key, address in leads:  # each from the page to which the one before it led
        browser.keyboard.press("g")
        browser.keyboard.press(key)
        browser.wait_for_url(address)
