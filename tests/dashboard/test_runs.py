"""The pages of the overview, executions, dead letters and load: by their HTML, and in a browser what people do
there."""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import httpx
import psycopg
import pytest
from lxml import html
from playwright.sync_api import Browser, Route, expect

from conftest import Api, await_condition, holding, make_workspace, running_api
from dashboard.browser import Watched, watched
from dashboard.furniture import Furniture
from dashboard.runs import ended
from factory import add_key
from kronos import load
from kronos.api import live as hubs
from kronos.coming import Coming
from sql_factory import value

Reader = Callable[[str], html.HtmlElement]
SECRET = "the till is out of paper"


@pytest.fixture
def job(api: httpx.Client, workspace: str) -> str:
    body = {"endpoint": "sink", "trigger": "CRON", "name": "books", "cron": "0 0 1 1 *"}
    assert api.post(f"/v1/workspaces/{workspace}/jobs", json=body).status_code == 201
    return "books"


def words(page: html.HtmlElement, path: str) -> str:
    """The text of an XPath's elements."""
    (found,) = page.xpath(path)
    return " ".join(found.text_content().split())


def test_an_empty_workspace_says_what_to_do_next(api: httpx.Client, reader: Reader, workspace: str) -> None:
    for path, command in (
        ("", "kronos job create"),
        ("/executions", "kronos job trigger"),
        ("/load", "kronos job create"),
    ):
        assert command in words(reader(f"/w/{workspace}{path}"), "//div[@class='empty']")
    assert "There are no dead letters" in words(reader(f"/w/{workspace}/dead-letters"), "//div[@class='empty']")


def test_a_run_says_what_it_waits_for(api: httpx.Client, reader: Reader, workspace: str, job: str) -> None:
    """It said that it waits for a worker, whatever it waited for."""
    base = f"/v1/workspaces/{workspace}"
    assert api.post(f"{base}/endpoints/sink/disable", json={"note": "moving"}).status_code == 200
    run = api.post(f"{base}/jobs/{job}/trigger").json()["execution_id"]
    page = words(reader(f"/w/{workspace}/executions/{run}"), "//main")
    assert page.count("endpoint sink is disabled: it was disabled by hand (moving)") == 2
    assert "worker" not in page


def test_a_filter_that_names_nothing_is_said_to(reader: Reader, workspace: str, job: str) -> None:
    for query, said in (
        ("job=bokos", "There is no job bokos. Show all"),
        ("endpoint=snik", "There is no endpoint snik. Show all"),
        (f"job={job}&status=FAILED", "No execution matches. Show all"),
    ):
        assert words(reader(f"/w/{workspace}/executions?{query}"), "//div[@class='empty']") == said


@pytest.mark.parametrize(("asked", "shown"), [("limit=51", "limit=50"), ("q=a&limit=200", "q=a&limit=50")])
def test_a_list_has_fifty_rows_a_page_at_most(api: httpx.Client, workspace: str, asked: str, shown: str) -> None:
    """Two hundred runs are 190 kB."""
    sent = api.get(f"/w/{workspace}/executions?{asked}")
    assert (sent.status_code, sent.headers["location"]) == (303, f"/w/{workspace}/executions?{shown}")
    assert api.get(sent.headers["location"]).status_code == 200
    for more, status in (("limit=201", 400), (f"limit={'9' * 5000}", 400), ("limit=x", 400), ("limit=2", 200)):
        assert api.get(f"/w/{workspace}/executions?{more}").status_code == status


