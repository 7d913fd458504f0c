"""Signing in with a key, being signed out with it, and what a role is offered: by HTML, and in a browser."""

import httpx
import psycopg
import pytest
from lxml import html

from api.signing_in import Browser
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
    again = browser.request("GET", "/sign-in")  # who is signed in goes on
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
    assert "no key that works" in page.xpath("string(//*[@role='alert'])")
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
