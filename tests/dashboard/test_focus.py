"""Keyboard users: the focus is visible, and stays on the same element after each change of the page."""

import re

import httpx
import psycopg
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from dashboard.browser import Watched
from dashboard.furniture import Furniture
from dashboard.runs import ended
from dashboard.test_followed import opened
from embedded.waiting import eventually
from kronos import bulk_jobs

_MOST = 200
_FOCUSED = """(wanted) => {
  const focused = document.activeElement;
  if (focused === document.body) return null;
  const box = focused.getBoundingClientRect();
  const isSeen = box.width > 0 && box.height > 0 && getComputedStyle(focused).outlineStyle !== "none";
  return [focused.outerHTML.slice(0, 120), isSeen, focused === wanted];
}"""


@pytest.mark.parametrize("path", ["executions", "dead-letters", "jobs/nightly", "alerts"])
def test_each_stop_of_the_tab_key_is_seen(page: Watched, furnished: Furniture, path: str) -> None:
    page.go(f"/w/{furnished.workspace}/{path}")
    stops: list[tuple[str, bool]] = []
    for _ in range(_MOST):
        page.page.keyboard.press("Tab")
        found = page.page.evaluate(_FOCUSED)
        if found is None:
            break
        stops.append((found[0], found[1]))
    assert len(stops) > 15
    assert [stop for stop, is_seen in stops if not is_seen] == []


@pytest.mark.parametrize("path", ["/executions", "/jobs/books", "/dead-letters"])
def test_a_row_that_comes_first_does_not_move_the_focus_to_another_run(
    page: Watched, api: httpx.Client, shared_superuser: psycopg.Connection, workspace: str, path: str
) -> None:
    body = {"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *", "name": "books"}
    api.post(f"/v1/workspaces/{workspace}/jobs", json=body).raise_for_status()
    first = [ended(shared_superuser, workspace, "books", nth=nth) for nth in range(2)]
    browser = opened(page, f"/w/{workspace}{path}")
    focused = "document.activeElement.getAttribute('href')"
    browser.locator(f"main tbody a[href$='{first[0]}']").last.focus()
    before = str(browser.evaluate(focused))
    newest = ended(shared_superuser, workspace, "books", nth=7)
    expect(browser.locator(f"main tbody a[href$='{newest}']").last).to_be_visible()
    assert before.endswith(str(first[0]))
    assert browser.evaluate(focused) == before


def _tab_to(browser: Page, wanted: Locator, *, key: str = "Tab") -> None:
    """Press a key until the focus is where it is wanted. Each stop on the way is seen."""
    expect(wanted).to_have_count(1)
    element = wanted.element_handle()
    for _ in range(_MOST):
        browser.keyboard.press(key)
        found = browser.evaluate(_FOCUSED, element)
        assert found is None or found[1], found
        if found is not None and found[2]:
            return
    pytest.fail(f"{_MOST} presses of {key} do not lead to it")


def _skip_to_content(browser: Page) -> None:
    """The first stop of each page leads past its menu."""
    browser.keyboard.press("Tab")
    expect(browser.get_by_role("link", name="Skip to content")).to_be_focused()
    browser.keyboard.press("Enter")


