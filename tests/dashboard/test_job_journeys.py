"""What people do on a job's page, in a browser."""

import re

from playwright.sync_api import expect

from dashboard.browser import Watched
from explain_scene import MINUTE, Scene, every_kind


def _open(page: Watched, scene: Scene, query: str = "") -> None:
    page.go(f"/w/{scene.workspace}/jobs/report{query}")


def test_a_missed_tick_is_found_by_its_mark_and_explained(page: Watched, scene: Scene) -> None:
    every_kind(scene)
    since, until = (f"{scene.minute - each * MINUTE:%Y-%m-%dT%H:%M:%SZ}" for each in (61, 40))
    _open(page, scene, f"?since={since}&until={until}")
    missed = page.page.locator("a.tick[title*=': missed.']").first
    reason = missed.get_attribute("title") or ""
    missed.focus()  # as with Tab: the reason is below
    expect(page.page.locator("#tick-said")).to_have_text(reason)
    page.page.keyboard.press("Enter")
    expect(page.page.locator(".explained .lead")).to_contain_text("The tick was missed")
    expect(page.page.locator(".explained .lead")).to_contain_text(reason.partition("missed. ")[2])
    expect(page.page.locator("a.tick[aria-current]")).to_have_attribute("title", reason)
    step = page.page.locator(".steps > li", has_text="accounted for")
    step.get_by_text("Evidence").click()
    expect(step.locator("pre")).to_contain_text("late_seconds")


def test_pause_with_a_note_resume_and_skip(page: Watched, scene: Scene) -> None:
    scene.make(name="report", cron="0 9 * * *")
    _open(page, scene)
    page.page.get_by_role("link", name="Pause…").click()
    page.page.get_by_label("Note").fill("until the audit")
    page.page.get_by_role("button", name="Pause the job").click()
    expect(page.page.locator("#notices")).to_contain_text("Job paused.")
    expect(page.page.locator("main")).to_contain_text("“until the audit”")
    expect(page.page.locator(".head .badge").first).to_contain_text("paused")
    expect(page.page.locator("a.tick").last).to_have_attribute("title", re.compile("to be skipped"))
    page.page.get_by_role("button", name="Resume").click()
    expect(page.page.locator(".head .badge").first).to_contain_text("active")
    page.page.get_by_text("Skip the next ticks").click()
    page.page.get_by_label("How many").fill("2")
    page.page.get_by_role("button", name="Skip ticks").click()
    expect(page.page.locator("#notices")).to_contain_text("The next 2 ticks will be skipped.")
    expect(page.page.locator("a.tick[title*='to be skipped']")).to_have_count(2)


def test_a_change_is_compared_and_rolled_back(page: Watched, scene: Scene) -> None:
    scene.make(name="report", cron="0 9 * * *", input={"customer": 7})
    scene.client.patch(f"{scene.base}/report", json={"cron": "30 9 * * *", "input": {"customer": 8}}).raise_for_status()
    _open(page, scene)
    page.page.get_by_role("link", name="Compare version 1 with 2").click()
    compared = page.page.locator("#compared")
    expect(compared.locator("tbody th")).to_have_text(["cron", "input"])
    compared.get_by_role("button", name="Roll back to version 1").click()
    expect(page.page.locator("#notices")).to_contain_text("Version 3 has the terms of version 1.")
    expect(page.page.locator("main")).to_contain_text("0 9 * * *")
    job = scene.client.get(f"{scene.base}/report").json()
    assert (job["version"], job["cron"], job["input"]) == (3, "0 9 * * *", {"customer": 7})


def test_a_backfill_is_counted_started_and_found_again(page: Watched, scene: Scene) -> None:
    scene.make_old(scene.minute, name="report")
    _open(page, scene)
    page.page.get_by_role("link", name="Backfill…").click()
    page.page.get_by_label("From (UTC)").fill(f"{scene.minute - 30 * MINUTE:%Y-%m-%dT%H:%M}")
    page.page.get_by_label("To (UTC)").fill(f"{scene.minute - 10 * MINUTE:%Y-%m-%dT%H:%M}")
    page.page.get_by_role("button", name="Count first").click()
    expect(page.page.locator("#counted")).to_contain_text("20 of 20 ticks would run")
    page.page.get_by_role("button", name="Start: 20 ticks").click()
    expect(page.page.locator("#notices")).to_contain_text("Backfill started: 20 ticks.")
    _open(page, scene)  # left, and found again
    row = page.page.locator("section[aria-labelledby=backfills] tbody tr")
    expect(row).to_contain_text("running")
    expect(row.locator("progress")).to_have_attribute("max", "20")
    row.get_by_role("button", name="Cancel the backfill").click()
    expect(page.page.locator("#notices")).to_contain_text("Backfill cancelled.")
    expect(row).to_contain_text("cancelled")


def test_a_job_is_cancelled_by_who_writes_its_name(page: Watched, scene: Scene) -> None:
    scene.make(name="report", cron="0 9 * * *")
    _open(page, scene)
    page.page.get_by_role("link", name="Cancel…").click()
    button = page.page.get_by_role("button", name="Cancel the job")
    page.page.get_by_label("Type report to confirm").fill("repor")
    expect(button).to_be_disabled()
    page.page.get_by_label("Type report to confirm").fill("report")
    button.click()
    expect(page.page.locator("#notices")).to_contain_text("Job cancelled. It will not run again.")
    expect(page.page.locator(".head .badge").first).to_contain_text("retired")


def test_a_tick_appears_by_itself_and_what_is_open_or_typed_stays(page: Watched, scene: Scene) -> None:
    job_id = scene.make_old(scene.minute - MINUTE, name="report")
    _open(page, scene)
    expect(page.page.locator("#live")).to_have_attribute("data-state", "open")
    last = page.page.locator(f"a.tick[title^='{scene.minute - MINUTE:%Y-%m-%d %H:%M:%S} UTC']")
    expect(last).to_have_attribute("title", re.compile("overdue"))
    page.page.locator("summary", has_text="Input").click()
    scene.ring(job_id, scene.minute)
    expect(last).to_have_attribute("title", re.compile("waiting"))
    expect(page.page.locator("section[aria-labelledby=executions] tbody tr").first).to_contain_text("queued")
    expect(page.page.locator("details[open] > summary").first).to_have_text("Input")

    page.page.get_by_role("link", name="Pause…").click()
    page.page.get_by_label("Note").fill("until the")
    page.page.locator("h1").click()  # elsewhere, with the note half written
    scene.client.post(f"{scene.base}/report/skip-next", json={"count": 3}).raise_for_status()
    scene.client.post(f"{scene.base}/report/trigger").raise_for_status()
    expect(page.page.locator("#live")).to_have_text(re.compile("Waiting for your form"))  # the event was received
    expect(page.page.get_by_label("Note")).to_have_value("until the")
    page.page.get_by_role("button", name="Pause the job").click()
    expect(page.page.locator("main")).to_contain_text("“until the”")
