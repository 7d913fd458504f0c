"""A job's page, by its HTML, and the effects of its forms."""

import json
import re
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from lxml import html

from conftest import holding, make_workspace
from dashboard.conftest import Reader
from explain_scene import HOUR, MINUTE, Scene, end_tick, every_kind
from factory import add_key
from kronos import versions
from kronos.dashboard.rendering import instant
from kronos.server_time import CLOCK, boot_time


def texts(page: html.HtmlElement, path: str) -> list[str]:
    return [" ".join(each.text_content().split()) for each in page.xpath(path)]


def send(scene: Scene, path: str, **fields: Any) -> httpx.Response:
    named = {name.replace("__", "/"): value for name, value in fields.items()}
    return scene.client.post(f"/w/{scene.workspace}/jobs/{path}", data=named, follow_redirects=False)


def parsed(response: httpx.Response, status: int) -> html.HtmlElement:
    assert response.status_code == status, response.text
    return html.document_fromstring(response.text)


def test_each_tick_of_the_time_line_leads_to_its_explanation(scene: Scene, reader: Reader) -> None:
    every_kind(scene)
    since, until = (scene.minute - each * MINUTE for each in (61, 10))
    window = f"since={since.isoformat()}&until={until.isoformat()}".replace("+", "%2B")
    page = reader(f"/w/{scene.workspace}/jobs/report?{window}")
    marked = page.xpath("//ol[@class='strip']//a")
    listed = scene.client.get(
        f"{scene.base}/report/ticks",
        params={"from": since.isoformat(), "to": until.isoformat()},
    ).json()["data"]
    assert [each.get("title").partition(": ")[2] for each in marked] == [
        f"{each['disposition'].lower().replace('_', ' ')}. {each['because']}" for each in listed
    ]
    assert len(texts(page, "//section[@aria-labelledby='ticks']//tbody/tr")) == len(listed)
    failed = next(each for each in marked if "bad" in each.get("class") and "failed" in each.get("title"))
    explained = reader(failed.get("href").partition("#")[0])
    assert "answered 503" in explained.xpath("string(//div[@class='explained'])")
    assert [each.get("title") for each in explained.xpath("//a[@aria-current='true'][contains(@class, 'tick')]")] == [
        failed.get("title")
    ]


def test_the_time_line_ends_with_what_is_to_come_whatever_the_schedule_was(scene: Scene, reader: Reader) -> None:
    every_kind(scene)  # every minute until now, once an hour from now on
    assert scene.client.patch(f"{scene.base}/report", json={"cron": "30 * * * *"}).status_code == 200
    page = reader(f"/w/{scene.workspace}/jobs/report")
    marked = page.xpath("//ol[@class='strip']//a/@title")
    assert 20 < len(marked) <= 100
    assert "upcoming" in marked[-1]
    assert len(page.xpath("//ol[@class='runs']/li")) == 20


@pytest.mark.parametrize("behind", [40 * MINUTE, -40 * MINUTE])
def test_the_time_line_goes_by_the_clock_that_ticks_go_by(
    scene: Scene, reader: Reader, monkeypatch: pytest.MonkeyPatch, behind: timedelta
) -> None:
    """That is PostgreSQL's clock, which was set since this process last read it: 45 minutes of ticks became 85, and
    were cut."""
    every_kind(scene)
    assert scene.client.patch(f"{scene.base}/report", json={"cron": "30 * * * *"}).status_code == 200
    seen = CLOCK.seconds() - boot_time() - behind.total_seconds()
    monkeypatch.setattr(CLOCK, "_ahead", seen)
    page = reader(f"/w/{scene.workspace}/jobs/report")
    marked = page.xpath("//ol[@class='strip']//a/@title")
    assert "upcoming" in marked[-1]
    assert sum("upcoming" in each for each in marked) in (5, 6)  # one may be due right now
    assert 46 < len(marked) < 60


def test_next_runs_are_marked_where_clocks_change(scene: Scene, reader: Reader) -> None:
    berlin = {"timezone": "Europe/Berlin", "starts_at": "2027-03-25T00:00:00Z"}
    scene.make(name="moved", cron="30 2 * * *", **berlin)
    scene.make(name="left-out", cron="30 2 * * *", dst_gap="SKIP", **berlin)
    assert "moved: clocks go forward" in reader(f"/w/{scene.workspace}/jobs/moved").xpath("string(//ol[@class='runs'])")
    text = reader(f"/w/{scene.workspace}/jobs/left-out").xpath("string(//section[@aria-labelledby='next'])")
    assert "does not exist that day" in text


