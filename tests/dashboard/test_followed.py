"""Pages that follow events, an endpoint's and a heartbeat's; and forms that show fields that belong together."""

from collections.abc import Callable

import httpx
import psycopg
import pytest
from playwright.sync_api import Page, expect

from conftest import await_condition
from dashboard.browser import Watched
from dashboard.conftest import Reader
from dashboard.runs import ended
from embedded.waiting import eventually
from kronos.coming import Coming


def opened(page: Watched, path: str) -> Page:
    page.go(path)
    await_events(page.page)
    return page.page


def await_events(page: Page) -> None:
    """Return once the page receives events: it would hear of an earlier change only by its clock, 30 s later."""
    expect(page.locator("#live")).to_have_attribute("data-state", "open")
    # not wait_for_function: its second check is an eval in the page, which the page's policy forbids
    is_open = "live.source?.readyState === EventSource.OPEN"
    eventually(lambda: page.evaluate(is_open), "the page's events are not open")


def _hook(path: str) -> dict[str, object]:
    return {"type": "HTTP", "spec": {"url": f"http://127.0.0.1:9{path}", "method": "POST"}}


def _rule(count: int) -> dict[str, object]:
    return {"condition": {"type": "FAILURES", "count": count}}


def test_an_endpoints_page_follows_its_deliveries_and_what_others_do(
    page: Watched, api: httpx.Client, shared_superuser: psycopg.Connection, workspace: str
) -> None:
    base = f"/v1/workspaces/{workspace}"
    body = {"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *", "name": "books"}
    api.post(f"{base}/jobs", json=body).raise_for_status()
    browser = opened(page, f"/w/{workspace}/endpoints/sink")
    browser.evaluate("window.isHere = true")
    with browser.expect_response(lambda answer: "hx-request" in answer.request.headers) as asked:
        ended(shared_superuser, workspace, "books")
    assert asked.value.status == 200
    api.post(f"{base}/endpoints/sink/disable", json={"note": "the till burns"}).raise_for_status()
    expect(browser.get_by_text("the till burns")).to_be_visible()
    assert browser.evaluate("window.isHere"), "it was not loaded again"


_FOLLOWED: dict[str, tuple[str, dict[str, object], dict[str, object], str]] = {
    "/endpoints/named": ("/endpoints/named", _hook("/old"), _hook("/new"), "http://127.0.0.1:9/new"),
    "/endpoints": ("/endpoints/other", {}, _hook("/other"), "127.0.0.1:9/other"),
    "/configs/named": ("/configs/named", {"values": {"at": "old"}}, {"values": {"at": "new-place"}}, "new-place"),
    "/configs": ("/configs/other", {}, {"values": {"at": "new"}}, "other"),
    "/payload-specs/named": ("/payload-specs/named", {"schema": {}}, {"schema": {"title": "new-one"}}, "new-one"),
    "/calendars/named": ("/calendars/named", {"timezone": "UTC"}, {"timezone": "Asia/Kolkata"}, "Asia/Kolkata"),
    "/secrets": ("/secrets/other", {}, {"value": "hunter2"}, "other"),
    "/alerts": ("/alert-rules/named", _rule(3), _rule(47), "47 failed runs in a row"),
    "/audit": ("/secrets/fresh", {}, {"value": "hunter2"}, "fresh"),
    "/settings": ("", {}, {"name": "Another name"}, "Another name"),
}
"""A page, the API's resource that it shows, its content, another user's change, and the page's text afterwards."""


def test_a_second_users_change_of_what_is_configured_appears_by_itself(
    page: Watched, api: httpx.Client, workspace: str
) -> None:
    base = f"/v1/workspaces/{workspace}"
    for path, (changed, first, second, shown) in _FOLLOWED.items():
        if first:
            api.put(base + changed, json=first).raise_for_status()
        browser = opened(page, f"/w/{workspace}{path}")
        browser.evaluate("window.isHere = true")
        main = browser.locator("main")
        expect(main).not_to_contain_text(shown)
        if changed:
            api.put(base + changed, json=second).raise_for_status()
        else:
            api.patch(base, json=second).raise_for_status()
        expect(main).to_contain_text(shown)
        assert browser.evaluate("window.isHere"), f"{path} was loaded again"
        assert browser.locator("[data-again]").count() == 0, f"{path} polls by the clock"


def test_what_is_typed_stays_though_somebody_else_changes_or_deletes_it(
    page: Watched, api: httpx.Client, workspace: str
) -> None:
    there = f"/v1/workspaces/{workspace}/configs/named"
    api.put(there, json={"values": {"at": "old"}}).raise_for_status()
    browser = opened(page, f"/w/{workspace}/configs/named")
    values = browser.get_by_label("Values")
    values.fill('{"at": "mine"}')
    api.put(there, json={"values": {"at": "theirs"}}).raise_for_status()
    expect(browser.get_by_role("button", name="Waiting for your form")).to_be_visible()
    assert values.input_value() == '{"at": "mine"}'
    browser.get_by_role("button", name="Save").click()
    expect(browser.locator("#refusal")).to_contain_text("version 2")
    assert values.input_value() == '{"at": "mine"}', "the rejected value stays"
    opened(page, f"/w/{workspace}/configs/named")
    api.delete(there).raise_for_status()
    expect(browser.locator("#notices")).to_contain_text("named")
    page.wrong = [each for each in page.wrong if "Response Status Error Code 404" not in each]  # htmx reports it too


