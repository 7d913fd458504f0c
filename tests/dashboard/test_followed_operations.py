"""Pages that follow operations in steps, incidents, the audit and the instance through events alone: their clock is
stopped, so nothing that appears comes from polling."""

from collections.abc import Callable

import httpx
import psycopg
import pytest
from playwright.sync_api import Page, expect

from alert_rows import add_incident
from conftest import await_condition
from dashboard.browser import Watched
from dashboard.runs import ended
from dashboard.test_followed import opened
from kronos.coming import Coming
from sql_factory import values

Connection = psycopg.Connection[tuple[object, ...]]
_NO_CLOCK = "window.setInterval = () => 0;"


@pytest.fixture
def follow(page: Watched) -> Callable[[str], Page]:
    page.begin_with(_NO_CLOCK)

    def open_it(path: str) -> Page:
        browser = opened(page, path)
        browser.evaluate("window.isHere = true")
        return browser

    return open_it


def _is_not_loaded_again(browser: Page) -> bool:
    return bool(browser.evaluate("window.isHere === true"))


def _books(api: httpx.Client, workspace: str) -> str:
    base = f"/v1/workspaces/{workspace}"
    body = {"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *", "name": "books"}
    api.post(f"{base}/jobs", json=body).raise_for_status()
    return base


def test_operations_appear_come_further_and_end_by_themselves(
    follow: Callable[[str], Page], api: httpx.Client, shared_superuser: Connection, workspace: str
) -> None:
    base = _books(api, workspace)
    listed = follow(f"/w/{workspace}/operations")
    body = {"action": "pause", "filter": {"tag": "reports"}, "note": "the move", "per_second": 1}
    begun = api.post(f"{base}/operations", json=body).raise_for_status().json()["operation_id"]
    expect(listed.get_by_role("link", name="Pause of jobs")).to_be_visible()
    assert _is_not_loaded_again(listed)
    one = follow(f"/w/{workspace}/operations/{begun}")
    for done in (13, 17, 40):
        shared_superuser.execute(
            "update kronos.operations set total = 40, done = %s where operation_id = %s", [done, begun]
        )
        expect(one.locator("#progress")).to_contain_text(f"{done} of 40")
    api.post(f"{base}/operations/{begun}/cancel").raise_for_status()
    expect(one.locator("#progress")).to_contain_text("cancelled")
    assert _is_not_loaded_again(one)


def test_a_backfill_of_somebody_else_comes_further_on_the_jobs_page(
    follow: Callable[[str], Page], api: httpx.Client, shared_superuser: Connection, workspace: str
) -> None:
    base = _books(api, workspace)
    browser = follow(f"/w/{workspace}/jobs/books")
    (backfill_id,) = values(
        shared_superuser,
        """
        insert into kronos.backfills (workspace_id, job_id, first_version_id, from_at, to_at, max_active, next_at,
                                      ticks)
        select job.workspace_id, job.job_id, job.first_version_id, now() - interval '9 years', now(), 1,
               now() - interval '9 years', 9
          from kronos.jobs as job
          join kronos.workspaces as workspace using (workspace_id)
         where workspace.slug = %s and job.name = 'books'
        returning backfill_id
        """,
        [workspace],
    )
    row = browser.locator("section[aria-labelledby=backfills] tbody tr")
    expect(row).to_contain_text("9 undecided")
    shared_superuser.execute("update kronos.backfills set left_out = 4 where backfill_id = %s", [backfill_id])
    expect(row).to_contain_text("5 undecided")
    api.post(f"{base}/backfills/{backfill_id}/cancel").raise_for_status()
    expect(row).to_contain_text("cancelled")
    assert _is_not_loaded_again(browser)


def test_an_incident_opens_is_acknowledged_told_in_vain_and_over_by_itself(
    follow: Callable[[str], Page], api: httpx.Client, shared_superuser: Connection, workspace: str
) -> None:
    base = _books(api, workspace)
    rule = {"condition": {"type": "FAILURES", "count": 3}}
    api.put(f"{base}/alert-rules/nights", json=rule).raise_for_status()
    browser = follow(f"/w/{workspace}/alerts")
    incident_id = add_incident(shared_superuser, workspace, rule="nights")
    main = browser.locator("main")
    expect(main.get_by_role("button", name="Acknowledge")).to_be_visible()
    api.post(f"{base}/incidents/{incident_id}/acknowledge", json={"note": "I have it"}).raise_for_status()
    expect(main).to_contain_text("I have it")
    told = ended(shared_superuser, workspace, "books", "SUCCESS")
    shared_superuser.execute(
        """
        insert into kronos.alert_notifications (execution_id, workspace_id, rule_id, rule, event, endpoint_id,
                                                incident_ids)
        select %(told)s, incident.workspace_id, incident.rule_id, incident.rule, 'OPENED', endpoint.endpoint_id,
               array[incident.incident_id]
          from kronos.incidents as incident
          join kronos.endpoints as endpoint on endpoint.workspace_id = incident.workspace_id
         where incident.incident_id = %(incident)s
        """,
        {"told": told, "incident": incident_id},
    )
    shared_superuser.execute(
        """
        insert into kronos.dead_letters (execution_id, workspace_id, endpoint_id, job_id, first_version_id, failed_at)
        select execution_id, workspace_id, endpoint_id, job_id, job_id, completed_at
          from kronos.execution_done where execution_id = %s
        """,
        [told],
    )
    expect(main).to_contain_text("could not be delivered")
    shared_superuser.execute("delete from kronos.dead_letters where execution_id = %s", [told])
    expect(main).not_to_contain_text("could not be delivered")
    shared_superuser.execute(
        "update kronos.incidents set status = 'RESOLVED', resolved_at = now(), resolution = 'RECOVERED'"
        " where incident_id = %s",
        [incident_id],
    )
    expect(main).to_contain_text("No alert rule is broken")
    assert _is_not_loaded_again(browser)


