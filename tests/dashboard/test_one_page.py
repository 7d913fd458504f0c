"""Tests use one page in turn: a test finds nothing of the one before it."""

from pathlib import Path

import httpx
from playwright.sync_api import Browser, Page, expect

from conftest import Api
from dashboard.browser import DESKTOP, watched

_LASTING = (
    *(
        ".add_init_script(",
        ".clock.install(",
        ".expose_",
        ".grant_permissions(",
        ".context.route(",
        ".new_cdp_session(",
    ),
    *(".set_extra_http_headers(", ".set_offline(", ".set_geolocation(", ".keyboard.down(", ".on(", ".once("),
)
"""What stays until a page or its context is closed: Watched has the methods for it, and is then not used again. What
listens is removed where it was added.
"""


def _look(page: Page) -> list[object]:
    """What a test could leave: the look, what is stored, cookies, and an element that the mouse is over."""
    told: list[object] = page.evaluate(
        "[innerWidth, matchMedia('(prefers-color-scheme: dark)').matches, localStorage.length,"
        " sessionStorage.getItem('a'), document.querySelectorAll('main :hover').length]"
    )
    return [*told, page.viewport_size, [each["name"] for each in page.context.cookies()]]


def test_a_page_is_made_as_new(browser: Browser, shared_api: Api, api: httpx.Client, workspace: str) -> None:
    there = f"/w/{workspace}/jobs"
    with watched(browser, str(api.base_url).rstrip("/"), key=shared_api.key) as page:
        page.go(there)
        expect(page.page.locator("#live")).to_have_attribute("data-state", "open")
        before = _look(page.page)
        assert before == [1440, False, 0, None, 0, DESKTOP, []]
        page.show(360, "dark")
        page.page.evaluate("localStorage.setItem('kronos-live', 'off'); sessionStorage.setItem('a', 'b')")
        page.page.context.add_cookies([{"name": "kronos-notice", "value": "Job%20paused.", "url": page.origin}])
        page.page.route("**/jobs", lambda route: route.fulfill(body="<h1>another</h1>", content_type="text/html"))
        page.page.locator("h1").hover()
        page.wrong.append("of the test before")
        assert all(one != other for one, other in zip(before, _look(page.page), strict=True))
        assert page.renew()
        assert page.wrong == []
        page.go(there)
        expect(page.page.locator("#live")).to_have_attribute("data-state", "open")
        expect(page.page.locator("h1")).to_have_text("Jobs")
        assert _look(page.page) == before


def test_a_page_that_cannot_be_made_as_new_is_not_used_again(browser: Browser, shared_api: Api, origin: str) -> None:
    with watched(browser, origin, key=shared_api.key) as page:
        assert not page.renew(), "nothing that it stores can be removed from elsewhere"
        page.begin_with("window.isAltered = true")
        page.go("/w")
        assert page.page.evaluate("window.isAltered")
        assert not page.renew()
    with watched(browser, origin, key=shared_api.key) as page:
        page.stop_clock()
        page.go("/w")
        assert not page.renew()
    with watched(browser, origin, key=shared_api.key) as page:
        page.go("/w")
        page.page.context.new_page()
        assert not page.renew(), "another window could go on"


def test_what_stays_with_a_page_is_done_by_its_methods() -> None:
    found = {
        (path.name, each)
        for path in Path(__file__).parent.glob("*.py")
        for each in _LASTING
        if path.name != Path(__file__).name and each in path.read_text()
    }
    of_watched = {("browser.py", each) for each in (".add_init_script(", ".clock.install(", ".on(")}
    assert found == of_watched | {("conftest.py", ".on(")}
