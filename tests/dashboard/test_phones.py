"""A phone's first screen: each list starts there with its content, and its filter is one tap away."""

import re

import pytest
from playwright.sync_api import expect

from dashboard.browser import DESKTOP, PHONE, Watched
from dashboard.furniture import Furniture

_LISTS = ("executions", "dead-letters", "jobs", "alerts", "audit", "heartbeats")


@pytest.mark.parametrize("path", _LISTS)
def test_a_list_begins_on_the_first_screen_of_a_telephone_and_has_its_filter_at_hand(
    page: Watched, furnished: Furniture, path: str
) -> None:
    browser = page.page
    page.go(f"/w/{furnished.workspace}/{path}")
    row, filters = browser.locator("main table tbody tr").first, browser.locator("form.filters button")
    for size in (PHONE, DESKTOP):
        browser.set_viewport_size(size)
        box = row.bounding_box()
        assert box is not None
        assert box["y"] < size["height"] * 0.66, size
        is_phone = size is PHONE
        expect(browser.locator("summary", has_text=re.compile("ilter")).first).to_be_visible(visible=is_phone)
        expect(filters.first).to_be_visible(visible=not is_phone)
    browser.set_viewport_size(PHONE)
    browser.locator("summary", has_text=re.compile("ilter")).first.click()
    expect(filters.first).to_be_visible()
    top = browser.locator("header.top .brand").bounding_box(), browser.locator("#zone").bounding_box()
    assert abs(top[0]["y"] - top[1]["y"]) < 20, "the tools are beside the name, whatever the status light says"  # type: ignore[index]


def test_a_filter_that_is_set_is_open_and_stays_so_while_the_list_follows(page: Watched, furnished: Furniture) -> None:
    browser = page.page
    browser.set_viewport_size(PHONE)
    for asked in ("executions?status=FAILED", "dead-letters?q=a", "jobs?status=any", "alerts?status=RESOLVED"):
        page.go(f"/w/{furnished.workspace}/{asked}")
        expect(browser.get_by_role("button", name="Filter")).to_be_visible()
    page.go(f"/w/{furnished.workspace}/jobs")
    browser.get_by_text("More filters").click()
    with browser.expect_response(lambda answer: "hx-request" in answer.request.headers):
        browser.evaluate("refresh()")
    expect(browser.get_by_role("button", name="Filter")).to_be_visible()


def test_what_is_done_with_ticked_jobs_unfolds_as_one_is_ticked(page: Watched, furnished: Furniture) -> None:
    browser = page.page
    browser.set_viewport_size(PHONE)
    page.go(f"/w/{furnished.workspace}/jobs")
    pause = browser.get_by_role("button", name="Pause…")
    expect(pause).to_be_hidden()
    browser.locator("input[data-select]").first.check()
    expect(pause).to_be_visible()
    browser.locator("input[data-select]").first.uncheck()
    expect(pause).to_be_hidden()
    browser.keyboard.press("Escape")
    page.go(f"/w/{furnished.workspace}/dead-letters")
    browser.keyboard.press("/")
    expect(browser.get_by_label("Error contains")).to_be_focused()