def test_a_list_keeps_its_filters_and_goes_on_by_cursor(
    api: httpx.Client, shared_superuser: psycopg.Connection, reader: Reader, workspace: str, job: str
) -> None:
    for nth in range(3):
        ended(shared_superuser, workspace, job, "SUCCESS", ago=timedelta(minutes=nth + 1), nth=nth)
        ended(shared_superuser, workspace, job, ago=timedelta(minutes=nth + 1), nth=nth)
    sent = api.get(f"/w/{workspace}/executions?status=FAILED&job=&scheduled_after=2026-01-01T00:00&limit=2")
    assert sent.status_code == 303  # to an address without the empty fields
    page = reader(sent.headers["location"])
    assert len(page.xpath("//tbody/tr")) == 2
    assert page.xpath("//select[@name='status']/option[@selected]/@value") == ["FAILED"]
    assert page.xpath("//input[@name='scheduled_after']/@value") == ["2026-01-01T00:00"]
    (older,) = page.xpath("//nav[@class='pages']/a/@href")
    assert "status=FAILED" in older
    rest = reader(older)
    assert len(rest.xpath("//tbody/tr")) == 1
    assert {
        each.split()[-1]
        for each in rest.xpath("//td[@data-label='Status']//span[contains(@class, 'badge')]/text()")
        if each.split()
    } == {"failed"}
    wrong = api.get(f"/w/{workspace}/executions?status=NONE")
    assert (wrong.status_code, wrong.headers["content-type"].partition(";")[0]) == (400, "text/html")


def test_a_run_shows_its_attempts_and_what_is_kept_back(
    api: httpx.Client, shared_superuser: psycopg.Connection, reader: Reader, workspace: str, job: str
) -> None:
    run = ended(shared_superuser, workspace, job)
    page = reader(f"/w/{workspace}/executions/{run}")
    assert len(page.xpath("//details[starts-with(@id, 'attempt-')]")) == 3
    assert SECRET in words(page, "//details[@id='attempt-3']")
    command = words(page, "//code[@id='curl']")
    assert command.startswith("curl -X POST 'https://example.com/hook?token=…'")
    assert "authorization: <authorization>" in command
    assert f"webhook-id: {run}" in command
    spans = [" ".join(each.text_content().split()) for each in page.xpath("//ol[@class='spans']/li")]
    assert [re.sub(r" 20\d\d.*", "", each) for each in spans] == [
        "· created",
        "… waited",
        "✕ attempt 1: failed",
        "… waited for its retry",
        "✕ attempt 2: failed",
        "… waited for its retry",
        "✕ attempt 3: failed",
        "✕ failed",
    ]
    viewer = add_key(shared_superuser, workspace, "viewer", sees_payloads=False)
    with holding(api, viewer) as looking:
        answered = looking.get(f"/w/{workspace}/executions/{run}")
        assert answered.status_code == 200
        assert SECRET not in answered.text
        assert "4711" not in answered.text
        assert "Withheld" in answered.text
        assert html.document_fromstring(answered.text).xpath("//main//form") == []
        assert looking.post(f"/w/{workspace}/executions/{run}/retry", data={}).status_code == 403


def test_a_run_is_retried_once_and_cancelled_by_forms(
    api: httpx.Client, shared_superuser: psycopg.Connection, reader: Reader, workspace: str, job: str
) -> None:
    run = ended(shared_superuser, workspace, job)
    there = f"/w/{workspace}/executions/{run}"
    (action,) = reader(there).xpath("//form[contains(@action, '/retry')]/@action")
    for _ in range(2):  # like a button that is pressed twice
        assert api.post(action, data={"once": "k", "endpoint_version": "same"}).headers["location"] == there
    assert api.get(f"/v1/workspaces/{workspace}/executions/{run}").json()["status"] == "RETRYING"
    (action,) = reader(there).xpath("//form[contains(@action, '/cancel')]/@action")
    assert api.post(action, data={}).status_code == 303
    assert "cancelled" in words(reader(there), "//h1")
    assert api.post(action, data={}).status_code == 303
    assert api.post(f"{there}/retry", data={"endpoint_version": "newest"}).status_code == 400