def test_what_is_chosen_stays_in_a_list_whose_first_entry_is_the_usual_one(
    page: Watched, api: httpx.Client, workspace: str
) -> None:
    """The choice is that the old key ends immediately: otherwise it would stay valid for an hour, unnoticed."""
    page.begin_with("const set = window.setInterval; window.setInterval = (act, ms) => set(act, ms / 60);")
    base = f"/v1/workspaces/{workspace}"
    api.post(f"{base}/keys", json={"role": "viewer", "name": "ci"}).raise_for_status()
    browser = opened(page, f"/w/{workspace}/keys")
    browser.get_by_text("Rotate").click()
    overlap = browser.get_by_label("The old key stays valid for")
    overlap.select_option("0")
    browser.locator("h1").click()
    api.post(f"{base}/keys", json={"role": "viewer", "name": "another"}).raise_for_status()
    expect(browser.get_by_role("button", name="Waiting for your form")).to_be_visible()
    assert overlap.input_value() == "0"
    overlap.select_option("3600")
    browser.locator("h1").click()
    browser.evaluate("live.next -= 60_000")  # the page's clock, which has it ask again, after half a minute
    expect(browser.locator("main")).to_contain_text("another")


def test_what_is_typed_to_filter_a_list_stays_until_it_is_sent(page: Watched, workspace: str) -> None:
    for part in ("executions", "alerts", "dead-letters", "heartbeats", "audit"):
        browser = opened(page, f"/w/{workspace}/{part}")
        field = browser.locator("form.filters input:not([type=checkbox])").first
        field.fill("nightly")
        browser.locator("h1").click()
        browser.evaluate("refresh()")
        expect(browser.get_by_role("button", name="Waiting for your form")).to_be_visible()
        assert field.input_value() == "nightly", part
        field.press("Enter")
        browser.wait_for_url("**nightly**")
        expect(browser.locator("#live")).to_have_attribute("data-state", "open")
        assert not browser.evaluate("isTyped()"), f"{part}: the page does not wait for a form that was sent"


def test_an_endpoints_page_with_something_rendered_or_refused_stays(api: httpx.Client, workspace: str) -> None:
    there = f"/w/{workspace}/endpoints/sink"
    assert "data-live" in api.get(there).text
    for answer in (
        api.post(f"{there}/render", data={"/input:json": '{"a": 1}'}),
        api.post(f"{there}/render", data={"/input:json": "{"}),
    ):
        assert answer.status_code in (200, 422), answer.text
        assert 'id="main"' in answer.text
        assert "data-live" not in answer.text
        assert "data-again" not in answer.text


def test_a_heartbeats_pages_follow_its_pings_and_do_not_ask_by_the_clock(
    page: Watched, api: httpx.Client, workspace: str
) -> None:
    made = api.put(f"/v1/workspaces/{workspace}/heartbeats/backup", json={"period_seconds": 3600})
    ping = httpx.URL(made.json()["ping_url"]).path
    for path, shown in (("/heartbeats", "1 on time"), ("/heartbeats/backup", "disk 1 is full")):
        browser = opened(page, f"/w/{workspace}{path}")
        assert browser.locator("[data-again]").count() == 0
        api.post(f"{ping}/log" if "disk" in shown else ping, content=b"disk 1 is full").raise_for_status()
        expect(browser.locator("main")).to_contain_text(shown)


def test_the_form_of_an_alert_rule_shows_the_numbers_of_its_kind(
    page: Watched, api: httpx.Client, workspace: str
) -> None:
    page.go(f"/w/{workspace}/alert-rules/~new")
    browser = page.page
    numbers = browser.locator("form.rule .of")

    def shown() -> set[str]:
        visible = [each for each in numbers.all() if each.is_visible()]
        return {each.locator("input").get_attribute("name") or "" for each in visible}

    assert shown() == {"/condition/count:integer"}
    browser.get_by_label("Type", exact=True).select_option("FAILURE_RATE")
    names = ("percent", "runs", "window_seconds", "min_runs")
    assert shown() == {f"/condition/{each}:integer" for each in names}
    browser.get_by_label("Failure rate (percent)").fill("10")
    browser.get_by_label("Type", exact=True).select_option("RUNNING")
    assert shown() == {"/condition/seconds:integer", "/condition/factor:number"}
    browser.get_by_label("Name", exact=True).fill("slow")
    browser.get_by_label("Longer than (seconds)").fill("300")
    browser.get_by_role("button", name="Create the rule").click()
    expect(browser.get_by_text("Alert rule slow created.")).to_be_visible()
    made = api.get(f"/v1/workspaces/{workspace}/alert-rules/slow").json()["condition"]
    assert made == {"type": "RUNNING", "seconds": 300}, "hidden fields are not sent"