def test_the_calendar_counts_the_days_and_leads_to_each(scene: Scene, reader: Reader) -> None:
    job_id = scene.make_old(scene.minute + 24 * HOUR, cron="30 23 * * *", timezone="Asia/Kolkata", name="daily")
    end_tick(scene, job_id, datetime.fromisoformat("2026-03-01T18:00:00+00:00"), "SUCCESS", "SCHEDULE", None)
    page = reader(f"/w/{scene.workspace}/jobs/daily?month=2026-03")
    days = page.xpath("//div[@class='month']/a")
    assert [each.get("title") for each in days][:2] == [
        "2026-03-01: 1 delivered",
        "2026-03-02: 1 unaccounted",
    ]
    assert len(days) == 31
    # Text that is read aloud begins with the visible text (WCAG 2.5.3), also when something is wrong.
    assert days[1].get("aria-label") is None
    seen, _, aloud = days[1].text_content().partition("2026-03-02")
    assert (seen.split()[:2], seen.split()[-1], aloud.strip()) == (["2", "1"], "1", ": 1 unaccounted")
    rows = texts(page, "//section[@aria-labelledby='calendar']//tbody/tr")
    assert rows[0] == "2026-03-01 1 1 delivered"
    day = reader(days[0].get("href").partition("#")[0])
    assert len(day.xpath("//ol[@class='strip']//a")) == 1


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("2026-02-17T09:30:12Z", "minute 30 does not match"),
        ("2026-02-17T09:30", "minute 30 does not match"),
        ("2026-02-17 10:30:00+01:00", "minute 30 does not match"),
        ("yesterday", "This is not a time."),
        ("0099-01-01T00:00:00Z", "The year must be between"),
        ("<script>", "This is not a time."),
    ],
)
def test_any_instant_may_be_typed(scene: Scene, at: str, said: str) -> None:
    scene.make(name="once-an-hour", cron="31 * * * *")
    scene.connection.execute(
        "update kronos.jobs set ticks_from = '2024-01-01' where name = 'once-an-hour' and workspace_id = "
        "(select workspace_id from kronos.workspaces where slug = %s)",
        [scene.workspace],
    )
    page = parsed(scene.client.get(f"/w/{scene.workspace}/jobs/once-an-hour", params={"at": at}), 200)
    assert said in page.xpath("string(//section[@aria-labelledby='explain'])")
    assert page.xpath("string(//input[@name='at']/@value)") == at


def test_a_typed_time_without_an_offset_is_local_in_the_jobs_zone(scene: Scene) -> None:
    """As in kronos job explain and the API: one question has one answer."""
    scene.make(name="in-delhi", cron="0 9 * * *", timezone="Asia/Kolkata")
    for at, said in (("2099-02-17 09:00", "2099-02-17T03:30:00Z"), ("2099-02-17T09:00Z", "minute 30 does not match")):
        page = parsed(scene.client.get(f"/w/{scene.workspace}/jobs/in-delhi", params={"at": at}), 200)
        section = page.xpath("//section[@aria-labelledby='explain']")[0]
        assert "Time, in Asia/Kolkata or with an offset" in section.text_content()
        assert said in section.text_content()


def test_a_pause_with_a_note_and_an_end_a_resumption_and_ticks_that_are_skipped(scene: Scene, reader: Reader) -> None:
    scene.make(name="report", cron="0 9 * * *")
    refused = parsed(send(scene, "report/pause", **{"/note:text?": "audit", "/until:utc?": "2020-01-01T00:00"}), 422)
    assert refused.xpath("string(//details[@id='pause']/@open)") == "open" or refused.xpath(
        "//details[@id='pause'][@open]"
    )
    assert refused.xpath("string(//input[@name='/note:text?']/@value)") == "audit"
    assert "is in the past" in refused.xpath("string(//details[@id='pause']//ul[@class='faults'])")
    assert "data-live" not in refused.get_element_by_id("main").attrib

    paused = send(scene, "report/pause", **{"/note:text?": "audit", "/until:utc?": "2099-01-01T00:00"})
    assert (paused.status_code, paused.headers["location"]) == (303, f"/w/{scene.workspace}/jobs/report")
    head = reader(f"/w/{scene.workspace}/jobs/report").xpath("string(//main)")
    assert "“audit”" in head
    assert "2099-01-01 00:00:00 UTC" in head
    assert send(scene, "report/resume").status_code == 303
    assert scene.client.get(f"{scene.base}/report").json()["status"] == "ACTIVE"
    assert send(scene, "report/skip-next", **{"/count:integer": "2"}).status_code == 303
    assert scene.client.get(f"{scene.base}/report").json()["skip_next"] == 2
    many = parsed(send(scene, "report/skip-next", **{"/count:integer": "many"}), 422)
    assert many.xpath("//details[@id='skip'][@open]//ul[@class='faults']")