def test_dead_letters_are_counted_first_and_a_throttle_that_is_none_is_refused_at_its_field(
    api: httpx.Client, shared_superuser: psycopg.Connection, reader: Reader, workspace: str, job: str
) -> None:
    for nth in range(3):
        ended(shared_superuser, workspace, job, nth=nth)
    there = f"/w/{workspace}/dead-letters"
    page = reader(there)
    assert words(page, "//td[@data-label='Number']") == "3"
    (redrive,) = page.xpath("//td[@data-label='Actions']//a[contains(@href, '/redrive')]/@href")
    asked = reader(redrive)
    assert words(asked, "//p[@class='lead']") == "3 dead letters now:"
    fields = {each.get("name"): each.get("value") or "" for each in asked.xpath("//main//form//input")}
    assert fields["/error_type"] == "http_status"
    refused = api.post(redrive.partition("?")[0], data=fields | {"/per_second:integer": "many"})
    assert refused.status_code == 422
    shown = html.document_fromstring(refused.text)
    assert shown.xpath("//input[@name='/per_second:integer']/@value") == ["many"]
    assert shown.xpath("//ul[@id='f-per_second-faults']/li")
    begun = api.post(redrive.partition("?")[0], data=fields | {"/per_second:integer": "5", "/endpoint_version": "same"})
    operation = reader(begun.headers["location"])
    assert "5 per second" in words(operation, "//dl[@class='facts']")
    assert operation.xpath("//progress/@max") == ["3"]
    assert begun.headers["location"] in reader(there).xpath("//table//a/@href"), "it can be found again"
    stopped = api.post(f"{begun.headers['location']}/cancel", data={})
    assert stopped.status_code == 303
    assert "cancelled" in words(reader(begun.headers["location"]), "//div[@id='progress']")


def test_dead_letters_that_are_ticked_are_due_again(
    api: httpx.Client, shared_superuser: psycopg.Connection, reader: Reader, workspace: str, job: str
) -> None:
    runs = [ended(shared_superuser, workspace, job, nth=nth) for nth in range(3)]
    there = f"/w/{workspace}/dead-letters"
    assert api.post(f"{there}/retry", data={}).status_code == 400
    done = api.post(f"{there}/retry", data={"chosen": runs[:2]})
    assert done.headers["location"] == there
    assert reader(there).xpath("//input[@name='chosen']/@value") == runs[2:]


def test_spreading_a_minute_gives_jobs_new_times_at_the_version_that_was_shown(
    api: httpx.Client, reader: Reader, workspace: str
) -> None:
    base = f"/v1/workspaces/{workspace}/jobs"
    for nth in range(4):
        body = {"endpoint": "sink", "trigger": "CRON", "name": f"nine-{nth}", "cron": "0 9 * * 1-5"}
        assert api.post(base, json=body).status_code == 201
    every = {"endpoint": "sink", "trigger": "CRON", "name": "always", "cron": "* * * * *"}
    assert api.post(base, json=every).status_code == 201
    found = api.get(f"/v1/workspaces/{workspace}/load?window=7d").json()
    busiest = found["busiest"][0]
    assert busiest["runs"] == 5
    page = reader(f"/w/{workspace}/load?window=7d&at={busiest['at']}&spread=2")
    moves = page.xpath("//input[@name='move']/@value")
    assert [each.split(" ", 2)[1:] for each in moves] == [["1", "1 9 * * 1-5"], ["1", "2 9 * * 1-5"]]
    assert "2 runs instead of 5" not in words(page, "//main")
    api.patch(f"{base}/nine-1", json={"title": "changed meanwhile"}).raise_for_status()
    done = api.post(f"/w/{workspace}/load/spread", data={"move": moves})
    assert done.status_code == 303
    crons = {each["name"]: each["cron"] for each in api.get(base, params={"status": "ACTIVE"}).json()["data"]}
    assert sorted(crons.values()) == ["* * * * *", *["0 9 * * 1-5"] * 3, "1 9 * * 1-5"]
    assert api.post(f"/w/{workspace}/load/spread", data={"move": "nine-0 1 5 9 * * *"}).status_code == 400