def test_jobs_are_paused_and_cancelled_by_keys_alone(page: Watched, api: httpx.Client, workspace: str) -> None:
    for name in ("first", "second", "third"):
        body = {"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *", "name": name}
        api.post(f"/v1/workspaces/{workspace}/jobs", json=body).raise_for_status()
    browser = page.page

    def status_of(*names: str) -> list[str]:
        return [api.get(f"/v1/workspaces/{workspace}/jobs/{name}").json()["status"] for name in names]

    page.go(f"/w/{workspace}/jobs")
    _skip_to_content(browser)
    _tab_to(browser, browser.get_by_label("first", exact=True))
    browser.keyboard.press("Space")
    _tab_to(browser, browser.get_by_role("button", name="Pause…"), key="Shift+Tab")
    browser.keyboard.press("Enter")
    expect(browser.get_by_role("heading", name="Pause 1 job?")).to_be_visible()
    _skip_to_content(browser)
    _tab_to(browser, browser.get_by_label("Note"))
    browser.keyboard.type("stocktaking")
    _tab_to(browser, browser.get_by_role("button", name="Pause 1 job"))
    browser.keyboard.press("Enter")
    expect(browser.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
    assert status_of("first", "second", "third") == ["PAUSED", "ACTIVE", "ACTIVE"]

    _skip_to_content(browser)
    _tab_to(browser, browser.get_by_label("All on this page"))
    browser.keyboard.press("Space")
    _tab_to(browser, browser.get_by_role("button", name="Cancel…"))
    browser.keyboard.press("Enter")
    expect(browser.get_by_role("heading", name="Cancel 3 jobs?")).to_be_visible()
    _tab_to(browser, browser.get_by_role("link", name="Back", exact=True))
    browser.keyboard.press("Shift+Tab")
    expect(browser.get_by_role("button", name="Cancel 3 jobs")).to_be_focused()
    browser.keyboard.press("Space")
    expect(browser.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
    assert status_of("first", "second", "third") == ["RETIRED", "RETIRED", "RETIRED"]
    assert page.wrong == []


def test_dead_letters_are_redriven_and_a_workspace_deleted_by_keys_alone(
    page: Watched, api: httpx.Client, shared_superuser: psycopg.Connection, workspace: str
) -> None:
    body = {"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *", "name": "books"}
    api.post(f"/v1/workspaces/{workspace}/jobs", json=body).raise_for_status()
    letter = ended(shared_superuser, workspace, "books", nth=0)
    browser = page.page
    page.go(f"/w/{workspace}/dead-letters/redrive")
    _skip_to_content(browser)
    _tab_to(browser, browser.get_by_label("Limit per second"))
    browser.keyboard.type("none")
    _tab_to(browser, browser.get_by_role("button", name="Redrive 1"))
    browser.keyboard.press("Enter")
    expect(browser.locator("main [aria-invalid=true]")).to_be_focused()
    browser.keyboard.press("Control+A")
    browser.keyboard.type("5")
    browser.keyboard.press("Enter")
    expect(browser).to_have_url(re.compile("/operations/"))
    assert str(letter) in api.get(f"/v1/workspaces/{workspace}/dead-letters").text

    page.go(f"/w/{workspace}/delete")
    _skip_to_content(browser)
    _tab_to(browser, browser.get_by_label(f"Type {workspace} to confirm"))
    browser.keyboard.type("another")
    browser.keyboard.press("Enter")
    expect(browser.get_by_role("button", name="Delete permanently")).to_be_disabled()
    assert api.get(f"/v1/workspaces/{workspace}").status_code == 200
    browser.keyboard.press("Control+A")
    browser.keyboard.type(workspace)
    _tab_to(browser, browser.get_by_role("button", name="Delete permanently"))
    browser.keyboard.press("Enter")
    expect(browser.get_by_role("heading", name=re.compile("delet", re.IGNORECASE))).to_be_visible()
    assert api.get(f"/v1/workspaces/{workspace}").status_code == 404
    assert page.wrong == []


def test_a_menu_that_is_left_by_escape_gives_the_focus_back(page: Watched, furnished: Furniture) -> None:
    page.go(f"/w/{furnished.workspace}/jobs")
    more = page.page.locator("nav details.more > summary")
    more.focus()
    page.page.keyboard.press("Enter")
    page.page.keyboard.press("Tab")
    expect(more).not_to_be_focused()
    page.page.keyboard.press("Escape")
    expect(more).to_be_focused()
    expect(page.page.locator("nav details.more[open]")).to_have_count(0)


_CHANGE = """([action, names]) => {
  const form = document.createElement("form");
  form.method = "post";
  form.action = action;
  for (const [name, value] of [["action", "pause"], ["confirmed", "yes"], ...names.map((each) => ["jobs", each])]) {
    const field = document.createElement("input");
    [field.type, field.name, field.value] = ["hidden", name, value];
    form.append(field);
  }
  document.body.append(form);
  form.submit();
}"""


@pytest.mark.parametrize("element", ["link", "button"])
def test_the_steps_of_a_change_leave_the_focus_where_it_is(
    page: Watched, workspace: str, element: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three steps over jobs that do not exist: each step adds rows that say so."""
    monkeypatch.setattr(bulk_jobs, "_SECONDS", 3600)  # a step ends earlier where the machine is busy
    browser = page.page
    held: list[Route] = []

    def hold(route: Route) -> None:
        if "hx-request" in route.request.headers:
            held.append(route)
        else:
            route.continue_()

    def step() -> None:
        eventually(lambda: browser.evaluate("true") and held != [], "the next step was not begun")
        held.pop().continue_()

    browser.route("**/jobs/bulk", hold)
    page.go(f"/w/{workspace}/jobs")
    browser.evaluate(_CHANGE, [f"/w/{workspace}/jobs/bulk", [f"none-{number}" for number in range(250)]])
    rows = browser.locator("#refused tbody tr")
    expect(rows).to_have_count(100)
    wanted = browser.get_by_role("link", name="none-3", exact=True)
    if element == "button":
        wanted = browser.get_by_role("button", name="Continue")
    wanted.focus()
    browser.evaluate("window.before = document.activeElement")
    step()
    expect(rows).to_have_count(200)
    assert browser.evaluate("document.activeElement === window.before")
    step()
    expect(browser.get_by_role("link", name="Back to the jobs")).to_be_visible()
    if element == "link":
        assert browser.evaluate("document.activeElement === window.before")
    else:  # the last step has no button
        expect(browser.locator("#main")).to_be_focused()
    assert page.wrong == []