def test_a_trigger_runs_once_however_often_its_form_is_sent(scene: Scene, reader: Reader) -> None:
    scene.make(name="report", cron="0 9 * * *", input={"customer": 7})
    form = reader(f"/w/{scene.workspace}/jobs/report").xpath("//details[@id='trigger']//form")[0]
    assert '"customer": 7' in form.xpath("string(.//textarea)")
    fields = {"once": form.xpath("string(.//input[@name='once']/@value)"), "/input:json": '{"customer": 8}'}
    first, second = (send(scene, "report/trigger", **fields) for _ in range(2))
    assert first.headers["location"] == second.headers["location"]
    execution = scene.client.get(
        f"/v1/workspaces/{scene.workspace}/executions/{first.headers['location'][-36:]}"
    ).json()
    assert (execution["cause"], execution["input"]) == ("MANUAL", {"customer": 8})
    refused = parsed(send(scene, "report/trigger", **fields | {"/input:json": '{"customer": }'}), 422)
    assert refused.xpath("string(//details[@id='trigger'][@open]//textarea)").strip() == '{"customer": }'
    assert "invalid JSON" in refused.xpath("string(//ul[@id='f-input-faults'])")


def test_a_long_input_stands_on_its_page_once_and_is_the_triggers_all_the_same(scene: Scene) -> None:
    given = {"order": "x" * 40_000, "lines": ['"quoted"'] * 1_000, "html": "</pre><script>alert(1)</script>"}
    # Once a year: the days of a month that are to come have a link each, and a page that is too large is cut.
    scene.make(name="report", cron="0 9 1 6 *", input=given)
    answered = scene.client.get(f"/w/{scene.workspace}/jobs/report")
    assert len(answered.content) < 100_000
    page = parsed(answered, 200)
    (shown,) = [each for each in page.xpath("//pre/code/text()") if "x" * 40_000 in each]
    assert json.loads(shown) == given
    assert page.xpath("string(//details[@id='trigger']//textarea)").strip() == ""
    once = page.xpath("string(//details[@id='trigger']//input[@name='once']/@value)")
    location = send(scene, "report/trigger", **{"once": once, "/input:json": ""}).headers["location"]
    made = scene.client.get(f"/v1/workspaces/{scene.workspace}/executions/{location[-36:]}").json()
    assert made["input"] == given


def test_a_job_is_cancelled_by_its_name_alone(scene: Scene, reader: Reader) -> None:
    scene.make(name="report", cron="0 9 * * *")
    wrong = parsed(send(scene, "report/cancel", **{"/confirm": "reports", "if_match": "1"}), 422)
    assert "the name does not match" in wrong.xpath("string(//details[@id='cancel'][@open])")
    old = send(scene, "report/cancel", **{"/confirm": "report", "if_match": "7"})
    assert old.status_code == 412
    assert scene.client.get(f"{scene.base}/report").json()["status"] == "ACTIVE"
    assert send(scene, "report/cancel", **{"/confirm": "report", "if_match": "1"}).status_code == 303
    page = reader(f"/w/{scene.workspace}/jobs/report")
    assert scene.client.get(f"{scene.base}/report").json()["status"] == "RETIRED"
    assert page.xpath("//details[@id='cancel']") == []