def test_a_rule_says_in_words_what_breaks_it(api: httpx.Client, workspace: str, reader: Reader) -> None:
    wanted = {
        "3 failed runs in a row": {"type": "FAILURES", "count": 3},
        "1 failed run": {"type": "FAILURES", "count": 1},
        "2 missed ticks in a row": {"type": "MISSED", "count": 2},
        "10 % of the last 50 runs fail, with at least 20 runs": {
            "type": "FAILURE_RATE", "percent": 10, "runs": 50, "min_runs": 20,
        },
        "a run that begins more than 1 min 30 s late": {"type": "LATE", "seconds": 90},
        "a run that takes more than 5 min, and 3 times its usual duration": {
            "type": "RUNNING", "seconds": 300, "factor": 3,
        },
        "a run that takes more than 1.5 times its usual duration": {"type": "RUNNING", "factor": 1.5},
        "a run that takes more than 1 h": {"type": "RUNNING", "seconds": 3600},
        "5 % of the runs in the last 10 min fail, with at least 1 run": {
            "type": "FAILURE_RATE", "percent": 5, "window_seconds": 600,
        },
        "no success for 1 d": {"type": "NO_SUCCESS", "seconds": 86400},
    }  # fmt: skip
    for nth, condition in enumerate(wanted.values()):
        made = api.put(f"/v1/workspaces/{workspace}/alert-rules/rule-{nth}", json={"condition": condition})
        assert made.status_code == 201, made.text
    rows = reader(f"/w/{workspace}/alerts").xpath("//td[@data-label='Condition']")
    assert {" ".join(each.text_content().split()) for each in rows} == set(wanted)


def test_a_plan_of_very_many_jobs_is_kept_until_a_job_is_made_or_moved(
    api: httpx.Client, workspace: str, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, there = f"/v1/workspaces/{workspace}", f"/w/{workspace}/load/plan"

    def make(name: str) -> None:
        body = {"endpoint": "sink", "trigger": "CRON", "cron": "0 9 * * *", "spread": "3m", "name": name}
        api.post(f"{base}/jobs", json=body).raise_for_status()

    def told() -> str:
        return str(reader(there).xpath("string(//main/p)")).split()[0]

    def at_nine() -> str:
        minute = reader(f"/w/{workspace}/load?window=7d").xpath("//table//a/@href")[0].partition("#")[0]
        return str(reader(minute).xpath("string(//h2[@id='minute']/following-sibling::p)")).split()[0]

    for name in ("one", "two"):
        make(name)
    assert (told(), at_nine()) == ("2", "2")
    monkeypatch.setattr(Coming, "_MANY", 2)
    monkeypatch.setattr(Coming, "_SECONDS", 3600.0)
    assert (told(), at_nine()) == ("2", "2")
    make("three")
    assert (told(), at_nine()) == ("3", "3")
    moves = reader(there).xpath("//input[@name='move']/@value")
    assert api.post(there, data={"move": moves, "confirmed": "yes"}).status_code == 303
    assert (told(), at_nine()) == ("3", "3"), "the sender sees the result"


def test_who_gets_the_name_of_a_deleted_workspace_sees_nothing_of_what_was_kept(
    api: httpx.Client, new_workspace: Callable[[], str], reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Coming, "_MANY", 1)
    monkeypatch.setattr(Coming, "_SECONDS", 3600.0)
    name = new_workspace()
    api.put(f"/v1/workspaces/{name}/endpoints/sink", json=_hook("/")).raise_for_status()
    body = {"endpoint": "sink", "trigger": "CRON", "cron": "0 9 * * *", "spread": "3m", "name": "hunter2"}
    for nth in (1, 2):
        api.post(f"/v1/workspaces/{name}/jobs", json=body | {"name": f"hunter{nth}"}).raise_for_status()
    load = f"/w/{name}/load?window=7d"
    minute = reader(load).xpath("//table//a/@href")[0].partition("#")[0]
    there = (load, minute, f"/w/{name}/load/plan")
    assert "hunter1" in "".join(reader(each).text_content() for each in there)
    api.delete(f"/v1/workspaces/{name}?confirm={name}").raise_for_status()

    def is_free() -> bool:
        return api.post("/v1/workspaces", json={"slug": name, "name": "Another"}).status_code == 201

    await_condition(is_free, "the name to be free")
    told = "".join(reader(each).xpath("string(//main)") for each in there)
    assert "hunter" not in told
    assert "No CRON job is scheduled to run here" in told