def test_each_change_comes_to_the_audit_of_the_workspace_and_of_the_instance(
    follow: Callable[[str], Page], api: httpx.Client, shared_superuser: Connection, workspace: str
) -> None:
    base = _books(api, workspace)
    failed = ended(shared_superuser, workspace, "books")
    changes: list[tuple[str, Callable[[], httpx.Response]]] = [
        ("execution.retry", lambda: api.post(f"{base}/executions/{failed}/retry")),
        ("job.create", lambda: api.post(f"{base}/jobs", json=_cron("fresh"))),
        ("job.pause", lambda: api.post(f"{base}/jobs/fresh/pause", json={"note": "x"})),
        ("heartbeat.create", lambda: api.put(f"{base}/heartbeats/b", json={"period_seconds": 3600})),
        ("operation.discard", lambda: api.post(f"{base}/dead-letters/discard", json={"error_type": "none_such"})),
    ]
    for path in (f"/w/{workspace}/audit?limit=1", "/system/audit?limit=1"):
        for action, change in changes:
            browser = follow(f"{path}&action={action}")
            before = browser.locator("tbody tr").all_inner_texts()
            answered = change() if "system" not in path else _again(api, base, action)
            assert answered.status_code in (200, 201, 202, 409), answered.text
            expect(browser.locator("tbody tr").first).not_to_have_text(before[0] if before else "none")
            assert _is_not_loaded_again(browser)
        changes = changes[1:2]


def _cron(name: str) -> dict[str, object]:
    return {"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *", "name": name}


def _again(api: httpx.Client, base: str, action: str) -> httpx.Response:
    assert action == "job.create"
    return api.post(f"{base}/jobs", json=_cron("another"))


def test_the_instances_pages_follow_what_is_done_and_say_how_old_their_measurements_are(
    follow: Callable[[str], Page],
    api: httpx.Client,
    shared_superuser: Connection,
    new_workspace: Callable[[], str],
    workspace: str,
) -> None:
    browser = follow("/w")
    name = new_workspace()
    expect(browser.get_by_role("link", name=name, exact=True)).to_be_visible()
    assert _is_not_loaded_again(browser)
    browser = follow("/system")
    expect(browser.locator("#instance > p").first).to_contain_text("Measured")
    with browser.expect_response(lambda answer: "hx-request" in answer.request.headers and "/system" in answer.url):
        api.patch(f"/v1/workspaces/{workspace}", json={"name": "Another"}).raise_for_status()
    assert _is_not_loaded_again(browser)


def test_a_workspaces_deletion_comes_further_though_it_is_gone(
    follow: Callable[[str], Page], shared_superuser: Connection
) -> None:
    (row,) = shared_superuser.execute(
        "insert into kronos.deletions (deleted_id, slug, name, counted, total, next_at)"
        " values (gen_random_uuid(), 'gone', 'Gone', '{}', 900, 'infinity') returning operation_id, deleted_id"
    ).fetchall()
    browser = follow(f"/system/deletions/{row[0]}?workspace={row[1]}")
    shared_superuser.execute("update kronos.deletions set done = 123 where operation_id = %s", [row[0]])
    expect(browser.locator("main")).to_contain_text("123 of about 900")
    shared_superuser.execute(
        "update kronos.deletions set status = 'COMPLETED', completed_at = now(), done = 901 where operation_id = %s",
        [row[0]],
    )
    expect(browser.locator("main")).to_contain_text("901 rows were deleted with it")
    assert _is_not_loaded_again(browser)


def test_the_overview_of_very_many_jobs_counts_the_next_hour_anew_and_a_namesakes_is_its_own(
    api: httpx.Client, new_workspace: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Coming, "_MANY", 1)
    monkeypatch.setattr(Coming, "_SECONDS", 3600.0)
    name = new_workspace()
    there = f"/v1/workspaces/{name}"
    hook = {"type": "HTTP", "spec": {"url": "http://127.0.0.1:9/", "method": "POST"}}

    def coming_jobs() -> int:
        return int(api.get(f"{there}/overview").json()["coming_jobs"])

    api.put(f"{there}/endpoints/sink", json=hook).raise_for_status()
    for nth in (1, 2):
        api.post(f"{there}/jobs", json={**_cron(f"job-{nth}"), "cron": "* * * * *"}).raise_for_status()
        assert coming_jobs() == nth
    api.post(f"{there}/jobs/job-1/pause", json={"note": "x"}).raise_for_status()
    assert coming_jobs() == 1
    api.delete(f"{there}?confirm={name}").raise_for_status()
    await_condition(
        lambda: api.post("/v1/workspaces", json={"slug": name, "name": "Another"}).status_code == 201,
        "the name to be free",
    )
    assert coming_jobs() == 0