def test_the_load_of_very_many_jobs_is_counted_each_half_minute_and_when_anything_was_changed(
    api: httpx.Client, reader: Reader, workspace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int] = []

    def of_rows(rows: Sequence[load.LoadRow], minutes: int) -> load.Load:
        counted.append(minutes)
        return count(rows, minutes)

    count = load.of_rows
    monkeypatch.setattr(load, "of_rows", of_rows)
    monkeypatch.setattr(Coming, "_SECONDS", 3600.0)

    def make() -> str:
        body = {"endpoint": "sink", "trigger": "CRON", "cron": "0 9 * * *"}
        return str(api.post(f"/v1/workspaces/{workspace}/jobs", json=body).raise_for_status().json()["job_id"])

    def told() -> tuple[str, int]:
        text = words(reader(f"/w/{workspace}/load?window=7d"), "//main").partition(" runs of ")[2].partition(" ")[0]
        return text, len(counted)

    make()
    make()
    assert [told(), told()] == [("2", 1), ("2", 2)], "with few jobs nothing is cached"
    monkeypatch.setattr(Coming, "_MANY", 2)
    assert [told(), told()] == [("2", 3), ("2", 3)]
    third = make()
    assert [told(), told()] == [("3", 4), ("3", 4)]
    api.post(f"/v1/workspaces/{workspace}/jobs/{third}/pause", json={"note": "x"}).raise_for_status()
    assert [told(), told()] == [("2", 5), ("2", 5)]
    monkeypatch.setattr(Coming, "_SECONDS", -1.0)
    assert [told(), told()] == [("2", 6), ("2", 7)]


def test_the_overview_says_what_fails_and_leads_to_it(
    api: httpx.Client, shared_superuser: psycopg.Connection, reader: Reader, workspace: str, job: str
) -> None:
    run = ended(shared_superuser, workspace, job, message="<script>alert(1)</script>")
    page = reader(f"/w/{workspace}")
    (row,) = page.xpath("//caption[contains(text(), 'failed in the last 24 hours')]/../tbody/tr")
    assert row.xpath(".//td[@data-label='Last']/a/@href") == [f"/w/{workspace}/executions/{run}"]
    assert "<script>alert(1)</script>" in row.text_content(), "as text"
    links = page.xpath("//*[local-name()='svg' and contains(@class, 'hours')]/*[local-name()='a']")
    assert len(links) == 12
    told = [each.get("aria-label") for each in links if "failed" in each.get("aria-label")]
    assert len(told) == 1
    (href,) = [each.get("href") for each in links if "failed" in each.get("aria-label")]
    assert run in "".join(reader(href).xpath("//tbody//a/@href"))


def test_from_the_overview_to_the_answer_of_a_failing_attempt(page: Watched, furnished: Furniture) -> None:
    page.go(furnished.path("/w/{workspace}"))
    failing = page.page.get_by_role("table").filter(has=page.page.get_by_text("failed in the last 24 hours"))
    failing.locator("td[data-label=Last] a").first.click()
    expect(page.page.get_by_role("heading", level=1)).to_contain_text("failed")
    expect(page.page.get_by_label("Response body").last).to_have_text(SECRET)
    page.page.locator("#attempt-1 > summary").click()
    expect(page.page.locator("#attempt-1")).to_contain_text("answered 500")


def test_dead_letters_are_redriven_while_one_watches(
    page: Watched, shared_superuser: psycopg.Connection, workspace: str, job: str
) -> None:
    for nth in range(3):
        ended(shared_superuser, workspace, job, nth=nth)
    page.go(f"/w/{workspace}/dead-letters")
    page.page.get_by_role("link", name="Redrive all…").click()
    expect(page.page.get_by_text("3 dead letters now:")).to_be_visible()
    page.page.get_by_role("button", name="Redrive 3").click()
    expect(page.page.locator("#notices")).to_contain_text("Redrive started")
    expect(page.page.locator("#progress")).to_contain_text("0 of 3")
    value(shared_superuser, "select kronos.advance_operations(1000)")
    expect(page.page.locator("#progress")).to_contain_text("3 of 3")
    expect(page.page.locator("#progress")).to_contain_text("completed")
    page.go(f"/w/{workspace}/dead-letters")
    expect(page.page.locator(".empty")).to_contain_text("There are no dead letters")


def test_anothers_change_appears_by_itself(
    page: Watched, api: httpx.Client, asked: list[str], workspace: str, job: str
) -> None:
    page.go(f"/w/{workspace}/executions")
    expect(page.page.locator("#live")).to_contain_text("Live")
    # Within a second: the first request after the page heard of the change, possibly after one already in progress,
    # shows it. The page waits no longer than this, and the server checks four times a second.
    script = api.get(page.page.locator("script[src*='kronos']").first.get_attribute("src") or "").text
    (refresh_ms,) = re.findall(r"const REFRESH_MS = (\d+);", script)
    assert int(refresh_ms) + 1000 * hubs.EVERY_SECONDS <= 900
    for _ in range(3):
        made = api.post(f"/v1/workspaces/{workspace}/jobs/{job}/trigger", json={}).json()
        before = len(asked)
        expect(page.page.locator(f"tbody a[href$='{made['execution_id']}']")).to_be_visible()
        assert 1 <= len(asked) - before <= 2
    page.page.keyboard.press("p")
    expect(page.page.locator("#live")).to_contain_text("Paused")


