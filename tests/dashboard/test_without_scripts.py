"""Without scripts, users can sign in, read, search, and find why something failed."""

import re

import httpx
import psycopg
from playwright.sync_api import Browser, expect

from dashboard.runs import ended
from factory import add_key


def test_one_signs_in_and_reads_without_scripts(
    browser: Browser, api: httpx.Client, origin: str, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    job = {"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *", "timezone": "Europe/Berlin"}
    for name in ("books", "tills"):
        api.post(f"/v1/workspaces/{workspace}/jobs", json=job | {"name": name}).raise_for_status()
    ended(shared_superuser, workspace, "books", status="FAILED")
    key = add_key(shared_superuser, workspace, "viewer", sees_payloads=True)
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(240_000)
    try:
        page = context.new_page()
        page.goto(f"{origin}/w/{workspace}")
        page.get_by_label("Key", exact=True).fill(key)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(workspace)
        expect(page.locator("main")).to_contain_text("books")  # which fails
        for scripted in ("#live", "#zone", "#theme", "#keys"):
            expect(page.locator(scripted)).to_be_hidden()
        page.get_by_role("link", name="Jobs", exact=True).first.click()
        page.get_by_role("searchbox", name="Search").fill("tills")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("[?&]q=tills"))
        expect(page.get_by_role("link", name="books")).to_have_count(0)
        page.get_by_role("link", name="tills").click()
        next_run = page.locator("ol.runs time").first
        expect(next_run).to_have_text(re.compile(r"-01-01 00:00:00 CET in \d+ d"))  # the job's zone, and how soon
        page.goto(f"{origin}/w/{workspace}/jobs/books")
        page.locator("section[aria-labelledby=executions] tbody a").first.click()
        expect(page.get_by_role("heading", name="Attempts")).to_be_visible()
        page.locator("details > summary").first.click()
        expect(page.locator("main")).to_contain_text("the till is out of paper")
        page.goto(f"{origin}/w/{workspace}/load?window=7d")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
    finally:
        context.close()
