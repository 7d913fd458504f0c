"""Keyboard users: the focus is visible, and stays on the same element after each change of the page."""

import httpx
import psycopg
import pytest
from playwright.sync_api import expect

from dashboard.browser import Watched
from dashboard.furniture import Furniture
from dashboard.runs import ended
from dashboard.test_followed import opened

_MOST = 200
_FOCUSED = """() => {
  const focused = document.activeElement;
  if (focused === document.body) return null;
  const box = focused.getBoundingClientRect();
  const isSeen = box.width > 0 && box.height > 0 && getComputedStyle(focused).outlineStyle !== "none";
  return [focused.outerHTML.slice(0, 120), isSeen];
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