def test_a_page_whose_answer_takes_long_is_asked_for_less_often_and_for_what_changed_meanwhile(
    page: Watched, api: httpx.Client, workspace: str, job: str
) -> None:
    browser = page.page
    page.go(f"/w/{workspace}/executions")
    expect(browser.locator("#live")).to_contain_text("Live")
    # a clock that the test sets, and an answer that takes as long as the test wants
    browser.evaluate("window.performance.now = () => window.tested ?? 0; window.tested = 1000")
    held: list[Route] = []
    browser.route("**/executions", lambda route: held.append(route))
    with browser.expect_request(lambda each: "hx-request" in each.headers):
        browser.evaluate("window.tested = 100000; refresh()")
    browser.evaluate("window.tested += 2000; refresh(); refresh()")  # two more changes, while it is on its way
    assert browser.evaluate("[live.isAsking, live.isDue, live.waiting]") == [True, True, None]
    made = api.post(f"/v1/workspaces/{workspace}/jobs/{job}/trigger", json={}).json()
    held.pop().continue_()
    # the page asks once more, after a pause
    await_condition(lambda: browser.evaluate("!live.isAsking && live.waiting !== null"), "the answer")
    assert browser.evaluate("live.next - window.tested") == 4 * 2000
    assert held == []
    browser.unroute("**/executions")
    browser.evaluate("clearTimeout(live.waiting); live.waiting = null; window.tested = live.next; refresh()")
    expect(browser.locator(f"tbody a[href$='{made['execution_id']}']")).to_be_visible()
    await_condition(lambda: browser.evaluate("!live.isAsking"), "the next answer")
    assert browser.evaluate("live.next - window.tested") == int(browser.evaluate("REFRESH_MS"))  # it took no time


@pytest.fixture
def waiting_briefly(database_url: str, tmp_path: Path) -> Iterator[Api]:
    """An API that reports after ten seconds that its database is unavailable."""
    with running_api(database_url, tmp_path, database_wait_seconds=10) as api:
        yield api


@pytest.fixture
def away(waiting_briefly: Api) -> Callable[[bool], None]:
    """Take the database away from the API, and give it back."""

    def turn(is_away: bool) -> None:
        parts = psycopg.conninfo.conninfo_to_dict(waiting_briefly.database_url)
        admin = psycopg.conninfo.make_conninfo(waiting_briefly.database_url, dbname="postgres")
        with psycopg.connect(admin, autocommit=True) as connection:
            allowed = psycopg.sql.Literal(not is_away)
            name = psycopg.sql.Identifier(str(parts["dbname"]))
            connection.execute(psycopg.sql.SQL("alter database {} allow_connections {}").format(name, allowed))
            if is_away:
                connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [parts["dbname"]]
                )

    return turn


def test_an_open_page_says_that_postgresql_is_away_and_recovers(
    browser: Browser, waiting_briefly: Api, away: Callable[[bool], None]
) -> None:
    workspace = make_workspace(waiting_briefly.client)
    origin = str(waiting_briefly.client.base_url).rstrip("/")
    with watched(browser, origin, key=waiting_briefly.key) as page:
        page.go(f"/w/{workspace}")
        expect(page.page.get_by_role("heading", level=1)).to_have_text(workspace)
        away(True)
        try:
            page.page.evaluate("htmx.trigger(document.getElementById('main'), 'kronos:changed')")
            expect(page.page.locator("#notices .bad")).to_be_visible()
            expect(page.page.get_by_role("heading", level=1)).to_have_text(workspace)
        finally:
            away(False)
        expect(page.page.locator("#notices .bad")).to_have_count(0)
        expect(page.page.get_by_role("heading", level=1)).to_have_text(workspace)