@pytest.mark.parametrize(
    "terms",
    [
        {"every": "90m", "anchor": "2026-01-01T00:00:00Z"},
        {"every": "2d", "anchor": "2026-01-01T09:00:00", "timezone": "Europe/Berlin"},
        {
            "cron": "5 4 * * *",
            "timezone": "Asia/Kolkata",
            "title": "Old",
            "tags": ["a", "b"],
            "input": {"x": [1, None]},
            "jitter_seconds": 9,
            "spread": "5m",
            "overlap": "QUEUE",
            "catch_up": {"policy": "ALL", "window_seconds": 60},
            "max_runs": 9000,
            "starts_at": "2026-12-24T00:00:00Z",
            "ends_at": "2098-01-01T00:00:00Z",
            "dst_gap": "SKIP",
            "dst_overlap": "BOTH",
            "priority": 3,
            "deadline_seconds": 600,
            "on_failure": {"endpoint": "sink", "statuses": ["CANCELLED"]},
        },
    ],
)
def test_a_rollback_has_all_terms_of_the_old_version(scene: Scene, reader: Reader, terms: dict[str, Any]) -> None:
    scene.make(name="report", **terms)
    old = scene.client.get(f"{scene.base}/report").json()
    changed: dict[str, Any] = {
        "cron": "1 1 * * *",
        "timezone": "UTC",
        "title": None,
        "tags": [],
        "input": {},
        "jitter_seconds": 0,
        "spread": None,
        "overlap": "ALLOW",
        "catch_up": {"policy": "SKIP", "window_seconds": 0},
        "max_runs": None,
        "starts_at": None,
        "ends_at": None,
        "dst_gap": "SHIFT",
        "dst_overlap": "FIRST",
        "priority": 0,
        "deadline_seconds": None,
        "on_failure": None,
        "calendars": [],
        "on_blackout": "SKIP",
    }
    assert scene.client.patch(f"{scene.base}/report", json=changed).status_code == 200
    page = reader(f"/w/{scene.workspace}/jobs/report?compare=1")
    without: dict[str, Any] = {"every": None, "anchor": None, "endpoint": "sink", "name": "report", "on_success": None}
    without["offset_seconds"] = 0
    present = changed | without
    differing = texts(page, "//div[@id='compared']//tbody/tr/th")
    assert set(differing) == {name for name in versions.TERMS if old[name] != present[name]}
    rolled = send(scene, "report/rollback", version="1", if_match="2")
    assert rolled.status_code == 303
    new = scene.client.get(f"{scene.base}/report").json()
    assert new["version"] == 3
    assert {name: new[name] for name in versions.TERMS} == {name: old[name] for name in versions.TERMS}
    assert send(scene, "report/rollback", version="1", if_match="2").status_code == 412
    again = send(scene, "report/rollback", version="1", if_match="3")  # version 3 already has these terms
    assert (again.status_code, scene.client.get(f"{scene.base}/report").json()["version"]) == (303, 3)
    assert send(scene, "report/rollback", version="99", if_match="3").status_code == 404
    assert send(scene, "report/rollback", version="x", if_match="3").status_code == 422


def test_a_backfill_is_counted_before_it_is_started_and_stopped_from_the_page(scene: Scene, reader: Reader) -> None:
    scene.make_old(scene.minute, name="report")
    begins, ends = (f"{scene.minute - each * MINUTE:%Y-%m-%dT%H:%M}" for each in (30, 10))
    fields = {"/from:utc": begins, "/to:utc": ends, "/include:list": ["MISSED", "SKIPPED"], "/max_active:integer": "2"}
    counted = parsed(send(scene, "report/backfill", **fields, start="yes"), 200)  # never without its count
    assert "20 of 20 ticks would run" in " ".join(counted.xpath("string(//p[@id='counted'])").split())
    assert scene.client.get(f"{scene.base}/report/backfills").json()["data"] == []
    assert counted.xpath("//details[@id='backfill'][@open]")
    shown = counted.xpath("string(//input[@name='counted']/@value)")
    once = counted.xpath("string(//details[@id='backfill']//input[@name='once']/@value)")
    other = {**fields, "/to:utc": f"{scene.minute - 5 * MINUTE:%Y-%m-%dT%H:%M}"}
    recounted = parsed(send(scene, "report/backfill", **other, start="yes", counted=shown, once=once), 200)
    assert "25 of 25 ticks" in " ".join(recounted.xpath("string(//p[@id='counted'])").split())
    for _ in range(2):  # sent twice, started once
        started = send(scene, "report/backfill", **fields, start="yes", counted=shown, once=once)
        assert started.status_code == 303
    (backfill,) = scene.client.get(f"{scene.base}/report/backfills").json()["data"]
    assert (backfill["status"], backfill["max_active"]) == ("RUNNING", 2)
    page = reader(f"/w/{scene.workspace}/jobs/report")
    assert page.xpath("//section[@aria-labelledby='backfills']//progress/@max") == ["20"]
    assert send(scene, f"report/backfills/{backfill['backfill_id']}/cancel").status_code == 303
    assert "cancelled" in reader(f"/w/{scene.workspace}/jobs/report").xpath(
        "string(//section[@aria-labelledby='backfills'])"
    )
    late = parsed(send(scene, "report/backfill", **fields | {"/to:utc": "2099-01-01T00:00"}), 422)
    assert "is in the future" in late.xpath("string(//ul[@id='f-to-faults'])")


