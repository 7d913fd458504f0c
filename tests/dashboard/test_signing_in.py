"""Signing in with a key, being signed out with it, and what each role is offered: by HTML, and in a browser."""

import httpx
import psycopg
import pytest
from lxml import html
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import expect

from api.signing_in import Browser
from dashboard.browser import watched
from dashboard.test_followed import await_events
from factory import add_key
from kronos.api.auth import own_path
from kronos.api.sessions import PLAIN_COOKIE


@pytest.fixture
def key(shared_superuser: psycopg.Connection, workspace: str) -> str:
    return add_key(shared_superuser, workspace, "operator")


def sign_in(browser: Browser, origin: str, key: str, **more: str) -> httpx.Response:
    return browser.request("POST", "/sign-in", origin=origin, data={"key": key} | more)


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "\\/evil.example",
        "/a\\..\\evil",
        "w/acme",
        "javascript:alert(1)",
        "/w\r\nSet-Cookie: a=b",
        "/w/\u2028",
        "/" + "a" * 1001,
    ],
)
def test_nobody_is_sent_to_another_site(api: httpx.Client, origin: str, key: str, given: str | None) -> None:
    assert own_path(given) == "/w"
    sent = sign_in(Browser(api), origin, key, **({} if given is None else {"next": given}))
    assert (sent.status_code, sent.headers["location"]) == (303, "/w")


def test_who_signs_in_comes_back_to_the_page(api: httpx.Client, origin: str, workspace: str, key: str) -> None:
    browser = Browser(api)
    away = browser.request("GET", f"/w/{workspace}/nothing-there?a=1")
    assert (away.status_code, away.headers["location"]) == (303, f"/sign-in?next=/w/{workspace}/nothing-there%3Fa%3D1")
    page = html.document_fromstring(browser.request("GET", away.headers["location"]).text)
    back = page.xpath("string(//input[@name='next']/@value)")
    assert page.xpath("string(//input[@name='key']/@type)") == "password"
    assert not page.xpath("//a[contains(@href, '/auth/login')]")  # no provider is configured
    sent = sign_in(browser, origin, key, next=back)
    assert (sent.status_code, sent.headers["location"]) == (303, f"/w/{workspace}/nothing-there?a=1")
    again = browser.request("GET", "/sign-in")  # a signed-in user goes on
    assert (again.status_code, again.headers["location"]) == (303, "/w")
    out = browser.request("POST", "/sign-out", origin=origin)
    assert (out.status_code, out.headers["location"]) == (303, "/sign-in")
    assert PLAIN_COOKIE not in browser.cookies
    assert "You are signed out." in browser.request("GET", "/sign-in").text


@pytest.mark.parametrize("wrong", ["", "nonsense", "kr_live_000000000000_" + "x" * 43])
def test_a_wrong_key_is_said_and_not_shown_again(api: httpx.Client, origin: str, wrong: str) -> None:
    answered = sign_in(Browser(api), origin, wrong, next="/w/acme")
    assert answered.status_code == 401
    page = html.document_fromstring(answered.text)
    assert "This key does not work" in page.xpath("string(//*[@role='alert'])")
    assert page.xpath("string(//input[@name='next']/@value)") == "/w/acme"
    assert not wrong or wrong not in answered.text
    assert "set-cookie" not in answered.headers


def test_another_sites_page_signs_nobody_in_or_out(api: httpx.Client, origin: str, key: str) -> None:
    browser = Browser(api)
    sign_in(browser, origin, key)
    for path in ("/sign-in", "/sign-out"):
        refused = browser.request("POST", path, origin="https://evil.example", data={"key": key})
        assert refused.status_code == 403
        assert "set-cookie" not in refused.headers
    assert browser.request("GET", "/v1/me").status_code == 200


def test_a_key_signs_in_and_its_end_signs_out_by_itself(
    browser: Chromium, api: httpx.Client, origin: str, workspace: str
) -> None:
    path = f"/v1/workspaces/{workspace}/keys"
    made = api.post(path, json={"role": "admin", "name": "mine"}).json()
    with watched(browser, origin) as reader:
        page = reader.page
        reader.go(f"/w/{workspace}/keys")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        page.get_by_label("Key", exact=True).fill(made["key"])
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(f"{origin}/w/{workspace}/keys")
        (cookie,) = [each for each in page.context.cookies() if each["name"] == PLAIN_COOKIE]
        assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, False, "Lax")
        assert page.evaluate("document.cookie") == ""
        assert made["key"] not in page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")

        await_events(page)
        opened = page.locator("details", has_text="Rotate mine")
        opened.locator("summary").click()
        assert api.post(path, json={"role": "viewer", "name": "another's"}).status_code == 201
        expect(page.get_by_text("another's", exact=True).first).to_be_visible(timeout=240_000)
        expect(opened).to_have_attribute("open", "")  # what the reader has opened stays open

        assert api.delete(f"{path}/{made['key_id']}").status_code == 204
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=240_000)
        expect(page.get_by_text(f"the key {made['public_id']} was revoked")).to_be_visible()
        assert page.url == f"{origin}/sign-in?next=/w/{workspace}/keys"
        assert [each["name"] for each in page.context.cookies() if each["name"] == PLAIN_COOKIE] == []
        assert reader.wrong == []


def test_a_viewer_looks_around_and_signs_out(
    browser: Chromium, origin: str, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    key = add_key(shared_superuser, workspace, "viewer", sees_payloads=False)
    with watched(browser, origin, width=360) as reader:
        page = reader.page
        reader.go(f"/w/{workspace}/settings")
        page.get_by_label("Key", exact=True).fill(key)
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{origin}/w/{workspace}/settings")
        page.get_by_text("More", exact=True).click()
        expect(page.get_by_role("link", name="Usage")).to_be_visible()
        for name in ("Keys", "Audit", "System"):
            expect(page.get_by_role("link", name=name, exact=True)).to_have_count(0)
        page.get_by_role("link", name="Usage").click()
        expect(page.get_by_role("heading", name="Usage")).to_be_visible()
        expect(page.get_by_role("link", name="Change quotas")).to_have_count(0)
        page.locator("details.account summary").click()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        expect(page.get_by_text("You are signed out.")).to_be_visible()
        assert [each for each in page.context.cookies() if each["name"] == PLAIN_COOKIE] == []
        reader.go(f"/w/{workspace}/usage")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        assert reader.wrong == []
