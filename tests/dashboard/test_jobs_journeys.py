"""What people do with jobs in a browser: create one, change one, pause hundreds."""

import re

import httpx
import psycopg
from playwright.sync_api import expect

from dashboard.browser import Watched
from dashboard.test_followed import await_events
from depth import depth
from job_operations import work_off

_MANY = depth(220, deep=500)
"""More than a page, than the API returns at once (200), and than a few steps of an operation (25 jobs each)."""


def test_a_job_is_made_from_a_sentence_edited_with_its_runs_shown_and_saved(
    page: Watched, api: httpx.Client, workspace: str
) -> None:
    browser = page.page
    page.go(f"/w/{workspace}/jobs")
    browser.get_by_role("link", name="New job").click()
    browser.get_by_label("Name", exact=True).fill("weekly-report")
    browser.get_by_label("Endpoint", exact=True).fill("sink")
    browser.get_by_label("In words", exact=True).last.fill("every blue moon at 9:30")
    expect(browser.locator("#preview")).to_contain_text("“blue moon” was not understood")
    browser.get_by_label("In words", exact=True).last.fill("every weekday at 9:30")
    browser.get_by_label("Time zone").fill("Europe/Berlin")
    expect(browser.locator("#preview")).to_contain_text("At 09:30 on Monday through Friday")
    expect(browser.locator("#preview li")).to_have_count(10)
    browser.get_by_role("button", name="Create the job").click()
    expect(browser).to_have_url(re.compile("/jobs/weekly-report$"))

    page.go(f"/w/{workspace}/jobs")
    browser.get_by_role("searchbox", name="Search").fill("monday")
    expect(browser).to_have_url(re.compile(r"/jobs\?q=monday$"))
    row = browser.get_by_role("row").filter(has_text="weekly-report")
    expect(row).to_contain_text("At 09:30 on Monday through Friday")
    browser.get_by_role("searchbox", name="Search").fill("sunday")
    expect(browser.locator("#list")).to_contain_text("No job matches")

    page.go(f"/w/{workspace}/jobs/weekly-report/edit")
    browser.get_by_label("Cron expression", exact=True).fill("45 9 * * 1-5")
    browser.get_by_role("button", name="Show what changes").click()
    expect(browser.locator("section[aria-labelledby=changes]")).to_contain_text(re.compile(r"[45] moved"))
    browser.get_by_role("button", name="Save").click()
    expect(browser).to_have_url(re.compile("/jobs/weekly-report$"))
    job = api.get(f"/v1/workspaces/{workspace}/jobs/weekly-report").json()
    assert (job["version"], job["cron"], job["timezone"]) == (2, "45 9 * * 1-5", "Europe/Berlin")


def test_hundreds_of_jobs_are_paused_with_a_note_and_resumed_as_far_as_one_lets_it(
    page: Watched, api: httpx.Client, workspace: str, origin: str, shared_superuser: psycopg.Connection
) -> None:
    jobs = [
        {"endpoint": "sink", "trigger": "CRON", "name": f"job-{number:03}", "cron": "0 3 * * *", "tags": ["many"]}
        for number in range(_MANY)
    ]
    made = api.post(f"/v1/workspaces/{workspace}/jobs:batch", json={"jobs": jobs})
    assert made.status_code == 201, made.text
    browser = page.page
    page.go(f"/w/{workspace}/jobs?tag=many")
    browser.get_by_label("All matching jobs, including other pages").check()
    browser.get_by_role("button", name="Pause…").click()
    expect(browser.get_by_role("heading", level=1)).to_have_text(f"Pause {_MANY} jobs?")
    browser.get_by_label("Note").fill("the warehouse moves")
    browser.get_by_role("button", name=f"Pause {_MANY} jobs").click()
    expect(browser.get_by_role("heading", level=1)).to_have_text("Pause of jobs")
    expect(browser.locator("#progress")).to_contain_text(f"0 of {_MANY}")
    begun = browser.url
    page.go(f"/w/{workspace}/jobs")  # left, and found again
    page.go(f"/w/{workspace}/operations")
    browser.get_by_role("link", name="Pause of jobs").click()
    expect(browser).to_have_url(begun)
    await_events(browser)
    operation = _route_of(begun, origin)
    work_off(shared_superuser, lambda: api.get(operation).json()["done"] > 0)
    expect(browser.locator("#progress")).not_to_contain_text(re.compile(rf"(?<!\d)0 of {_MANY}"))
    work_off(shared_superuser, lambda: api.get(operation).json()["status"] == "COMPLETED")
    expect(browser.locator("#progress")).to_contain_text(f"{_MANY} of {_MANY}")
    expect(browser.get_by_role("button", name="Cancel the operation")).to_have_count(0)
    bulk = {"action": "resume", "filter": {"tag": "many"}, "validate_only": True}
    assert api.post(f"/v1/workspaces/{workspace}/jobs:bulk", json=bulk).json() == {"count": _MANY, "is_more": False}

    page.go(f"/w/{workspace}/jobs?status=PAUSED")
    expect(browser.get_by_role("row").nth(1)).to_contain_text("the warehouse moves")
    browser.get_by_label("All matching jobs, including other pages").check()
    browser.get_by_role("button", name="Resume…").click()
    browser.get_by_role("button", name=f"Resume {_MANY} jobs").click()
    expect(browser.get_by_role("heading", level=1)).to_have_text("Resumption of jobs")
    await_events(browser)
    resumption = _route_of(browser.url, origin)
    work_off(shared_superuser, lambda: api.get(resumption).json()["done"] > 0)
    expect(browser.locator("#progress")).not_to_contain_text(re.compile(rf"(?<!\d)0 of {_MANY}"))
    browser.get_by_role("button", name="Cancel the operation").click()
    expect(browser.locator("#progress")).to_contain_text("cancelled over the API")
    left = api.get(f"/v1/workspaces/{workspace}/jobs", params={"status": "PAUSED", "limit": 200}).json()["data"]
    assert left != []


def _route_of(page: str, origin: str) -> str:
    """The API's path for the resource that a page of a workspace shows."""
    return f"/v1{page.partition(origin)[2]}".replace("/w/", "/workspaces/")
