"""A session, or the database connection, ends while a form is open: the typed text is still there afterwards."""

import re

import httpx
import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect
from starlette.types import Scope

from factory import add_key
from kronos.dashboard.page import PageRoute


def _sign_in(page: Page, key: str) -> None:
    page.get_by_label("Key", exact=True).fill(key)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign in")).to_have_count(0)


def _sign_out(page: Page) -> None:
    page.locator("details.account summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()


def test_what_was_typed_is_sent_after_the_next_sign_in(
    browser: Browser, api: httpx.Client, origin: str, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    key = add_key(shared_superuser, workspace, "admin")
    context = browser.new_context()
    context.set_default_timeout(240_000)
    try:
        form, other = context.new_page(), context.new_page()
        form.goto(f"{origin}/w/{workspace}/jobs/~new")
        _sign_in(form, key)
        form.locator("#f-name").fill("typed")
        form.locator("#f-endpoint").fill("sink")
        other.goto(f"{origin}/w/{workspace}")
        _sign_out(other)
        form.locator("#f-sentence").fill("every day at 9:00")  # its preview is requested
        expect(form.locator("#notices")).to_contain_text("What you typed is still here")
        expect(form.locator("#f-name")).to_have_value("typed")
        form.get_by_role("button", name="Create the job").click()
        expect(form.locator("main")).to_contain_text("Nothing was done, and what you typed is not lost")
        with context.expect_page() as opened:
            form.get_by_role("link", name="sign in in another tab").click()
        _sign_in(opened.value, key)
        assert api.get(f"/v1/workspaces/{workspace}/jobs/typed").status_code == 404
        form.reload()
        expect(form.get_by_role("heading", level=1)).to_contain_text("typed")
        assert api.get(f"/v1/workspaces/{workspace}/jobs/typed").json()["cron"] == "0 9 * * *"
        other.goto(f"{origin}/w/{workspace}")
        _sign_out(other)  # nothing is typed: it goes to sign in by itself
        expect(form).to_have_url(re.compile(f"/sign-in\\?next=/w/{workspace}/jobs/typed"))
    finally:
        context.close()


def test_nobodys_form_does_nothing_and_says_who_is_asked(origin: str, workspace: str) -> None:
    answered = httpx.post(
        f"{origin}/w/{workspace}/jobs/~new", data={"/name": "x"}, headers={"Origin": origin}, timeout=60
    )
    assert answered.status_code == 401
    assert "www-authenticate" not in answered.headers, "otherwise the browser asks for a password"
    assert 'target="_blank"' in answered.text
    assert "/name" not in answered.text


@pytest.mark.parametrize("status", [429, 500, 503])
def test_who_sent_a_form_is_not_led_to_an_empty_one(status: int) -> None:
    problem = {"title": "Away", "detail": "no room", "status": status, "code": "away", "request_id": "1"}
    texts = {}
    for method in ("GET", "POST"):
        scope: Scope = {
            "type": "http",
            "method": method,
            "path": "/w/acme/load/spread",  # no page is there
            "query_string": b"",
            "headers": [],
            "path_params": {"w": "acme"},
            "kronos.request_id": "1",
        }
        texts[method] = bytes(PageRoute.shown_as(scope, problem, {}).body).decode()
    assert "try again</a>" not in texts["POST"]
    assert "What you typed is not lost" in texts["POST"]
    assert ("try again</a>" in texts["GET"]) == (status >= 500)