def test_a_one_shot_has_a_page_of_what_fits(scene: Scene, reader: Reader) -> None:
    once = scene.make(trigger="DELAYED", run_at="2099-01-01T00:00:00Z", name="later")
    page = reader(f"/w/{scene.workspace}/jobs/{once}?at=2099-01-01T00:00:00Z")
    assert page.xpath("//main//h2/@id") == ["explain", "executions", "actions"]
    assert "It will run at" in page.xpath("string(//div[@class='explained'])")
    assert texts(page, "//details[@class='folded']/summary") == ["Input", "Cancel permanently"]
    assert send(scene, f"{once}/cancel", **{"/confirm": "later"}).status_code == 303


def test_an_older_version_leads_to_the_one_that_runs_and_cannot_be_changed(scene: Scene, reader: Reader) -> None:
    first = scene.make(name="report", cron="0 9 * * *")
    scene.client.patch(f"{scene.base}/report", json={"cron": "1 9 * * *"})
    page = reader(f"/w/{scene.workspace}/jobs/{first}")
    assert texts(page, "//p[@class='notice warn']") == [
        "This is version 1. There is a newer version 2, which is the active one."
    ]
    assert page.xpath("//h2[@id='actions']") == []
    refused = parsed(send(scene, f"{first}/pause"), 409)
    assert "was replaced" in refused.xpath("string(//main)")


def test_who_may_only_read_is_offered_nothing_and_sees_no_payload(scene: Scene) -> None:
    scene.make(name="report", cron="0 9 * * *", input={"iban": "DE02"})
    scene.client.patch(f"{scene.base}/report", json={"input": {"iban": "DE03"}})
    key = add_key(scene.connection, scene.workspace, "viewer", sees_payloads=False)
    with holding(scene.client, key) as viewer:
        answered = viewer.get(f"/w/{scene.workspace}/jobs/report?compare=1&at=2099-01-01T09:00:00Z")
        page = parsed(answered, 200)
        assert "DE0" not in answered.text
        assert page.xpath("//main//form[@method='post']") == []
        assert texts(page, "//main//a[@class='button']") == ["Why…"]
        for action in ("pause", "resume", "skip-next", "trigger", "cancel", "rollback", "backfill"):
            refused = viewer.post(f"/w/{scene.workspace}/jobs/report/{action}", data={})
            assert refused.status_code == 403, action


def test_another_workspaces_job_is_not_there(scene: Scene) -> None:
    other = make_workspace(scene.client)
    job_id = scene.make(name="report", cron="0 9 * * *")
    assert scene.client.get(f"/w/{other}/jobs/{job_id}").status_code == 404
    assert scene.client.post(f"/w/{other}/jobs/{job_id}/pause", data={}).status_code == 404


def test_a_yearly_jobs_time_line_holds_the_present_and_its_next_run_where_that_is_near(
    scene: Scene, reader: Reader
) -> None:
    soon = scene.minute + 100 * 24 * HOUR
    scene.make(name="report", cron=f"30 2 {min(soon.day, 28)} {soon.month} *")
    page = reader(f"/w/{scene.workspace}/jobs/report")
    since, until = re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", texts(page, "//section/p[@class='quiet']")[0])
    assert since < f"{scene.minute:%Y-%m-%d %H:%M:%S}" < until
    (tick,) = page.xpath("//ol[@class='strip']//a/@title")
    assert "upcoming" in tick


def test_the_last_run_is_the_newest_one_by_hand_too(scene: Scene, reader: Reader) -> None:
    _, tick = scene.due(name="report")
    made = scene.client.post(f"{scene.base}/report/trigger", json={}).json()
    page = reader(f"/w/{scene.workspace}/jobs/report")
    (link,) = page.xpath("//dt[.='Last run']/following-sibling::dd[1]/a")
    assert link.get("href").endswith(made["execution_id"])
    assert instant(link.xpath("time/@datetime")[0]) > tick
